package inspect

import (
	"context"
	"errors"
	"time"

	"github.com/reprise-go/reprise/store"
)

// Problem is something wrong with an entry, or with the store itself, where Key
// is empty.
type Problem struct {
	Key        string `json:"key,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Collection string `json:"collection,omitempty"`
	Function   string `json:"function,omitempty"`
	Entry      string `json:"entry,omitempty"`
	What       string `json:"what"`   // one of the words below
	Detail     string `json:"detail"` // what was found
	Advice     string `json:"advice"` // what to do
}

// What can be wrong.
const (
	ProblemLost      = "lost"      // the value is gone or cannot be read
	ProblemTruncated = "truncated" // the value is shorter than it was
	ProblemChecksum  = "checksum"  // a bit of the value changed
	ProblemSwapped   = "swapped"   // the value of another key
	ProblemSignature = "signature" // not signed, or not with Options.Signing
	ProblemFormat    = "format"    // no value of reprise, or of a newer version
	ProblemTooLarge  = "too-large" // over Options.MaxValue
	ProblemCorrupt   = "corrupt"   // damaged in another way
	ProblemEncoding  = "encoding"  // the value is whole, and not what its codec writes
	ProblemManifest  = "manifest"  // the manifest cannot be read
	ProblemSize      = "size"      // the listed size is not the value's
	ProblemFuture    = "future"    // made, or begun, in a future of the store
	ProblemOutput    = "output"    // an output file of a recorded run is missing
	ProblemStore     = "store"     // the store itself is inconsistent
)

// Report sums up a Verify.
type Report struct {
	Entries  int     `json:"entries"` // that were checked
	Bytes    int64   `json:"bytes"`
	Problems int     `json:"problems"`
	Stopped  bool    `json:"stopped,omitempty"` // f asked to stop
	Took     Seconds `json:"took_seconds"`
}

// Verify reads every entry, also those that are expired or hidden, and checks
// envelope, signature, manifest, encoding, and that a recorded run has its
// output files; and the store's own consistency, where the driver can tell. f
// is called for each problem, one call at a time; it returns false to stop.
// Entries that are replaced or cleared meanwhile are checked as they are
// found, or not at all.
//
// Reading an entry counts as a use of it for the quota's eviction.
func (i *Inspector) Verify(ctx context.Context, f func(Problem) bool) (Report, error) {
	v := verifier{Inspector: i, tell: f, began: time.Now()}
	err := unless(v.run(ctx), errEnough)
	v.report.Took = Seconds(time.Since(v.began))
	return v.report, wrap("verify", err)
}

// verifier is a Verify under way.
type verifier struct {
	*Inspector
	tell   func(Problem) bool
	report Report
	began  time.Time
	info   store.Info
	blobs  map[string]bool // live output files; nil: not looked at
}

// checker is what a driver offers that knows more of its medium's consistency
// than reading shows. Check returns what it found, for people; nil is none.
type checker interface {
	Check(ctx context.Context) ([]string, error)
}

func (v *verifier) run(ctx context.Context) (err error) {
	if err = v.checkStore(ctx); err != nil {
		return err
	}
	if v.info, err = v.store.Info(ctx); err != nil {
		return err
	}
	if v.o.References != nil {
		if err = v.listBlobs(ctx); err != nil {
			return err
		}
	}
	return v.pages(ctx, store.Query{All: true, Manifests: true, Limit: verifyPage}, func(page *store.Page) error {
		return v.checkPage(ctx, page.Records)
	})
}

// verifyPage bounds how many values are in memory at a time.
const verifyPage = 100

// problem tells f.
func (v *verifier) problem(p Problem) error {
	v.report.Problems++
	if !v.tell(p) {
		v.report.Stopped = true
		return errEnough
	}
	return nil
}

func (v *verifier) checkStore(ctx context.Context) error {
	c, ok := v.store.(checker)
	if !ok {
		return nil
	}
	found, err := c.Check(ctx)
	if err != nil && !errors.Is(err, store.ErrCorrupt) {
		return err
	}
	if err != nil {
		found = append(found, err.Error())
	}
	for _, detail := range found {
		if err := v.problem(Problem{What: ProblemStore, Detail: detail, Advice: adviceStore}); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) listBlobs(ctx context.Context) error {
	v.blobs = map[string]bool{}
	return v.pages(ctx, onlyBlobs(store.Query{}), func(page *store.Page) error {
		for r := range page.Records {
			v.blobs[page.Records[r].Labels.Entry] = true
		}
		return nil
	})
}

// checkPage reads some values, and then checks them in order.
func (v *verifier) checkPage(ctx context.Context, recs []store.Record) error {
	for len(recs) > 0 {
		n := min(len(recs), atOnce)
		read := make([]store.Lookup, n)
		err := together(ctx, n, v.info.Local, func(ctx context.Context, k int) (err error) {
			read[k], err = v.store.Get(ctx, recs[k].Key)
			return err
		})
		if err != nil {
			return err
		}
		for k := range read {
			if err := v.check(&recs[k], &read[k]); err != nil {
				return err
			}
		}
		recs = recs[n:]
	}
	return nil
}

// check checks an entry, and tells of all that is wrong with it.
func (v *verifier) check(rec *store.Record, lk *store.Lookup) error {
	if !lk.Found && !lk.Damaged {
		return nil // gone since it was listed, or past its grace
	}
	v.report.Entries++
	v.report.Bytes += int64(len(lk.Record.Value))
	for _, p := range v.judge(rec, lk) {
		l := &rec.Labels
		p.Key, p.Kind, p.Collection, p.Function, p.Entry = rec.Key.String(), kindName(l.Kind), l.Collection, l.Function, l.Entry
		if err := v.problem(p); err != nil {
			return err
		}
	}
	return nil
}
