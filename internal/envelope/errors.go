package envelope

import (
	"errors"
	"fmt"
)

// Every error of Open matches ErrCorrupt with errors.Is, and where one of the
// others says more precisely what is wrong, that one too.
var (
	// ErrCorrupt means that the bytes are not what Seal wrote under that key.
	ErrCorrupt = errors.New("envelope: corrupt record")
	// ErrTruncated means that the record is shorter than its header says, or
	// than any header.
	ErrTruncated = errors.New("envelope: truncated record")
	// ErrChecksum means that the SHA-256 does not match: some bit changed.
	ErrChecksum = errors.New("envelope: checksum does not match")
	// ErrKeyMismatch means that an intact record lay under another key than
	// the one it was sealed for.
	ErrKeyMismatch = errors.New("envelope: sealed for another key")
	// ErrMAC means that a MAC key is set and the record is unsigned, or signed
	// with another key.
	ErrMAC = errors.New("envelope: signature missing or wrong")
	// ErrTooLarge means that a payload is, or claims to be, over
	// Options.MaxSize. Seal returns it too, there without ErrCorrupt.
	ErrTooLarge = errors.New("envelope: payload too large")
	// ErrFormat means that the bytes are no envelope, or one of a format or
	// compression that this version does not know. A newer version of reprise
	// may be able to read them.
	ErrFormat = errors.New("envelope: foreign or newer format")
	// ErrCodecName is returned by Seal for a codec name over MaxCodecName.
	ErrCodecName = errors.New("envelope: codec name too long")
)

// openError is what Open returns: a kind, and what was found.
type openError struct {
	kind   error
	detail string
}

func refuse(kind error, format string, args ...any) error {
	return &openError{kind: kind, detail: fmt.Sprintf(format, args...)}
}

func (e *openError) Error() string { return e.kind.Error() + ": " + e.detail }

func (e *openError) Unwrap() []error { return []error{e.kind, ErrCorrupt} }
