package engine

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprise-go/reprise/internal/ledger"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
)

const testLedger = time.Minute

// pages reads the ledger from the store.
func (r *rig) pages(t *testing.T) []*ledger.Page {
	t.Helper()
	found, err := r.mem.List(context.Background(), ledger.Query(""))
	if err != nil {
		t.Fatal(err)
	}
	var pages []*ledger.Page
	for _, rec := range found.Records {
		lk, err := r.mem.Get(context.Background(), rec.Key)
		if err != nil || !lk.Found {
			t.Fatal(lk.Found, err)
		}
		b, err := r.Unseal(rec.Key, ledger.Codec, lk.Record.Value)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ledger.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, p)
	}
	return pages
}

func (r *rig) listed(name string) *Function {
	f := r.function(func(f *Function) { f.Name, f.Collection = name, "c" })
	r.Enter(f)
	return f
}

// ledgerOf sums the pages up.
func (r *rig) ledgerOf(t *testing.T) map[string]map[string]uint64 {
	sum := make(map[string]map[string]uint64)
	for _, p := range r.pages(t) {
		for _, f := range p.Functions {
			if sum[f.Name] == nil {
				sum[f.Name] = make(map[string]uint64)
			}
			for o, n := range f.Outcomes {
				sum[f.Name][o] += n
			}
			for o, n := range f.Reasons {
				sum[f.Name][o] += n
			}
		}
	}
	return sum
}

func TestLedgerIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ready(t, setup{Config: Config{Ledger: testLedger}})
		f, g := r.listed("f"), r.listed("g")
		c, _ := call("k", gives("v"))
		r.does(f, c, Populated, Absent, "v")
		f.Count(Populated, Absent, 0) // which is the façade's work
		for range 3 {
			if _, ok := r.Hit(f, c.Memory); !ok {
				t.Fatal("no hit")
			}
		}
		g.Count(Failed, NoReason, 0)
		if n := len(r.pages(t)); n != 0 {
			t.Errorf("%d pages at once", n)
		}
		seq := r.gens.Seq()
		time.Sleep(testLedger)
		synctest.Wait()
		want := map[string]map[string]uint64{"f": {"populated": 1, "absent": 1, "hit-memory": 3}, "g": {"failed": 1}}
		if d := cmp.Diff(r.ledgerOf(t), want); d != "" {
			t.Error(d)
		}
		if err := r.sync(t.Context()); err != nil || r.gens.Seq() != seq {
			t.Errorf("the ledger moved the store's number: %v", err)
		}
		if f := r.pages(t)[0].Of("c", "f"); f.Stored == 0 {
			t.Error("no bytes stored")
		}

		puts := r.faults.Calls(storetest.MethodPut)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := r.faults.Calls(storetest.MethodPut) - puts; n != 0 {
			t.Errorf("%d puts while nobody called", n)
		}
		_, _ = r.Hit(f, c.Memory)
		_, _ = r.Recall(t.Context(), f, c.Memory)
		f.Count(HitMemory, NoReason, 0)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		want["f"]["hit-memory"]++
		if d := cmp.Diff(r.ledgerOf(t), want); d != "" {
			t.Error("after Close:", d)
		}
		if n := len(r.pages(t)); n != 2 {
			t.Errorf("%d pages in two hours", n)
		}
	})
}

// What could not be written is written later, and once.
func TestLedgerWaitsForTheStore(t *testing.T) {
	for name, disturb := range map[string]func(*storetest.Faulty){
		"puts fail":     func(f *storetest.Faulty) { f.Fail(storetest.MethodPut, 0, errBoom) },
		"replies lost":  func(f *storetest.Faulty) { f.LoseReply(storetest.MethodPut, 0, errBoom) },
		"infos fail":    func(f *storetest.Faulty) { f.Fail(storetest.MethodInfo, 0, errBoom) },
		"all hangs":     func(f *storetest.Faulty) { f.Hang(storetest.MethodPut, 0); f.Hang(storetest.MethodInfo, 0) },
		"nothing fails": func(f *storetest.Faulty) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := ready(t, setup{remote: true, Config: Config{Ledger: testLedger}})
				f := r.listed("f")
				disturb(r.faults)
				for i := range 100 { // over three hours
					c, _ := call(strconv.Itoa(i), gives("v"))
					if _, err := r.Do(t.Context(), f, c); err != nil {
						t.Fatal(err)
					}
					f.Count(Bypassed, NoReason, 0)
					time.Sleep(2 * testLedger)
				}
				r.faults.Heal()
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				if n := r.ledgerOf(t)["f"]["bypassed"]; n != 100 {
					t.Errorf("%d calls in the ledger, want 100", n)
				}
				if n := len(r.pages(t)); n > 5 || n < 3 && name == "nothing fails" {
					t.Errorf("%d pages", n)
				}
			})
		})
	}
}

// Pages of several processes stand side by side, and no clear of everything
// takes them.
func TestLedgerOfSeveralProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := memstore.New(nil)
		var last *rig
		for range 3 {
			r := ready(t, setup{shared: own, Config: Config{Ledger: testLedger}})
			f := r.listed("f")
			c, _ := call("k", gives("v"))
			if _, err := r.Do(t.Context(), f, c); err != nil {
				t.Fatal(err)
			}
			f.Count(Populated, NoReason, 0)
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			last = r
		}
		r := ready(t, setup{shared: own})
		if _, err := r.ClearLabel(t.Context(), store.All()); err != nil {
			t.Fatal(err)
		}
		if n := last.ledgerOf(t)["f"]["populated"]; n != 3 || len(last.pages(t)) != 3 {
			t.Errorf("%d calls on %d pages", n, len(last.pages(t)))
		}
	})
}

// A store that is away for days costs no memory without bound.
func TestLedgerIsBounded(t *testing.T) {
	var b book
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for h := range 10 * maxPages {
		b.page(start.Add(time.Duration(h)*time.Hour)).Of("c", "f").Add(&ledger.Counts{Outcomes: map[string]uint64{"failed": 1}})
	}
	var n uint64
	for _, p := range b.pages {
		n += p.Of("c", "f").Outcomes["failed"]
	}
	if len(b.pages) != maxPages || n != 10*maxPages {
		t.Errorf("%d calls on %d pages", n, len(b.pages))
	}
}
