package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

const (
	// sealWindow is how far back the compressor looks, in bytes. Whoever opens
	// a record needs that much memory besides the payload.
	sealWindow = 1 << 20

	// openWindow is the largest window a record may ask for: what RFC 8878
	// recommends every decoder to support, so that records written with other
	// settings can be read.
	openWindow = 8 << 20

	// inflateFirst is what inflate allocates at most before it has seen data.
	inflateFirst = 1 << 20
)

// deflator compresses and inflates with pooled coders of concurrency 1, which
// start no goroutines. The first use of each makes it: a program that opens no
// compressed record pays nothing.
type deflator struct {
	encoders sync.Pool // of *zstd.Encoder
	decoders sync.Pool // of *inflater
}

// inflater is a decoder with its source, pooled together.
type inflater struct {
	*zstd.Decoder

	src   bytes.Reader
	probe [1]byte
}

// deflate appends src to dst as one zstd frame. It leaves out zstd's own
// checksum: the envelope's covers the frame.
func (d *deflator) deflate(dst, src []byte) ([]byte, error) {
	e, ok := d.encoders.Get().(*zstd.Encoder)
	if !ok {
		var err error
		e, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithWindowSize(sealWindow), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
		if err != nil {
			return dst, fmt.Errorf("envelope: zstd: %w", err)
		}
	}
	defer d.encoders.Put(e)
	return e.EncodeAll(src, dst), nil
}

// inflate returns the plain bytes that src is the compressed form of. It reads
// a stream, and its buffer grows with what really arrives, never by the
// claimed length or by what zstd's own header claims.
func (d *deflator) inflate(src []byte, plain int) ([]byte, error) {
	r, err := d.inflater(src)
	if err != nil {
		return nil, err
	}
	defer d.done(r)
	out := make([]byte, 0, min(plain, max(inflateFirst, 4*len(src))))
	for len(out) < plain {
		if len(out) == cap(out) {
			out = grow(out, plain)
		}
		n, err := r.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		if errors.Is(err, io.EOF) && len(out) == plain {
			return out, nil
		}
		if err != nil {
			return nil, refuse(ErrCorrupt, "zstd after %d of %d bytes: %v", len(out), plain, err)
		}
	}
	return out, r.expectEnd(plain)
}

// expectEnd checks that nothing follows the payload.
func (r *inflater) expectEnd(plain int) error {
	n, err := io.ReadFull(r, r.probe[:])
	if n > 0 {
		return refuse(ErrCorrupt, "zstd holds more than the %d bytes it should", plain)
	}
	if !errors.Is(err, io.EOF) {
		return refuse(ErrCorrupt, "zstd after %d bytes: %v", plain, err)
	}
	return nil
}

// grow doubles b's capacity, up to limit.
func grow(b []byte, limit int) []byte {
	next := make([]byte, len(b), min(2*cap(b), limit))
	copy(next, b)
	return next
}

// inflater returns a decoder that reads src.
func (d *deflator) inflater(src []byte) (*inflater, error) {
	r, ok := d.decoders.Get().(*inflater)
	if !ok {
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(openWindow), zstd.WithDecoderMaxMemory(openWindow))
		if err != nil {
			return nil, fmt.Errorf("envelope: zstd: %w", err)
		}
		r = &inflater{Decoder: z}
	}
	r.src.Reset(src)
	if err := r.Reset(&r.src); err != nil {
		return nil, refuse(ErrCorrupt, "zstd: %v", err)
	}
	return r, nil
}

// done gives r back, without its hold on the record.
func (d *deflator) done(r *inflater) {
	r.src.Reset(nil)
	if r.Reset(nil) == nil {
		d.decoders.Put(r)
	}
}
