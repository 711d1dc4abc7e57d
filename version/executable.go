package version

import (
	"bytes"
	"encoding/binary"
	"io"
	"strconv"
	"strings"
)

const (
	// headSize is read from the start of an executable. The Go linker puts the
	// ELF note, and the marker of formats that have no notes, inside it.
	headSize = 32 << 10
	// noteSize bounds a segment of notes: real ones hold a few hundred bytes.
	noteSize = 64 << 10
)

// goBuildID finds the build ID that the go command wrote into the executable
// r, of the form actionID/…/contentID. It returns "" where there is none or
// where r is no executable it understands: nothing here is an error, for the
// whole file can always be hashed instead.
func goBuildID(r io.ReaderAt) string {
	head := readSome(r, 0, headSize)
	switch {
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		return elfBuildID(r, head)
	case bytes.HasPrefix(head, []byte("\xcf\xfa\xed\xfe")):
		return machoBuildID(r, head)
	}
	return markedBuildID(head)
}

// readSome reads up to n bytes at off, fewer at the end of the file.
func readSome(r io.ReaderAt, off int64, n int) []byte {
	if off < 0 {
		return nil
	}
	b := make([]byte, n)
	got, _ := r.ReadAt(b, off)
	return b[:got]
}

// contentIDLen is the length of the go command's IDs: 120 bits in base64.
const contentIDLen = 20

// contentID is the last part of a build ID: the go command's hash of the
// executable, or, where it skips that, of everything that the executable is
// made from. An ID that does not look like the go command's was set by hand
// (-ldflags=-buildid=redacted) and says nothing about the code.
func contentID(buildID string) (string, bool) {
	i := strings.LastIndexByte(buildID, '/')
	if i < 0 {
		return "", false
	}
	id := buildID[i+1:]
	return id, len(id) == contentIDLen && strings.Trim(id, base64URL) == ""
}

const base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// elfBuildID reads the note "Go" of type 4 through the program headers, which
// stripping leaves in place.
func elfBuildID(r io.ReaderAt, head []byte) string {
	h, ok := parseELF(head)
	if !ok {
		return ""
	}
	for i := range h.phnum {
		ph := readSome(r, int64(h.phoff)+int64(i)*int64(h.phentsize), h.entryLen)
		if len(ph) < h.entryLen || h.order.Uint32(ph) != 4 { // PT_NOTE
			continue
		}
		off, size := h.segment(ph)
		notes := readSome(r, int64(off), int(min(size, noteSize)))
		if id := goNote(notes, h.order); id != "" {
			return id
		}
	}
	return ""
}

// elfHeader is what finding the program headers takes.
type elfHeader struct {
	order     binary.ByteOrder
	wide      bool // 64-bit
	phoff     uint64
	phnum     int
	phentsize int // from one program header to the next
	entryLen  int // bytes of one that are read
}

func parseELF(head []byte) (elfHeader, bool) {
	if len(head) < 64 {
		return elfHeader{}, false
	}
	h := elfHeader{order: binary.LittleEndian, wide: head[4] == 2, entryLen: 32}
	if head[5] == 2 {
		h.order = binary.BigEndian
	}
	if h.wide {
		h.phoff, h.entryLen = h.order.Uint64(head[32:]), 56
		h.phentsize, h.phnum = int(h.order.Uint16(head[54:])), int(h.order.Uint16(head[56:]))
	} else {
		h.phoff = uint64(h.order.Uint32(head[28:]))
		h.phentsize, h.phnum = int(h.order.Uint16(head[42:])), int(h.order.Uint16(head[44:]))
	}
	// A thousand segments are far more than any linker writes; a damaged
	// header must not cost 65,535 reads.
	return h, h.phentsize >= h.entryLen && h.phnum <= 1000 && h.phoff < 1<<62
}

// segment returns where the segment of a program header lies in the file.
func (h elfHeader) segment(ph []byte) (off, size uint64) {
	if h.wide {
		return h.order.Uint64(ph[8:]), h.order.Uint64(ph[32:])
	}
	return uint64(h.order.Uint32(ph[4:])), uint64(h.order.Uint32(ph[16:]))
}

// goNote walks ELF notes: three sizes, a name and a body, each padded to four
// bytes.
func goNote(notes []byte, order binary.ByteOrder) string {
	for len(notes) >= 12 {
		nameLen, bodyLen := uint64(order.Uint32(notes)), uint64(order.Uint32(notes[4:]))
		kind := order.Uint32(notes[8:])
		bodyAt := 12 + (nameLen+3)&^3
		end := bodyAt + bodyLen
		if end > uint64(len(notes)) {
			return ""
		}
		if kind == 4 && string(notes[12:12+nameLen]) == "Go\x00\x00" {
			return string(notes[bodyAt:end])
		}
		notes = notes[min((end+3)&^3, uint64(len(notes))):]
	}
	return ""
}

// machoBuildID looks for the marker where the section __text begins, through
// the load commands of a 64-bit Mach-O file.
func machoBuildID(r io.ReaderAt, head []byte) string {
	const (
		headerLen, segmentLen, sectionLen = 32, 72, 80
		segment64                         = 0x19
	)
	le := binary.LittleEndian
	for at := headerLen; at+segmentLen <= len(head); {
		size := int64(le.Uint32(head[at+4:]))
		if size < 8 || int64(at)+size > int64(len(head)) {
			return ""
		}
		cmd := head[at : at+int(size)]
		at += int(size)
		if le.Uint32(cmd) != segment64 || len(cmd) < segmentLen {
			continue
		}
		for s := cmd[segmentLen:]; len(s) >= sectionLen; s = s[sectionLen:] {
			if bytes.HasPrefix(s, []byte("__text\x00")) {
				return markedBuildID(readSome(r, int64(le.Uint32(s[48:])), headSize))
			}
		}
	}
	return ""
}

// markedBuildID reads the ID that the linker puts before the first function
// where the format has no notes (Windows, macOS, Plan 9).
func markedBuildID(data []byte) string {
	const begin, end = "\xff Go build ID: ", "\n \xff"
	_, data, ok := bytes.Cut(data, []byte(begin))
	if !ok {
		return ""
	}
	quoted, _, ok := bytes.Cut(data, []byte(end))
	if !ok {
		return ""
	}
	id, err := strconv.Unquote(string(quoted))
	if err != nil {
		return ""
	}
	return id
}
