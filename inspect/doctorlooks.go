package inspect

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/reprise-go/reprise/internal/ledger"
	"github.com/reprise-go/reprise/store"
)

// settings asks the driver what it found wrong with its server's settings,
// such as an eviction policy that may take leases.
func (d *doctor) settings(context.Context) Check {
	w, is := d.store.(interface{ Warnings() []string })
	if !is {
		return skip("the store has no settings of its own")
	}
	if found := w.Warnings(); len(found) > 0 {
		return warn("change the server's configuration", "%s", strings.Join(found, "; "))
	}
	return ok("the server's settings suit")
}

// quota warns where eviction is near, or nothing bounds the store.
func (d *doctor) quota(context.Context) Check {
	switch q := d.info.Quota; {
	case q == 0:
		return ok("no quota; entries have %d bytes", d.info.Bytes)
	case d.info.Bytes >= q/10*9:
		return warn("what saves least is evicted; raise the quota, or clear what is not needed, if hits matter more than room",
			"entries have %d of %d bytes", d.info.Bytes, q)
	default:
		return ok("entries have %d of %d bytes", d.info.Bytes, q)
	}
}

// minFree is the room below which a disk is nearly full.
const minFree = 256 << 20

// disk looks at the room beside a store that is a file.
func (d *doctor) disk(context.Context) Check {
	s, is := d.store.(interface{ Path() string })
	if !is {
		return skip("the store is no file on this machine")
	}
	free, err := freeSpace(filepath.Dir(s.Path()))
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return skip("not known on this system")
	case err != nil:
		return fail("check that the disk is there", err)
	case free < minFree:
		return warn("free some, or clear entries: when the disk is full results are no longer stored", "%d bytes are free at %s", free, s.Path())
	}
	return ok("%d bytes are free at %s", free, s.Path())
}

// garbage is what takes up room and answers no calls.
func (d *doctor) garbage(ctx context.Context) Check {
	const little = 1000
	live, err := d.store.Count(ctx, store.Query{})
	if err != nil {
		return fail("see the store's log", err)
	}
	dead := max(0, d.info.Entries-live.Entries)
	if dead > little && dead > live.Entries {
		return warn("run gc; programs that use the store also sweep in the background", "%d of %d entries are expired or cleared", dead, d.info.Entries)
	}
	return ok("%d of %d entries are expired or cleared", dead, d.info.Entries)
}

// values opens some entries, as calls would.
func (d *doctor) values(ctx context.Context) Check {
	const sample = 100
	v := verifier{Inspector: d.Inspector, began: time.Now(), info: d.info}
	var first *Problem
	v.tell = func(p Problem) bool {
		if first == nil {
			first = &p
		}
		return true
	}
	page, err := d.store.List(ctx, store.Query{Manifests: true, Limit: sample})
	if err == nil {
		err = v.checkPage(ctx, page.Records)
	}
	switch {
	case err != nil:
		return fail("see the store's log", err)
	case first != nil:
		return warn("run verify for all of them; "+first.Advice, "%d problems in %d entries; the first: key %.12s… %s: %s",
			v.report.Problems, v.report.Entries, first.Key, first.What, first.Detail)
	}
	return ok("%d entries are sound", v.report.Entries)
}

// ledger looks whether savings are written down.
func (d *doctor) ledger(ctx context.Context) Check {
	names, err := d.pageNames(ctx)
	switch {
	case err != nil:
		return fail("see the store's log", err)
	case len(names) == 0:
		return ok("the savings ledger is empty")
	}
	last := names[0]
	old := 0
	for _, n := range names {
		if n.start.After(last.start) {
			last = n
		}
		if n.span < ledger.Day && d.info.Now.Sub(n.start) > keepHours+2*ledger.Day {
			old++
		}
	}
	found := fmt.Sprintf("the savings ledger has %d pages, the last of %s", len(names), last.start.UTC().Format(time.RFC3339))
	if old > 0 {
		return warn("run gc, which merges them", "%s; %d are due to be merged", found, old)
	}
	return ok("%s", found)
}
