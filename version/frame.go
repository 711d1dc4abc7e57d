package version

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// frame joins parts so that no two lists of parts give the same bytes: the
// number of parts, then each part behind its length, all numbers as 8 bytes,
// most significant first.
func frame(parts ...string) []byte {
	size := 8
	for _, p := range parts {
		size += 8 + len(p)
	}
	b := binary.BigEndian.AppendUint64(make([]byte, 0, size), uint64(len(parts)))
	for _, p := range parts {
		b = binary.BigEndian.AppendUint64(b, uint64(len(p)))
		b = append(b, p...)
	}
	return b
}

// digest is the hex SHA-256 of kind and parts, framed. The kind keeps what one
// policy hashes apart from what another does; its number is the version of
// the format.
func digest(kind string, parts ...string) string {
	sum := sha256.Sum256(frame(append([]string{"reprise/version/1/" + kind}, parts...)...))
	return hex.EncodeToString(sum[:])
}

// shortDigits are enough for people to tell components apart, and too few to
// be mistaken for the value.
const shortDigits = 16

// short is a digest for Component.
func short(kind string, parts ...string) string {
	return digest(kind, parts...)[:shortDigits]
}
