package inspect

import (
	"context"
	"time"

	"github.com/reprise-go/reprise/store"
)

// youngBlob is how long a blob may be there without a run that refers to it:
// a command stores its output files before its run.
const youngBlob = time.Hour

// freeBlobs frees blobs to which no run refers. The runs are read first, so a
// blob that is stored meanwhile is young; one that is there already, and to
// which a run is about to refer again, has had its time to live renewed, and is
// seen by that. Should one be freed all the same, its run is a miss that heals
// itself.
func (i *Inspector) freeBlobs(ctx context.Context, s *Swept) error {
	all := onlyBlobs(store.Query{All: true})
	t, err := i.store.Count(ctx, all)
	if err != nil || t.Entries == 0 {
		return err
	}
	info, err := i.store.Info(ctx)
	if err != nil {
		return err
	}
	used, err := i.references(ctx, info.Local)
	if err != nil {
		return err
	}
	old := onlyBlobs(store.Query{CreatedBefore: info.Now.Add(-youngBlob)})
	return i.pages(ctx, old, func(page *store.Page) error {
		for r := range page.Records {
			rec := &page.Records[r]
			if used[rec.Labels.Entry] {
				continue
			}
			if err := i.freeBlob(ctx, rec, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// freeBlob frees a blob, unless somebody stored or renewed it since it was
// listed.
func (i *Inspector) freeBlob(ctx context.Context, rec *store.Record, s *Swept) error {
	q := onlyBlobs(store.Query{Key: &rec.Key})
	now, err := i.store.List(ctx, q)
	if err != nil || len(now.Records) == 0 {
		return err
	}
	if again := &now.Records[0]; !again.Created.Equal(rec.Created) || !again.Expires.Equal(rec.Expires) {
		return nil
	}
	n, err := i.store.Purge(ctx, q)
	if n > 0 {
		s.Blobs++
		s.Bytes += rec.Size
	}
	return err
}

// references are the names of the blobs to which a recorded run refers, whether
// it is live or, past its expiry, may still stand in for a failing command.
func (i *Inspector) references(ctx context.Context, local bool) (map[string]bool, error) {
	used := map[string]bool{}
	kind, collection := store.KindFunction, Commands
	err := i.pages(ctx, store.Query{Kind: &kind, Collection: &collection, All: true}, func(page *store.Page) error {
		names := make([][]string, len(page.Records))
		err := together(ctx, len(page.Records), local, func(ctx context.Context, k int) (err error) {
			names[k], err = i.referencesOf(ctx, page.Records[k].Key)
			return err
		})
		for _, list := range names {
			for _, name := range list {
				used[name] = true
			}
		}
		return err
	})
	return used, err
}

// referencesOf reads a run. One that cannot be read is a miss, and refers to
// nothing.
func (i *Inspector) referencesOf(ctx context.Context, key store.Key) ([]string, error) {
	lk, err := i.store.Get(ctx, key)
	if err != nil || !lk.Found {
		return nil, err
	}
	payload, _, err := i.sealer.Open(lk.Record.Value, key)
	if err != nil {
		i.warn("a recorded run cannot be read; its output files are freed", "key", key.Short(), "error", err)
		return nil, nil
	}
	return i.o.References(payload), nil
}
