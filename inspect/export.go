package inspect

import (
	"context"
	"errors"
	"io"

	"github.com/reprise-go/reprise/store"
)

// Exported says what went into a bundle.
type Exported struct {
	Counts
	Blobs   int `json:"blobs"`   // of Entries: output files that recorded runs refer to
	Scoped  int `json:"scoped"`  // of Entries: tied to a user, operator, prompt or token
	Skipped int `json:"skipped"` // damaged entries, which were left out
}

// Export writes the live entries that s selects as a bundle; docs/bundle.md
// specifies it. Nothing that s selects is left out but what is damaged, and,
// where Options.References is set, output files of commands to which no
// exported run refers. The bundle holds values, and previews of inputs, as the
// store has them. An error comes with what was written so far, which is no
// bundle.
func (i *Inspector) Export(ctx context.Context, w io.Writer, s Selection) (Exported, error) {
	e := exporter{Inspector: i, blobs: map[string]bool{}}
	err := e.run(ctx, w, &s)
	return e.done, wrap("export", err)
}

// exporter is an Export under way.
type exporter struct {
	*Inspector
	w     *bundleWriter
	gens  generations
	blobs map[string]bool // those written
	done  Exported
}

func (e *exporter) run(ctx context.Context, w io.Writer, s *Selection) error {
	q, err := e.selected(ctx, s)
	if err != nil {
		return err
	}
	info, err := e.store.Info(ctx)
	if err != nil {
		return err
	}
	if e.gens, err = e.generations(ctx); err != nil {
		return err
	}
	if e.w, err = newBundleWriter(w, e.o.Signing, info.ID, info.Now); err != nil {
		return err
	}
	byReference := e.o.References != nil && sparesBlobs(&q)
	q.Manifests, q.Limit = true, maxPage
	err = e.pages(ctx, q, func(page *store.Page) error {
		for r := range page.Records {
			rec := &page.Records[r]
			if reserved(&rec.Labels) || byReference && isBlob(&rec.Labels) {
				continue
			}
			if err := e.entry(ctx, rec); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return e.w.close()
}

// selected is s for the store.
func (e *exporter) selected(ctx context.Context, s *Selection) (store.Query, error) {
	if *s == (Selection{}) {
		return store.Query{}, nil
	}
	if err := s.check(); err != nil {
		return store.Query{}, err
	}
	if s.Key != "" {
		f, err := e.find(ctx, s.Key)
		if err != nil {
			return store.Query{}, err
		}
		return store.Query{Key: &f.rec.Key}, nil
	}
	return e.query(ctx, s)
}

// entry writes an entry, after the output files that it needs: a bundle that
// is cut short has no run without them.
func (e *exporter) entry(ctx context.Context, listed *store.Record) error {
	rec, payload, err := e.read(ctx, listed)
	if err != nil || rec == nil {
		return err
	}
	if e.o.References != nil && listed.Labels.Kind == store.KindFunction && listed.Labels.Collection == Commands {
		for _, name := range e.o.References(payload) {
			if err := e.blob(ctx, name); err != nil {
				return err
			}
		}
	}
	return e.write(rec)
}

func (e *exporter) write(rec *store.Record) error {
	if err := e.w.entry(rec); err != nil {
		return err
	}
	e.done.add(store.Totals{Entries: 1, Bytes: rec.Size, Cost: rec.Cost})
	if parts, err := partsOf(rec); err == nil && scoped(parts) {
		e.done.Scoped++
	}
	return nil
}

// blob writes the piece of an output file of that name, once.
func (e *exporter) blob(ctx context.Context, name string) error {
	if e.blobs[name] || name == "" {
		return nil
	}
	e.blobs[name] = true
	q := onlyBlobs(store.Query{EntryPrefix: name, Manifests: true, Order: store.ByEntry, Limit: 1})
	page, err := e.store.List(ctx, q) // the name itself sorts before those that begin with it
	if err != nil || len(page.Records) == 0 || page.Records[0].Labels.Entry != name {
		return err
	}
	rec, _, err := e.read(ctx, &page.Records[0])
	if err != nil || rec == nil {
		return err
	}
	e.done.Blobs++
	return e.write(rec)
}

// read reads an entry whole; nil where it has gone since it was listed, or is
// damaged. The payload is for the moment only.
func (e *exporter) read(ctx context.Context, listed *store.Record) (*store.Record, []byte, error) {
	lk, err := e.store.Get(ctx, listed.Key)
	if err != nil {
		return nil, nil, err
	}
	rec := &lk.Record
	if lk.Found && e.gens.state(rec, lk.Now) != Live || !lk.Found && !lk.Damaged {
		return nil, nil, nil
	}
	err = errors.New("the value is lost")
	var payload []byte
	if lk.Found {
		payload, _, err = e.sealer.Open(rec.Value, rec.Key)
	}
	if err != nil {
		e.done.Skipped++
		e.warn("a damaged entry is not exported", "key", listed.Key.Short(), "error", err)
		return nil, nil, nil
	}
	rec.Manifest = listed.Manifest
	return rec, payload, nil
}
