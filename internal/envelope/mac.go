package envelope

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// macDomain goes before the checksum in what is signed, so that a signature
// cannot come from, or serve for, anything else keyed with the same secret.
const macDomain = "reprise envelope 1\x00"

// signer makes HMAC-SHA-256 signatures. It signs the record's SHA-256 instead
// of the record: that binds the same bytes and reads them only once.
type signer struct {
	pool sync.Pool // of *keyed, which are keyed once and then reset
}

type keyed struct {
	hash.Hash

	in  [len(macDomain) + sumSize]byte
	out [sumSize]byte
}

func newSigner(key []byte) *signer {
	key = append([]byte(nil), key...)
	return &signer{pool: sync.Pool{New: func() any {
		k := &keyed{Hash: hmac.New(sha256.New, key)}
		copy(k.in[:], macDomain)
		return k
	}}}
}

// sign returns the signature of a record with that checksum.
func (s *signer) sign(sum []byte) [sumSize]byte {
	k := s.pool.Get().(*keyed)
	defer s.pool.Put(k)
	k.Reset()
	copy(k.in[len(macDomain):], sum)
	k.Write(k.in[:])
	k.Sum(k.out[:0])
	return k.out
}

// verify reports in constant time whether mac is the signature.
func (s *signer) verify(sum, mac []byte) bool {
	want := s.sign(sum)
	return hmac.Equal(want[:], mac)
}
