package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/servertest"
	"github.com/reprise-go/reprise/store"
)

// TestEveryProtocol goes through all statements in each of pgx's ways to run
// them: proxies need some of them.
func TestEveryProtocol(t *testing.T) {
	t.Parallel()
	url := servertest.Postgres(t).Database(t)
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			s := open(t, url+"&default_query_exec_mode="+mode, Options{Schema: mode, Durability: Full, Quota: 10_000})
			everyMethod(t, s)
		})
	}
}

func everyMethod(t *testing.T, s *Store) {
	ctx := t.Context()
	_, err := s.Get(ctx, benchKey(1))
	must(t, "Get", err)
	r := benchRecord(1, 100, time.Hour, 0)
	r.Labels.Tags, r.Labels.Entry = []string{"\x00\xff"}, "'\\\x00"
	_, err = s.Put(ctx, r, store.PutSet)
	must(t, "Put", err)
	l, err := s.Get(ctx, r.Key)
	must(t, "Get", err)
	if !l.Found || l.Record.Labels.Entry != r.Labels.Entry || l.Record.Labels.Tags[0] != "\x00\xff" || len(l.Record.Value) != 100 {
		t.Errorf("Get = %+v", l)
	}
	persist, ttl := store.Persist, time.Minute
	ok, err := s.Update(ctx, r.Key, store.Change{Policy: &persist, TTL: &ttl})
	must(t, "Update", err)
	g, err := s.Acquire(ctx, r.Key, store.Owner{0, 1}, time.Hour)
	must(t, "Acquire", err)
	must(t, "Renew", s.Renew(ctx, r.Key, store.Owner{0, 1}, g.Fence, time.Hour))
	r.Begun = l.Seq + 1
	_, err = s.Publish(ctx, r, store.PutRefresh, store.Owner{0, 1}, g.Fence)
	must(t, "Publish", err)
	must(t, "Release", s.Release(ctx, r.Key, store.Owner{0, 1}, g.Fence, 0))
	p, err := s.List(ctx, store.Query{Tag: &r.Labels.Tags[0], EntryPrefix: "", Manifests: true})
	must(t, "List", err)
	n, err := s.Count(ctx, store.Query{Function: &r.Labels.Function})
	must(t, "Count", err)
	b, err := s.Bump(ctx, store.TagLabel("\x00\xff"), store.All())
	must(t, "Bump", err)
	c, err := s.Changes(ctx, l.Seq)
	must(t, "Changes", err)
	if !ok || len(p.Records) != 1 || n.Entries != 1 || b.Entries != 1 || len(c.Keys) != 1 || len(c.Labels) != 2 {
		t.Errorf("updated %t, listed %d, counted %d, hid %d, changes %+v", ok, len(p.Records), n.Entries, b.Entries, c)
	}
	swept, err := s.Sweep(ctx)
	must(t, "Sweep", err)
	if swept.Hidden != 1 {
		t.Errorf("Sweep = %+v", swept)
	}
	_, err = s.Clear(ctx, r.Key)
	must(t, "Clear", err)
	_, err = s.Purge(ctx, store.Query{Key: &r.Key})
	must(t, "Purge", err)
	_, err = s.Info(ctx)
	must(t, "Info", err)
}

func must(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// TestForgets has a week pass for a sweep, by moving its marks. Clears from
// before are forgotten then, and executions from before them refused.
func TestForgets(t *testing.T) {
	t.Parallel()
	url := servertest.Postgres(t).Database(t)
	s := open(t, url, Options{})
	ctx := t.Context()
	l, err := s.Get(ctx, benchKey(1))
	must(t, "Get", err)
	underWay := benchRecord(1, 10, 0, l.Seq)
	_, err = s.Clear(ctx, underWay.Key)
	must(t, "Clear", err)
	_, err = s.Bump(ctx, store.TagLabel("of nobody"))
	must(t, "Bump", err)
	kept := benchRecord(2, 10, 0, 0)
	kept.Labels.Tags = []string{"kept"}
	_, err = s.Bump(ctx, store.TagLabel("kept"))
	must(t, "Bump", err)
	_, err = s.Put(ctx, kept, store.PutSet)
	must(t, "Put", err)
	gone := benchRecord(3, 10, 0, 0)
	gone.Labels.Function = "gone"
	_, err = s.Put(ctx, gone, store.PutSet)
	must(t, "Put", err)
	_, err = s.Purge(ctx, store.Query{Function: &gone.Labels.Function})
	must(t, "Purge", err)
	_, err = s.Sweep(ctx)
	must(t, "Sweep", err)
	if n := query[int](t, url, "SELECT count(*) FROM reprise.entries WHERE NOT present"); n != 2 {
		t.Errorf("%d rows remember a clear or a change, want 2", n)
	}
	run(t, url, "UPDATE reprise.marks SET at = at - $1", (remember + markEvery).Microseconds())
	_, err = s.Sweep(ctx)
	must(t, "Sweep", err)
	for what, want := range map[string]int{
		"entries WHERE NOT present": 0, "entries": 1, "sets": 1, "tallies": 1,
		"labels WHERE seq > 0": 1, "labels": 5, // of all, of function, link, dataset and tag
	} {
		if n := query[int](t, url, "SELECT count(*) FROM reprise."+what); n != want {
			t.Errorf("%d %s are left, want %d", n, what, want)
		}
	}
	if _, err := s.Put(ctx, underWay, store.PutPublish); !errors.Is(err, store.ErrSuperseded) {
		t.Errorf("Put of an execution from before the floor = %v, want ErrSuperseded", err)
	}
	if c, err := s.Changes(ctx, l.Seq); err != nil || !c.Flush {
		t.Errorf("Changes from before the floor = %+v, %v, want a flush", c, err)
	}
	if l, err := s.Get(ctx, kept.Key); err != nil || !l.Found {
		t.Errorf("what was kept is found %t, %v", l.Found, err)
	}
}

// TestTalliesAgree lets everything that moves entries race, and counts again.
func TestTalliesAgree(t *testing.T) {
	t.Parallel()
	url := servertest.Postgres(t).Database(t)
	s := open(t, url, Options{})
	ctx := t.Context()
	var wg sync.WaitGroup
	for w := range 8 {
		rnd := rand.New(rand.NewPCG(1, uint64(w)))
		wg.Go(func() {
			for range 120 {
				if err := anything(ctx, s, rnd); err != nil && !errors.Is(err, store.ErrSuperseded) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	const recount = `SELECT count(*) FROM (SELECT set_id, bucket, (get_byte(key, 0) & 7)::smallint AS shard, count(*) AS entries, sum(size) AS bytes,
		count(*) FILTER (WHERE begun >= reprise.hidden(set_id)) AS live FROM reprise.entries WHERE present GROUP BY 1, 2, 3) e
		FULL JOIN (SELECT *, CASE WHEN hidden = reprise.hidden(set_id) THEN live ELSE 0 END AS now FROM reprise.tallies) t
		USING (set_id, bucket, shard)
		WHERE coalesce(e.entries, 0) <> t.entries OR coalesce(e.bytes, 0) <> t.bytes OR coalesce(e.live, 0) <> t.now OR t.set_id IS NULL`
	if n := query[int](t, url, recount); n != 0 {
		t.Errorf("%d tallies are wrong", n)
	}
	want, err := s.Count(ctx, store.Query{})
	must(t, "Count", err)
	persistent, err := s.Count(ctx, store.Query{Policy: ptr(store.Persist)})
	must(t, "Count", err)
	if b, err := s.Bump(ctx, store.All()); err != nil || b.Entries != want.Entries-persistent.Entries {
		t.Errorf("Bump hid %d entries, %v, counted %d", b.Entries, err, want.Entries-persistent.Entries)
	}
}

func ptr[T any](v T) *T { return &v }

// anything does one thing to one of twenty entries.
func anything(ctx context.Context, s *Store, rnd *rand.Rand) error {
	r := benchRecord(rnd.IntN(20), rnd.IntN(100), []time.Duration{0, time.Hour, 24 * time.Hour}[rnd.IntN(3)], 0)
	r.Policy = store.Policy(rnd.IntN(2))
	r.Labels.Function = fmt.Sprint("f", rnd.IntN(3))
	if rnd.IntN(2) == 0 {
		r.Labels.Tags = []string{"t"}
	}
	var err error
	switch rnd.IntN(12) {
	case 0:
		_, err = s.Clear(ctx, r.Key)
	case 1:
		_, err = s.Bump(ctx, []store.Label{store.All(), store.TagLabel("t"), store.DatasetLabel("d")}[rnd.IntN(3)])
	case 2:
		_, err = s.Purge(ctx, store.Query{Function: &r.Labels.Function})
	case 3:
		_, err = s.Sweep(ctx)
	case 4, 5:
		_, err = s.Update(ctx, r.Key, store.Change{Policy: &r.Policy, TTL: &r.TTL})
	case 6:
		_, err = s.Put(ctx, r, store.PutSet)
	default:
		var l store.Lookup
		if l, err = s.Get(ctx, r.Key); err == nil {
			r.Begun = l.Seq - uint64(rnd.IntN(3))
			_, err = s.Put(ctx, r, store.PutMode(rnd.IntN(2)))
		}
	}
	return err
}

// TestClaimedSweep holds that of several processes one sweeps.
func TestClaimedSweep(t *testing.T) {
	url := servertest.Postgres(t).Database(t)
	a, b := open(t, url, Options{}), open(t, url, Options{})
	first, err := a.claimSweep(t.Context(), time.Hour)
	must(t, "claim", err)
	second, err := b.claimSweep(t.Context(), time.Hour)
	must(t, "claim", err)
	if !first || second {
		t.Errorf("both sweep: %t, %t", first, second)
	}
	run(t, url, "UPDATE reprise.sweeps SET at = at - $1", time.Hour.Microseconds())
	if again, err := b.claimSweep(t.Context(), time.Hour); err != nil || !again {
		t.Errorf("an hour later nobody sweeps: %v", err)
	}
}

// TestSweepsInTheBackground waits for a sweep that nobody asked for.
func TestSweepsInTheBackground(t *testing.T) {
	url := servertest.Postgres(t).Database(t)
	s := open(t, url, Options{SweepEvery: 20 * time.Millisecond})
	_, err := s.Put(t.Context(), benchRecord(1, 10, time.Millisecond, 0), store.PutSet)
	must(t, "Put", err)
	eventually(t, "the entry is swept", func() bool {
		i, err := s.Info(t.Context())
		return err == nil && i.Entries == 0
	})
}

// TestNoStatementScans pins the plans of what callers wait for.
func TestNoStatementScans(t *testing.T) {
	url := servertest.Postgres(t).Database(t)
	s := open(t, url, Options{})
	for name, c := range map[string]struct {
		sql  string
		args []any
	}{
		"get": {s.sql.get, []any{make([]byte, 32)}}, "changes": {s.sql.changes, []any{int64(1), 1}}, "dead": {s.sql.dead, []any{1}},
	} {
		err := s.do(t.Context(), "explain", once, func(ctx context.Context, conn *pgx.Conn) error {
			if _, err := conn.Exec(ctx, "SET enable_seqscan = off"); err != nil {
				return err
			}
			rows, err := conn.Query(ctx, "EXPLAIN "+c.sql, append([]any{pgx.QueryExecModeExec}, c.args...)...)
			if err != nil {
				return err
			}
			lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
			for _, l := range lines {
				if strings.Contains(l, "Seq Scan on entries") || strings.Contains(l, "Seq Scan on labels") {
					t.Errorf("%s: %s", name, l)
				}
			}
			return err
		})
		must(t, name, err)
	}
}
