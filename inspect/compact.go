package inspect

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/reprise-go/reprise/internal/envelope"
	"github.com/reprise-go/reprise/internal/ledger"
	"github.com/reprise-go/reprise/store"
)

const (
	// keepHours is for how long after its end a day keeps its pages by hour.
	keepHours = 7 * ledger.Day
	// mergeLease is how long one step of merging may take.
	mergeLease = time.Minute
	// mergeStep is how many pages one step merges.
	mergeStep = 500
	// mergedWriter is the writer of merged pages: there is one a day.
	mergedWriter = "merged"
)

// compact merges the pages of each past day into one, and returns how many it
// merged.
//
// No count is lost or doubled, whoever dies when, and however many do this at
// once. The merged page says which pages it includes, and who adds up leaves
// these out, so it does not matter whether they have been deleted. And it only
// ever grows: it is read and written under a lease of its key, and the store
// refuses a write of somebody who has lost the lease.
func (i *Inspector) compact(ctx context.Context) (int, error) {
	leaser, ok := i.store.(store.Leaser)
	if !ok {
		return 0, nil // they go at the end of their time
	}
	info, err := i.store.Info(ctx)
	if err != nil {
		return 0, err
	}
	names, err := i.pageNames(ctx)
	if err != nil {
		return 0, err
	}
	total := 0
	for _, day := range pastDays(names, info.Now) {
		n, err := i.mergeDay(ctx, leaser, day)
		if total += n; err != nil {
			return total, err
		}
	}
	return total, nil
}

// pastDays are the days that are over for long enough and have pages by hour.
func pastDays(names []pageName, now time.Time) []time.Time {
	var out []time.Time
	for _, n := range names {
		day := n.start.UTC().Truncate(ledger.Day)
		if n.span < ledger.Day && now.Sub(day.Add(ledger.Day)) >= keepHours && !slices.Contains(out, day) {
			out = append(out, day)
		}
	}
	return out
}

// mergeDay merges the pages of a day, in steps. Where somebody else is at it,
// it does nothing.
func (i *Inspector) mergeDay(ctx context.Context, leaser store.Leaser, day time.Time) (int, error) {
	total := 0
	for {
		n, err := i.mergeSome(ctx, leaser, day)
		if total += n; err != nil || n < mergeStep {
			return total, err
		}
	}
}

// mergeSome is one step. It returns how many pages it deleted.
func (i *Inspector) mergeSome(ctx context.Context, leaser store.Leaser, day time.Time) (int, error) {
	m := &ledger.Page{Start: day, Span: ledger.Day, Writer: mergedWriter}
	var owner store.Owner
	rand.Read(owner[:]) //nolint:errcheck // it never fails: crypto/rand ends the program instead
	grant, err := leaser.Acquire(ctx, m.Key(), owner, mergeLease)
	if err != nil || !grant.Granted {
		return 0, err
	}
	done, err := i.mergeUnder(ctx, leaser, m, owner, grant.Fence)
	// After a publish there is nothing to release.
	if e := leaser.Release(context.WithoutCancel(ctx), m.Key(), owner, grant.Fence, 0); err == nil {
		err = e
	}
	if err != nil {
		return 0, unless(err, store.ErrLeaseLost) // somebody else goes on
	}
	for n, key := range done {
		if _, err := i.store.Purge(ctx, store.Query{Key: &key}); err != nil {
			return n, err
		}
	}
	return len(done), nil
}

// mergeUnder reads, adds and publishes under the lease, and returns which pages
// are included and can be deleted.
func (i *Inspector) mergeUnder(ctx context.Context, leaser store.Leaser, m *ledger.Page, owner store.Owner, fence uint64) ([]store.Key, error) {
	info, err := i.store.Info(ctx)
	if err != nil {
		return nil, err
	}
	names, err := i.pageNames(ctx)
	if err != nil {
		return nil, err
	}
	switch old, err := i.readPage(ctx, m.Key()); {
	case err != nil:
		return nil, err
	case old != nil && old.Entry() != m.Entry():
		return nil, nil // it cannot be read, perhaps for want of a key: it must not be lost
	case old != nil:
		m = old
	}
	done, added := []store.Key(nil), false
	for _, n := range names {
		if n.span >= ledger.Day || !n.start.UTC().Truncate(ledger.Day).Equal(m.Start) || len(done) == mergeStep {
			continue
		}
		ok, more, err := i.include(ctx, m, n)
		if err != nil {
			return nil, err
		}
		if added = added || more; ok {
			done = append(done, n.key)
		}
	}
	if !added {
		return done, nil
	}
	return done, i.publish(ctx, leaser, m, info.Seq, owner, fence)
}

// include adds a page to m, unless m has it already. ok tells whether the page
// is in m then, added whether it had to be added. A page that cannot be read
// stays until its time is over.
func (i *Inspector) include(ctx context.Context, m *ledger.Page, n pageName) (ok, added bool, err error) {
	mark := ledger.Mark(n.key)
	if slices.Contains(m.Includes, mark) {
		return true, false, nil
	}
	p, err := i.readPage(ctx, n.key)
	if err != nil || p == nil || p.Entry() != n.entry {
		return false, false, err
	}
	m.Add(p)
	m.Includes = append(m.Includes, mark)
	return true, true, nil
}

func (i *Inspector) publish(ctx context.Context, leaser store.Leaser, m *ledger.Page, begun uint64, owner store.Owner, fence uint64) error {
	b, err := m.Encode()
	if err != nil {
		return err
	}
	rec := m.Record(begun)
	rec.Value, err = i.sealer.Seal(nil, envelope.Header{Codec: ledger.Codec, Key: rec.Key}, b)
	if err != nil {
		return err
	}
	_, err = leaser.Publish(ctx, rec, store.PutPublish, owner, fence)
	if errors.Is(err, store.ErrSuperseded) {
		return store.ErrLeaseLost // the ledger was cleared meanwhile: begin anew next time
	}
	return err
}
