package inspect

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/reprise-go/reprise/internal/envelope"
	"github.com/reprise-go/reprise/internal/ledger"
	"github.com/reprise-go/reprise/store"
)

// Status is the result of a check.
type Status string

// The results.
const (
	OK   Status = "ok"
	Warn Status = "warn" // it works, and could be better
	Fail Status = "fail" // something does not work
	Skip Status = "skip" // it does not apply to this store, or could not be tried
)

// Check is one thing that Doctor looked at.
type Check struct {
	Name   string  `json:"name"` // "reachable", "latency", "clock", …
	Status Status  `json:"status"`
	Detail string  `json:"detail"`           // what was found
	Advice string  `json:"advice,omitempty"` // what to do; empty where OK
	Took   Seconds `json:"took_seconds"`
}

// Doctor tries out what a cache needs of the store, with a real write, lease
// and watch under a random key of reprise's own, and looks at its settings.
// The error is for a ctx that ends; what does not work is a Check. Where the
// store cannot be reached, that is the only one.
func (i *Inspector) Doctor(ctx context.Context) ([]Check, error) {
	d := &doctor{Inspector: i}
	if d.try(ctx, "reachable", d.reachable) {
		for _, c := range []struct {
			name string
			f    func(context.Context) Check
		}{
			{"latency", d.latency}, {"clock", d.clock}, {"write", d.write}, {"leases", d.leases}, {"watch", d.watch},
			{"settings", d.settings}, {"quota", d.quota}, {"disk", d.disk}, {"garbage", d.garbage}, {"values", d.values}, {"ledger", d.ledger},
		} {
			d.try(ctx, c.name, c.f)
		}
	}
	return d.checks, wrap("doctor", context.Cause(ctx))
}

// doctor is a Doctor at work.
type doctor struct {
	*Inspector
	checks []Check
	info   store.Info
	asked  time.Time // when info was had, in the middle of asking
}

// try makes a check, within a limit: a store that hangs is a failure, too. It
// reports whether that did not fail.
func (d *doctor) try(ctx context.Context, name string, f func(context.Context) Check) bool {
	const patience = 15 * time.Second
	if ctx.Err() != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	c := f(ctx)
	c.Name, c.Took = name, Seconds(time.Since(began))
	d.checks = append(d.checks, c)
	return c.Status != Fail
}

func ok(format string, args ...any) Check {
	return Check{Status: OK, Detail: fmt.Sprintf(format, args...)}
}

func warn(advice, format string, args ...any) Check {
	return Check{Status: Warn, Detail: fmt.Sprintf(format, args...), Advice: advice}
}

func fail(advice string, err error) Check {
	return Check{Status: Fail, Detail: err.Error(), Advice: advice}
}

func skip(format string, args ...any) Check {
	return Check{Status: Skip, Detail: fmt.Sprintf(format, args...)}
}

func (d *doctor) reachable(ctx context.Context) Check {
	began := time.Now()
	info, err := d.store.Info(ctx)
	if err != nil {
		return fail("check the URL, and that the server runs, or that the file's disk is there", err)
	}
	d.info, d.asked = info, began.Add(time.Since(began)/2)
	kind := "for this process only"
	if info.Shared {
		kind = "shared"
	}
	return ok("%s store, %s: %d entries, at number %d", info.Driver, kind, info.Entries, info.Seq)
}

// latency is the median of some lookups of nothing.
func (d *doctor) latency(ctx context.Context) Check {
	const lookups = 9
	slow, advice := 2*time.Millisecond, "a busy or slow disk: a store on a faster one helps"
	if !d.info.Local {
		slow, advice = 20*time.Millisecond, "each lookup takes as long: a store nearer to the program helps, and results in memory (residency hybrid)"
	}
	var took [lookups]time.Duration
	for n := range took {
		began := time.Now()
		if _, err := d.store.Get(ctx, randomKey()); err != nil {
			return fail("the store answers Info, and not lookups: see its log", err)
		}
		took[n] = time.Since(began)
	}
	median := medianOf(took[:])
	if median > slow {
		return warn(advice, "a lookup takes %v", median.Round(10*time.Microsecond))
	}
	return ok("a lookup takes %v", median.Round(time.Microsecond))
}

// clock compares the store's clock with this machine's.
func (d *doctor) clock(context.Context) Check {
	const much = 2 * time.Second
	skew := d.info.Now.Sub(d.asked)
	if skew.Abs() > much {
		return warn("expiry goes by the store's clock, so nothing wrong is served; ages that programs show, and moments they compute, are off: set both clocks by NTP",
			"the store's clock is %v from this machine's", skew.Round(time.Millisecond))
	}
	return ok("the store's clock is %v from this machine's", skew.Round(time.Millisecond))
}

// probe is an entry that a check may store, which is gone after a minute.
func (d *doctor) probe() *store.Record {
	key := randomKey()
	value, err := d.sealer.Seal(nil, envelope.Header{Codec: "raw", Key: key}, []byte("reprise doctor"))
	if err != nil {
		panic("inspect: " + err.Error()) // a few bytes are neither too large nor of a long codec
	}
	return &store.Record{
		Key: key, Value: value, TTL: time.Minute, Policy: store.Evict, Begun: d.info.Seq,
		Labels: store.Labels{Kind: store.KindEntry, Collection: ledger.Collection, Function: "doctor", Entry: "probe"},
	}
}

// randomKey is nobody's.
func randomKey() (key store.Key) {
	rand.Read(key[:]) //nolint:errcheck // it never fails: crypto/rand ends the program instead
	return key
}

// medianOf sorts took.
func medianOf(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)/2]
}
