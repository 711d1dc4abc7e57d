package sqlitestore

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ncruces/go-sqlite3"

	"github.com/reprise-go/reprise/store"
)

// Both ways to find a page in the order of keys give the same pages, whatever
// share of the entries matches.
func TestListPlansAgree(t *testing.T) {
	s := openTest(t, &Options{SweepEvery: -1})
	ctx := context.Background()
	const n = 400
	want := map[string][]store.Key{}
	err := s.write(ctx, "fill", func(tx *txn) error {
		for i := range n {
			rec := benchRecord(i, 10)
			rec.Labels.Function = fmt.Sprint("every", []int{1, 10, 100}[min(i%10/9+i%100/99, 2)])
			want[rec.Labels.Function] = append(want[rec.Labels.Function], rec.Key)
			want[""] = append(want[""], rec.Key)
			if _, err := tx.put(rec, store.PutPublish, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for function, keys := range want {
		slices.SortFunc(keys, func(a, b store.Key) int { return slices.Compare(a[:], b[:]) })
		for _, limit := range []int{1, 7, 1000} {
			q := store.Query{Limit: limit}
			if function != "" {
				q.Function = &function
			}
			var got []store.Key
			for {
				p, err := s.List(ctx, q)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range p.Records {
					got = append(got, r.Key)
				}
				if q.Cursor = p.Next; q.Cursor == "" {
					break
				}
			}
			if diff := cmp.Diff(keys, got); diff != "" {
				t.Errorf("function %q, pages of %d: %s", function, limit, diff)
			}
		}
	}
	for function, walk := range map[string]bool{"every1": true, "every100": false} {
		if got, err := walks(s.w, &store.Query{Function: &function}, 1); err != nil || got != walk {
			t.Errorf("walks for %s = %t, %v", function, got, err)
		}
	}
}

// A page costs what is on it, however many come before it.
func TestListDeepPages(t *testing.T) {
	s := openTest(t, &Options{SweepEvery: -1})
	const n, limit = 3000, 10
	err := s.write(context.Background(), "fill", func(tx *txn) error {
		for i := range n {
			if _, err := tx.put(benchRecord(i, 10), store.PutPublish, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var first, most int
	var after *position
	for pages := 0; ; pages++ {
		steps(s.w)
		p, err := s.list(s.w, &store.Query{All: true}, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		n := steps(s.w)
		if pages == 1 {
			first = n
		}
		most = max(most, n)
		if p.Next == "" {
			break
		}
		after = &position{Key: p.Records[len(p.Records)-1].Key}
	}
	if most > 2*first {
		t.Errorf("a page takes %d steps, and an early one %d", most, first)
	}
}

// steps is the work that a connection's statements did since the last time.
func steps(c *conn) (all int) {
	for _, st := range c.stmts {
		all += st.Status(sqlite3.STMTSTATUS_VM_STEP, true)
	}
	return all
}

// To list a few entries among many of another kind costs little, in any order.
func TestListFewAmongMany(t *testing.T) {
	s := openTest(t, &Options{SweepEvery: -1})
	const n, few = 3000, 3
	err := s.write(context.Background(), "fill", func(tx *txn) error {
		for i := range n {
			rec := benchRecord(i, 10)
			if i < few {
				rec.Labels.Kind, rec.Labels.Collection = store.KindEntry, "few"
			}
			if _, err := tx.put(rec, store.PutPublish, nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	kind, collection := store.KindEntry, "few"
	for _, q := range []store.Query{{Kind: &kind}, {Collection: &collection}, {Kind: &kind, Order: store.NewestFirst, All: true}} {
		steps(s.w)
		p, err := s.list(s.w, &q, nil, maxPage)
		if err != nil || len(p.Records) != few {
			t.Fatal(len(p.Records), err)
		}
		if did := steps(s.w); did > n {
			t.Errorf("%+v took %d steps", q, did)
		}
	}
}
