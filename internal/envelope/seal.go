package envelope

import (
	"crypto/sha256"
	"fmt"
	"slices"
)

// Overhead is by how many bytes a record that is not compressed is longer than
// its payload and its codec's name together. A signature adds another 32.
const Overhead = fixedSize + sumSize

// Seal appends a sealed record of payload to dst and returns the longer slice,
// as append does. Of h it uses Codec and Key. The payload is only read, and
// must not lie in the unused capacity of dst. On an error it returns dst as it
// was: ErrTooLarge for a payload over MaxSize, ErrCodecName for a name over
// MaxCodecName.
func (s *Sealer) Seal(dst []byte, h Header, payload []byte) ([]byte, error) {
	if len(h.Codec) > MaxCodecName {
		return dst, fmt.Errorf("%w: %d bytes, at most %d", ErrCodecName, len(h.Codec), MaxCodecName)
	}
	if int64(len(payload)) > s.maxSize {
		return dst, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(payload), s.maxSize)
	}
	begin := len(dst)
	dst = appendHeader(dst, &h, len(payload), s.mac != nil)
	dst, err := s.appendPayload(dst, begin, payload)
	if err != nil {
		return dst[:begin], err
	}
	sum := sha256.Sum256(dst[begin:])
	dst = append(dst, sum[:]...)
	if s.mac != nil {
		mac := s.mac.sign(sum[:])
		dst = append(dst, mac[:]...)
	}
	return dst, nil
}

// appendPayload appends payload to dst, whose header begins at begin,
// compressed where that pays.
func (s *Sealer) appendPayload(dst []byte, begin int, payload []byte) ([]byte, error) {
	plainAt := len(dst)
	if s.compressAbove >= 0 && len(payload) > s.compressAbove {
		out, err := s.zstd.deflate(dst, payload)
		if err != nil {
			return dst, err
		}
		if stored := len(out) - plainAt; pays(stored, len(payload)) {
			markDeflated(out[begin:], stored)
			return out, nil
		}
		dst = out[:plainAt]
	}
	dst = slices.Grow(dst, len(payload)+2*sumSize)
	return append(dst, payload...), nil
}

// pays says whether compression made a payload at least a tenth smaller. Less
// is not worth inflating at every read.
func pays(stored, plain int) bool { return stored <= plain-plain/10 }
