package storetest

import (
	"errors"
	"fmt"

	"github.com/reprise-go/reprise/store"
)

func pagingTopic() topic {
	return topic{"paging", []check{
		{"pages cover everything once", checkPagesCover},
		{"entries that come and go do not disturb the others", checkPagesUnderChange},
		{"a page holds 1,000 at most", checkPageLimit},
		{"the last page has no next", checkLastPage},
		{"a cursor of another query is refused", checkForeignCursor},
		{"senseless queries are refused", checkBadQueries},
	}}
}

var orders = []store.Order{store.ByKey, store.NewestFirst, store.ByEntry}

// numbered puts n entries whose entry labels repeat.
func (e *env) numbered(prefix string, n int) {
	e.Helper()
	for i := range n {
		e.publish(with(rec(fmt.Sprint(prefix, i)), func(r *store.Record) {
			r.Labels.Kind = store.KindEntry
			r.Labels.Entry = fmt.Sprint(i % 5)
		}))
	}
}

// pages lists q page by page and returns how often each key came. Between two
// pages it calls between, if not nil.
func (e *env) pages(q store.Query, between func(page int)) map[store.Key]int {
	e.Helper()
	seen := make(map[store.Key]int)
	for page := 0; ; page++ {
		p := e.list(q)
		if len(p.Records) > q.Limit || page > 1000 {
			e.Fatalf("page %d holds %d records, limit %d", page, len(p.Records), q.Limit)
		}
		for _, r := range p.Records {
			seen[r.Key]++
		}
		if p.Next == "" {
			return seen
		}
		q.Cursor = p.Next
		if between != nil {
			between(page)
		}
	}
}

// wantOnce fails the check unless each of n numbered entries was seen once.
func (e *env) wantOnce(seen map[store.Key]int, prefix string, n int) {
	e.Helper()
	for i := range n {
		if times := seen[keyOf(fmt.Sprint(prefix, i))]; times != 1 {
			e.Errorf("entry %s%d was listed %d times, want once", prefix, i, times)
		}
	}
}

func checkPagesCover(e *env) {
	e.numbered("n", 23)
	for _, order := range orders {
		for _, limit := range []int{1, 7, 23, 24} {
			seen := e.pages(store.Query{Order: order, Limit: limit}, nil)
			e.wantOnce(seen, "n", 23)
			if len(seen) != 23 {
				e.Errorf("order %d, limit %d: %d keys, want 23", order, limit, len(seen))
			}
		}
	}
}

func checkPagesUnderChange(e *env) {
	for _, order := range orders {
		e.numbered("stay", 20)
		e.numbered("go", 20)
		seen := e.pages(store.Query{Order: order, Limit: 6}, func(page int) {
			for i := range 4 {
				e.clear(keyOf(fmt.Sprint("go", page*4+i)))
				e.publish(rec(fmt.Sprint("come", page*4+i)))
			}
		})
		e.wantOnce(seen, "stay", 20)
		for key, times := range seen {
			if times > 1 {
				e.Errorf("order %d: key %s was listed %d times", order, key.Short(), times)
			}
		}
	}
}

func checkPageLimit(e *env) {
	const n = 1005
	for i := range n {
		e.put(&store.Record{Key: keyOf(fmt.Sprint("n", i)), Value: []byte{1}}, store.PutSet)
	}
	for _, limit := range []int{0, 1000, 1004, 1_000_000} {
		p := e.list(store.Query{Limit: limit})
		if len(p.Records) != 1000 || p.Next == "" {
			e.Errorf("limit %d: %d records, next %q, want 1000 and more", limit, len(p.Records), p.Next)
			continue
		}
		rest := e.list(store.Query{Limit: limit, Cursor: p.Next})
		if len(rest.Records) != n-1000 || rest.Next != "" {
			e.Errorf("limit %d: then %d records, next %q, want %d and no more", limit, len(rest.Records), rest.Next, n-1000)
		}
	}
}

func checkLastPage(e *env) {
	if p := e.list(store.Query{}); len(p.Records) != 0 || p.Next != "" {
		e.Errorf("List of an empty store = %+v", p)
	}
	e.numbered("n", 6)
	if p := e.list(store.Query{Limit: 6}); len(p.Records) != 6 || p.Next != "" {
		e.Errorf("%d records, next %q; want 6 and no next", len(p.Records), p.Next)
	}
}

func checkForeignCursor(e *env) {
	e.numbered("n", 4)
	cursor := e.list(store.Query{Limit: 2}).Next
	for what, q := range map[string]store.Query{
		"another order":    {Order: store.NewestFirst, Limit: 2, Cursor: cursor},
		"another function": {Function: ptr("f"), Limit: 2, Cursor: cursor},
		"another prefix":   {EntryPrefix: "1", Limit: 2, Cursor: cursor},
		"a forged cursor":  {Limit: 2, Cursor: "nonsense"},
		"a cut cursor":     {Limit: 2, Cursor: cursor[:len(cursor)/2]},
	} {
		if _, err := e.s.List(e.ctx, q); !errors.Is(err, store.ErrBadQuery) {
			e.Errorf("%s: List = %v, want ErrBadQuery", what, err)
		}
	}
}

func checkBadQueries(e *env) {
	for what, q := range map[string]store.Query{
		"a negative limit": {Limit: -1},
		"an unknown order": {Order: 99},
	} {
		if _, err := e.s.List(e.ctx, q); !errors.Is(err, store.ErrBadQuery) {
			e.Errorf("%s: List = %v, want ErrBadQuery", what, err)
		}
	}
}
