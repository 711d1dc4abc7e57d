package version

import (
	"bytes"
	"encoding/binary"
	"os"
	"runtime/debug"
	"strings"
	"testing"
)

// elfWith builds a 64-bit little-endian ELF file whose only segment holds
// notes.
func elfWith(notes []byte) []byte {
	b := make([]byte, 64+56)
	copy(b, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	le.PutUint64(b[32:], 64) // program headers
	le.PutUint16(b[54:], 56)
	le.PutUint16(b[56:], 1)
	ph := b[64:]
	le.PutUint32(ph, 4) // PT_NOTE
	le.PutUint64(ph[8:], uint64(len(b)))
	le.PutUint64(ph[32:], uint64(len(notes)))
	return append(b, notes...)
}

func note(name string, kind uint32, body string) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, uint32(len(name)))
	b = le.AppendUint32(b, uint32(len(body)))
	b = le.AppendUint32(b, kind)
	for _, s := range []string{name, body} {
		b = append(b, s...)
		b = append(b, make([]byte, -len(s)&3)...)
	}
	return b
}

const someID = "action/main/package/AbCdEfGhIjKlMnOpQr-_"

func TestGoBuildID_formats(t *testing.T) {
	marked := "\xff Go build ID: \"" + someID + "\"\n \xff"
	goNote := note("Go\x00\x00", 4, someID)
	bigEndian := elfWith(goNote)
	bigEndian[5] = 2
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"ELF", elfWith(goNote), someID},
		{"ELF, other notes first", elfWith(append(append(note("GNU\x00", 3, "12345"), note("Go\x00\x00", 3, "no")...), goNote...)), someID},
		{"ELF without the note", elfWith(note("GNU\x00", 3, "1234")), ""},
		{"ELF, the marker does not count", append(elfWith(nil), marked...), ""},
		{"ELF, note longer than the file", elfWith(goNote[:len(goNote)-4]), ""},
		{"ELF, other byte order", bigEndian, ""},
		{"ELF, cut off", elfWith(goNote)[:40], ""},
		{"marker", []byte("MZ..." + marked), someID},
		{"marker without end", []byte("MZ..." + marked[:len(marked)-1]), ""},
		{"marker, not quoted", []byte("MZ\xff Go build ID: x\n \xff"), ""},
		{"marker too far in", []byte("MZ" + strings.Repeat("x", headSize) + marked), ""},
		{"Mach-O without commands", append([]byte("\xcf\xfa\xed\xfe"), make([]byte, 200)...), ""},
		{"empty", nil, ""},
		{"text", []byte("#!/bin/sh\n"), ""},
	} {
		if got := goBuildID(bytes.NewReader(c.file)); got != c.want {
			t.Errorf("%s: found %q, want %q", c.name, got, c.want)
		}
	}
}

func TestBuildID_libraries(t *testing.T) {
	for mode, ok := range map[string]bool{"exe": true, "pie": true, "c-shared": false, "c-archive": false, "plugin": false, "shared": false} {
		err := checkBuildMode(&debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "-race", Value: "true"}, {Key: "-buildmode", Value: mode}}})
		if (err == nil) != ok {
			t.Errorf("-buildmode=%s: error %v", mode, err)
		}
		if err != nil {
			wantError(t, err, "-buildmode="+mode)
		}
	}
}

func TestContentID(t *testing.T) {
	for id, want := range map[string]string{
		someID:                       "AbCdEfGhIjKlMnOpQr-_",
		"a/" + "AbCdEfGhIjKlMnOpQr-": "", // too short
		"AbCdEfGhIjKlMnOpQr-_":       "", // one part only
		"a/AbCdEfGhIjKlMnOpQr+_":     "",
		"redacted":                   "",
		"a/b/fixed":                  "",
		"":                           "",
		"a/":                         "",
	} {
		got, ok := contentID(id)
		if ok != (want != "") || ok && got != want {
			t.Errorf("contentID(%q) = %q, %v, want %q", id, got, ok, want)
		}
	}
}

// FuzzGoBuildID feeds damaged executables: no panic, no unbounded read, and no
// ID that is not in the file.
func FuzzGoBuildID(f *testing.F) {
	f.Add(elfWith(note("Go\x00\x00", 4, someID)))
	f.Add([]byte("MZ\xff Go build ID: \"a/b\"\n \xff"))
	macho := make([]byte, 32+72+80)
	copy(macho, "\xcf\xfa\xed\xfe")
	binary.LittleEndian.PutUint32(macho[32:], 0x19)
	binary.LittleEndian.PutUint32(macho[36:], 72+80)
	copy(macho[32+72:], "__text\x00")
	f.Add(append(macho, "\xff Go build ID: \"a/b\"\n \xff"...))
	if exe, err := os.Executable(); err == nil {
		if file, err := os.Open(exe); err == nil {
			f.Add(readSome(file, 0, 5000))
			file.Close()
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		id := goBuildID(bytes.NewReader(file))
		if content, ok := contentID(id); ok && !bytes.Contains(file, []byte(content)) {
			t.Errorf("%q is not in the file", content)
		}
	})
}

func BenchmarkBuildID_read(b *testing.B) {
	for b.Loop() {
		f, err := openRunning()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := executableID(f); err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}

func BenchmarkBuildID_policy(b *testing.B) {
	p := BuildID()
	for b.Loop() {
		if _, err := p.Version(b.Context(), "", Params{}); err != nil {
			b.Fatal(err)
		}
	}
}
