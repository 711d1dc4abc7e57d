package sqlitestore

import (
	"context"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/reprise-go/reprise/store"
)

// TestTalliesMatchEntries holds, after every random operation of two handles
// and across reopening, that tallies say what a count of all rows says, and
// that bumps and counts return the same.
func TestTalliesMatchEntries(t *testing.T) {
	// Each check goes through all rows: fewer runs, except in a nightly run.
	if checks := flag.Lookup("rapid.checks").Value; os.Getenv("REPRISE_TORTURE") != "1" {
		before := checks.String()
		defer func() { _ = checks.Set(before) }()
		if err := checks.Set("8"); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		c := &counting{T: rt, path: filepath.Join(dir, time.Now().Format("150405.000000000")), now: time.Unix(1_000_000, 0)}
		c.handles[0], c.handles[1] = c.open(), c.open()
		defer func() {
			for _, s := range c.handles {
				s.Close()
			}
		}()
		rt.Repeat(map[string]func(*rapid.T){
			"put": c.put, "put many": c.putMany, "clear": c.clear, "bump": c.bump, "update": c.update, "purge": c.purge,
			"sweep": c.sweep, "wait": c.wait, "forget": c.forget, "reopen": c.reopen, "fail": c.fail, "": c.check,
		})
	})
}

// counting is the state of one run.
type counting struct {
	*rapid.T
	path    string
	now     time.Time
	handles [2]*Store
}

// open makes tails and tallies short, so that they settle and split often.
func (c *counting) open() *Store {
	s, err := Open(context.Background(), c.path, &Options{
		SweepEvery: -1, Quota: 4000, Now: func() time.Time { return c.now },
	})
	c.must(err)
	s.maxTail, s.maxTally = 5, 8
	return s
}

func (c *counting) must(err error) {
	c.Helper()
	if err != nil && !errors.Is(err, store.ErrSuperseded) && !errors.Is(err, store.ErrFull) {
		c.Fatal(err)
	}
}

func (c *counting) store(t *rapid.T) *Store { return rapid.SampledFrom(c.handles[:]).Draw(t, "handle") }

func (c *counting) key(t *rapid.T) store.Key {
	return store.Key{0: byte(rapid.IntRange(0, 60).Draw(t, "key"))}
}

func (c *counting) record(t *rapid.T, s *Store) *store.Record {
	info, err := s.Info(context.Background())
	c.must(err)
	return &store.Record{
		Key: c.key(t), Value: make([]byte, rapid.IntRange(0, 200).Draw(t, "size")),
		Begun:  info.Seq - min(info.Seq-1, uint64(rapid.IntRange(0, 2).Draw(t, "age"))),
		TTL:    time.Duration(rapid.IntRange(0, 30).Draw(t, "ttl")) * time.Second,
		Grace:  time.Duration(rapid.SampledFrom([]int64{0, 0, 5e9, math.MaxInt64}).Draw(t, "grace")),
		Cost:   time.Duration(rapid.IntRange(0, 9).Draw(t, "cost")),
		Policy: store.Policy(rapid.IntRange(0, 1).Draw(t, "policy")),
		Labels: store.Labels{
			Function: rapid.SampledFrom([]string{"f", "g"}).Draw(t, "function"),
			Dataset:  rapid.SampledFrom([]string{"", "d"}).Draw(t, "dataset"),
			Tags:     rapid.SampledFrom([][]string{nil, nil, {"a"}, {"a", "b"}}).Draw(t, "tags"),
		},
	}
}

func (c *counting) put(t *rapid.T) {
	s := c.store(t)
	_, err := s.Put(context.Background(), c.record(t, s), store.PutMode(rapid.IntRange(0, 2).Draw(t, "mode")))
	c.must(err)
}

func (c *counting) putMany(t *rapid.T) {
	for range rapid.IntRange(1, 30).Draw(t, "puts") {
		c.put(t)
	}
}

func (c *counting) clear(t *rapid.T) {
	_, err := c.store(t).Clear(context.Background(), c.key(t))
	c.must(err)
}

// bump expects what a list of everything said just before, each entry once.
func (c *counting) bump(t *rapid.T) {
	s := c.store(t)
	labels := rapid.SliceOfN(rapid.SampledFrom([]store.Label{
		store.All(), store.FunctionLabel(0, "", "f"), store.FunctionDatasetLabel(0, "", "f", "d"),
		store.DatasetLabel("d"), store.TagLabel("a"), store.TagLabel("b"),
	}), 1, 3).Draw(t, "labels")
	page, err := s.List(context.Background(), store.Query{})
	c.must(err)
	want := 0
	for _, r := range page.Records {
		if carries(r.Labels.Of(nil, r.Policy), labels) {
			want++
		}
	}
	if b, err := s.Bump(context.Background(), labels...); err != nil || b.Entries != want {
		t.Fatalf("Bump(%v) = %+v, %v, want %d entries", labels, b, err, want)
	}
}

func carries(have, any []store.Label) bool {
	for _, h := range have {
		for _, a := range any {
			if h == a {
				return true
			}
		}
	}
	return false
}

func (c *counting) update(t *rapid.T) {
	ttl, p := time.Duration(rapid.IntRange(0, 30).Draw(t, "ttl"))*time.Second, store.Policy(rapid.IntRange(0, 1).Draw(t, "policy"))
	_, err := c.store(t).Update(context.Background(), c.key(t), store.Change{TTL: &ttl, Policy: &p})
	c.must(err)
}

func (c *counting) purge(t *rapid.T) {
	k := c.key(t)
	f := "f"
	q := rapid.SampledFrom([]store.Query{{Key: &k}, {Function: &f}, {CreatedBefore: c.now.Add(-20 * time.Second)}}).Draw(t, "query")
	_, err := c.store(t).Purge(context.Background(), q)
	c.must(err)
}

func (c *counting) sweep(t *rapid.T) {
	_, err := c.store(t).Sweep(context.Background())
	c.must(err)
}

func (c *counting) wait(t *rapid.T) {
	c.now = c.now.Add(time.Duration(rapid.IntRange(1, 10_000).Draw(t, "ms")) * time.Millisecond)
}

// forget has two sweeps forget what is older than a week.
func (c *counting) forget(t *rapid.T) {
	c.sweep(t)
	c.now = c.now.Add(remember + time.Hour)
	c.sweep(t)
}

func (c *counting) reopen(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "handle")
	c.must(c.handles[i].Close())
	c.handles[i] = c.open()
}

// fail rolls back a put, and a clear.
func (c *counting) fail(t *rapid.T) {
	s := c.store(t)
	rec := c.record(t, s)
	failed := errors.New("failed")
	err := s.write(context.Background(), "test", func(tx *txn) error {
		_, err := tx.put(rec, store.PutSet, nil)
		c.must(err)
		c.must(tx.settleAll())
		return failed
	})
	if !errors.Is(err, failed) {
		t.Fatal(err)
	}
}

const (
	// wrongSQL lists tallies that do not say what the rows say.
	wrongSQL = `SELECT t.set_id, t.upto, t.entries, count(e.id), t.live, sum(iif(` + visible + `, 1, 0)),
			t.bytes, sum(e.size), t.cost, sum(e.cost), t.live_bytes, sum(iif(` + visible + `, e.size, 0)), t.live_cost, sum(iif(` + visible + `, e.cost, 0)),
			t.first, min(e.expires), t.last, max(e.expires), t.dead, min(iif(e.expires > 0, min(e.expires + min(e.grace, 9223372036854775807 - e.expires), 9223372036854775807), NULL))
		FROM tallies t JOIN sets s ON s.id = t.set_id LEFT JOIN entries e ON e.set_id = t.set_id AND e.present = 1
			AND e.id <= (SELECT counted FROM meta) AND e.expires <= t.upto
			AND e.expires > ifnull((SELECT max(l.upto) FROM tallies l WHERE l.set_id = t.set_id AND l.upto < t.upto), -1)
		GROUP BY t.set_id, t.upto`
	fullSQL = `SELECT count(*), sum(e.size), sum(e.cost) FROM entries e JOIN sets s ON s.id = e.set_id WHERE e.present = 1`
)

func (c *counting) check(t *rapid.T) {
	for i, s := range c.handles {
		err := s.snapshot(context.Background(), "test", func(k *conn) error { return c.checkTallies(t, k) })
		c.must(err)
		var want, wantAll, inTail sums
		c.must(s.read(context.Background(), "test", func(k *conn) (err error) {
			if want, err = k.sum(fullSQL+" AND "+live, c.now.UnixNano()); err != nil {
				return err
			}
			if inTail, err = k.sum(fullSQL + " AND e.id > (SELECT counted FROM meta)"); err != nil {
				return err
			}
			wantAll, err = k.sum(fullSQL)
			return err
		}))
		got, err := s.Count(context.Background(), store.Query{})
		c.must(err)
		gotAll, err := s.Count(context.Background(), store.Query{All: true})
		c.must(err)
		if diff := cmp.Diff([]store.Totals{want.totals(), wantAll.totals()}, []store.Totals{got, gotAll}); diff != "" {
			t.Fatal("handle", i, "live and all:", diff)
		}
		info, err := s.Info(context.Background())
		c.must(err)
		if int64(info.Entries) != wantAll.entries || info.Bytes != wantAll.bytes {
			t.Fatalf("Info says %d entries, %d bytes; there are %+v", info.Entries, info.Bytes, wantAll)
		}
		if inTail.entries >= s.maxTail {
			t.Fatalf("%d rows in the tail", inTail.entries)
		}
	}
}

func (c *counting) checkTallies(t *rapid.T, k *conn) error {
	entries := int64(0)
	err := k.each(wrongSQL, func(r row) error {
		var v [20]int64
		for i := range v {
			v[i] = r.ColumnInt64(i)
		}
		entries += v[2]
		for i := 2; i < 14; i += 2 {
			if v[i] != v[i+1] {
				t.Fatalf("tally of set %d up to %d: %v: each two must be equal", v[0], v[1], v[2:14])
			}
		}
		first, last, dead := [2]int64(v[14:16]), [2]int64(v[16:18]), [2]int64(v[18:20])
		if v[2] == 0 || first[0] > first[1] || last[0] < last[1] || dead[1] > 0 && (dead[0] == 0 || dead[0] > dead[1]) {
			t.Fatalf("tally of set %d up to %d: %d entries, bounds %v", v[0], v[1], v[2], v[14:])
		}
		return nil
	})
	if err != nil {
		return err
	}
	want, err := k.number("SELECT count(*) FROM entries WHERE present = 1 AND id <= (SELECT counted FROM meta)")
	if err == nil && want != entries {
		t.Fatalf("tallies have %d entries of %d", entries, want)
	}
	return err
}
