package inspect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/reprise-go/reprise/internal/envelope"
	"github.com/reprise-go/reprise/store"
)

// Imported says what became of a bundle's entries.
type Imported struct {
	Counts      // that were stored
	Read    int `json:"read"`    // entries in the bundle, as far as it was read
	Present int `json:"present"` // the store has one under the key that is as new
	Expired int `json:"expired"`
	Cleared int `json:"cleared"` // the store remembers a clear of the key, or of a label
	Refused int `json:"refused"` // too large for this store
	Scoped  int `json:"scoped"`  // of those stored: see Foreign
	// Foreign is true where the bundle comes from another store. Its scoped
	// entries are found only by caches that use the same Config.Secret.
	Foreign bool `json:"foreign"`
}

// ImportOptions change an Import. Nil is the zero value.
type ImportOptions struct {
	// Cleared also imports entries that this store remembers to have been
	// cleared: for a bundle from elsewhere that was made after the clear.
	Cleared bool
}

// Import stores the entries of a bundle. Each entry is checked before it is
// stored; the first that fails ends the import with ErrBundle, as does a bundle
// without its end, and the result says what had been stored. Importing again
// does no harm.
//
// An entry keeps its labels, cost, manifest and the moment at which it
// expires; when it was made becomes the time of the import, for stores stamp
// that themselves. It is not stored where the store has a live entry under its
// key that was made later, nor where the store remembers a clear of the key or
// of a label of it: of a bundle from this store, one after the entry's
// execution began; of others, any, for nobody can tell which came first. What
// is stored, or cleared, from the beginning of the import on wins over it.
//
// With Options.Signing the bundle and every value must be signed.
func (i *Inspector) Import(ctx context.Context, r io.Reader, o *ImportOptions) (Imported, error) {
	im := importer{Inspector: i}
	if o != nil {
		im.o = *o
	}
	err := im.run(ctx, r)
	if err != nil && im.done.Read > 0 {
		err = fmt.Errorf("%w (after %d entries, of which %d were stored)", err, im.done.Read, im.done.Entries)
	}
	return im.done, wrap("import", err)
}

// importer is an Import under way.
type importer struct {
	*Inspector
	o        ImportOptions
	exported time.Time
	now      time.Time // the store's clock, when it was asked
	asked    time.Time
	begun    uint64 // for entries from elsewhere
	gens     generations
	gone     map[store.Key]bool // keys whose clear the store remembers
	done     Imported
}

func (im *importer) run(ctx context.Context, r io.Reader) error {
	maxValue := im.Inspector.o.MaxValue
	if maxValue == 0 {
		maxValue = envelope.DefaultMaxSize
	}
	b, h, err := newBundleReader(r, im.Inspector.o.Signing, maxValue+sealedOver)
	if err != nil {
		return err
	}
	if err := im.begin(ctx, h); err != nil {
		return err
	}
	for {
		e, value, err := b.entry()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := im.entry(ctx, e, value); err != nil {
			return err
		}
		im.done.Read++
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// sealedOver is by how much a sealed value may be longer than its payload.
const sealedOver = envelope.Overhead + envelope.MaxCodecName + 32

// begin prepares for entries of the bundle.
func (im *importer) begin(ctx context.Context, h *bundleHeader) error {
	im.asked = time.Now()
	info, err := im.store.Info(ctx)
	if err != nil {
		return err
	}
	im.exported, im.now = time.UnixMicro(h.Exported), info.Now
	im.done.Foreign = !bytes.Equal(h.Source, sourceOf(info.ID))
	// Taking a number makes all that begins from now on newer than what is
	// imported.
	nobody := randomKey()
	now, err := im.store.Clear(ctx, nobody)
	if err != nil {
		return err
	}
	im.begun = now.Seq - 1
	if im.o.Cleared {
		return nil
	}
	if im.gens, err = im.generations(ctx); err != nil || !im.done.Foreign {
		return err
	}
	im.gone, err = im.clearedKeys(ctx, im.begun)
	delete(im.gone, nobody)
	return err
}

// entry stores an entry, or counts why not.
func (im *importer) entry(ctx context.Context, e *bundleEntry, value []byte) error {
	rec, err := e.record(value)
	if err != nil {
		return broken("entry %d has %w", im.done.Read+1, err)
	}
	if _, _, err := im.sealer.Open(value, rec.Key); err != nil {
		return broken("entry %d (key %s…): %w", im.done.Read+1, rec.Key.Short(), err)
	}
	old := rec.Begun
	if im.done.Foreign || im.o.Cleared {
		rec.Begun, old = im.begun, 0
	}
	if im.gone[rec.Key] || im.gens.cleared(&rec.Labels, rec.Policy, old) {
		im.done.Cleared++
		return nil
	}
	page, err := im.store.List(ctx, store.Query{Key: &rec.Key})
	if err != nil {
		return err
	}
	mode := store.PutPublish
	if len(page.Records) > 0 {
		if !page.Records[0].Created.Before(rec.Created) {
			im.done.Present++
			return nil
		}
		mode = store.PutRefresh
	}
	return im.put(ctx, rec, mode)
}

func (im *importer) put(ctx context.Context, rec *store.Record, mode store.PutMode) error {
	if !rec.Expires.IsZero() {
		// Not longer than it had when it was exported, should this store's clock
		// be behind.
		now := im.now.Add(time.Since(im.asked))
		rec.TTL = min(rec.Expires.Sub(now), rec.Expires.Sub(im.exported))
		if rec.TTL <= 0 {
			im.done.Expired++
			return nil
		}
	}
	_, err := im.store.Put(ctx, rec, mode)
	switch {
	case errors.Is(err, store.ErrSuperseded):
		im.done.Cleared++
		return nil
	case errors.Is(err, store.ErrTooLarge):
		im.done.Refused++
		return nil
	case errors.Is(err, store.ErrFull):
		return fmt.Errorf("the store has no room left; clear entries, or raise its quota, and import again: %w", err)
	case err != nil:
		return err
	}
	im.done.add(store.Totals{Entries: 1, Bytes: rec.Size, Cost: rec.Cost})
	if parts, err := partsOf(rec); err == nil && scoped(parts) {
		im.done.Scoped++
	}
	return nil
}

// clearedKeys are the keys whose clear the store can still tell, up to a
// number. How far back that is it says only by asking for a flush beyond: so
// go back in growing steps, and then halve what is between.
func (im *importer) clearedKeys(ctx context.Context, upto uint64) (map[store.Key]bool, error) {
	told, err := im.store.Changes(ctx, 1)
	if err != nil {
		return nil, err
	}
	lost, kept := uint64(1), upto // flushed, and not
	look := func(since uint64) error {
		c, err := im.store.Changes(ctx, since)
		if c.Flush {
			lost = since
		} else {
			kept, told = since, c
		}
		return err
	}
	if told.Flush {
		told = store.Changes{}
		for back := uint64(256); err == nil && lost == 1 && back < upto; back *= 4 {
			err = look(upto - back)
		}
		for range 6 {
			if mid := lost + (kept-lost)/2; err == nil && mid > lost {
				err = look(mid)
			}
		}
	}
	gone := map[store.Key]bool{}
	for _, k := range told.Keys {
		if k.Gone {
			gone[k.Key] = true
		}
	}
	return gone, err
}
