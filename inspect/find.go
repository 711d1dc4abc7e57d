package inspect

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/reprise-go/reprise/internal/envelope"
	"github.com/reprise-go/reprise/store"
)

const (
	// minPrefix is the fewest digits that may stand for a key.
	minPrefix = 4
	// maxAmbiguous bounds the keys that an AmbiguousError lists.
	maxAmbiguous = 10
)

// found is an entry as the store lists it, with its manifest.
type found struct {
	rec   store.Record
	state State
	now   time.Time // the store's clock
}

// find finds the entry that ref names.
func (i *Inspector) find(ctx context.Context, ref string) (*found, error) {
	key, err := i.resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	info, err := i.store.Info(ctx)
	if err != nil {
		return nil, err
	}
	for _, all := range []bool{false, true} {
		page, err := i.store.List(ctx, store.Query{Key: &key, All: all, Manifests: true})
		if err != nil {
			return nil, err
		}
		if len(page.Records) == 0 || reserved(&page.Records[0].Labels) {
			continue
		}
		f := &found{rec: page.Records[0], state: Live, now: info.Now}
		if all {
			f.state = stateOf(&f.rec, info.Now, Hidden)
		}
		return f, nil
	}
	return nil, fmt.Errorf("%s: %w: it was never stored here, or it was cleared, or it has expired and was swept", ref, ErrNotFound)
}

// stateOf is Expired, or else what the entry is.
func stateOf(rec *store.Record, now time.Time, or State) State {
	if !rec.Expires.IsZero() && !now.Before(rec.Expires) {
		return Expired
	}
	return or
}

// resolve finds the key that ref is, or begins.
func (i *Inspector) resolve(ctx context.Context, ref string) (store.Key, error) {
	digits := strings.ToLower(ref)
	if len(digits) == 2*len(store.Key{}) {
		key, err := store.ParseKey(digits)
		if err != nil {
			return key, fmt.Errorf("%w: %q: want hexadecimal digits", ErrBadKey, ref)
		}
		return key, nil
	}
	padded, err := hex.DecodeString(digits + strings.Repeat("0", len(digits)%2))
	switch {
	case err != nil:
		return store.Key{}, fmt.Errorf("%w: %q: want hexadecimal digits", ErrBadKey, ref)
	case len(digits) < minPrefix || len(padded) > len(store.Key{}):
		return store.Key{}, fmt.Errorf("%w: %q: want 64 hexadecimal digits, or the first %d or more", ErrBadKey, ref, minPrefix)
	}
	return i.expand(ctx, digits, padded)
}

// expand finds the only key that begins with digits.
func (i *Inspector) expand(ctx context.Context, digits string, least []byte) (store.Key, error) {
	var keys []store.Key
	err := i.pages(ctx, store.Query{All: true}, func(page *store.Page) error {
		for r := range page.Records {
			rec := &page.Records[r]
			if slices.Compare(rec.Key[:], least) < 0 || reserved(&rec.Labels) {
				continue
			}
			if !strings.HasPrefix(rec.Key.String(), digits) || len(keys) > maxAmbiguous {
				return errEnough // keys are sorted
			}
			keys = append(keys, rec.Key)
		}
		return nil
	})
	switch {
	case err != nil:
		return store.Key{}, err
	case len(keys) == 0:
		return store.Key{}, fmt.Errorf("%s…: %w: no key begins so", digits, ErrNotFound)
	case len(keys) > 1:
		return store.Key{}, ambiguous(digits, keys)
	}
	return keys[0], nil
}

func ambiguous(digits string, keys []store.Key) error {
	e := &AmbiguousError{Prefix: digits, More: len(keys) > maxAmbiguous}
	for _, k := range keys[:min(len(keys), maxAmbiguous)] {
		e.Keys = append(e.Keys, k.String())
	}
	return e
}

// open reads and checks the value of an entry. The payload is the caller's
// own.
func (i *Inspector) open(ctx context.Context, f *found) ([]byte, ValueInfo, error) {
	lk, err := i.store.Get(ctx, f.rec.Key)
	switch {
	case err != nil:
		return nil, ValueInfo{}, err
	case lk.Damaged:
		return nil, ValueInfo{}, fmt.Errorf("%s: %w: it is lost or cannot be read", f.rec.Key.Short(), ErrDamaged)
	case !lk.Found:
		return nil, ValueInfo{}, fmt.Errorf("%s: %w: its value is gone", f.rec.Key.Short(), ErrNotFound)
	}
	payload, h, err := i.sealer.Open(lk.Record.Value, f.rec.Key)
	if err != nil {
		return nil, ValueInfo{}, fmt.Errorf("%s: %w: %w", f.rec.Key.Short(), ErrDamaged, err)
	}
	return payload, infoOf(&h), nil
}

func infoOf(h *envelope.Header) ValueInfo {
	return ValueInfo{Codec: h.Codec, Plain: h.Plain, Compressed: h.Compressed, Signed: h.Signed}
}
