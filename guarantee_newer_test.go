//go:build unix

package reprise_test

import (
	"errors"
	"testing"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
)

// age makes a store on a server one that the next version wrote.
func age(t *testing.T, m medium) {
	t.Helper()
	switch m := m.(type) {
	case *redisMedium:
		v, err := m.run(t, "HGET", m.own("m"), "v").AsInt64()
		if err != nil {
			t.Fatal(err)
		}
		m.run(t, "HINCRBY", m.own("m"), "v", "1")
		t.Log("schema", v)
	case *postgresMedium:
		m.alter(t, "INSERT INTO {s}.reprise_schema (version) SELECT max(version) + 1 FROM {s}.reprise_schema")
	}
}

// TestGuarantee16_NewerSchemaOnServers: a store that a later version wrote is
// not touched, whatever the policy.
func TestGuarantee16_NewerSchemaOnServers(t *testing.T) {
	onEveryServer(t, func(t *testing.T, url string) {
		populate(t, url, 1, 2, 3)
		m := mediumOf(t, url)
		age(t, m)
		before := m.dump(t)

		_, err := reprise.Open(t.Context(), url, &reprise.Config{OnStoreError: reprise.FailClosed})
		if !errors.Is(err, store.ErrNewerSchema) {
			t.Errorf("FailClosed: %v", err)
		}
		says(t, err, "schema", "upgrade")

		var log warnings
		c := openWith(t, url, &reprise.Config{Logger: log.logger()})
		fn, _ := counting[int]()
		f := wrap(t, c, fn, reprise.Options[int, int]{Residency: reprise.Transient, Serialize: true})
		for want := 1; want <= 10; want++ {
			r := does(t, t.Context(), f, 1, reprise.LookupFailed, reprise.StoreError)
			if r.Value != want || !errors.Is(r.Err, store.ErrNewerSchema) {
				t.Errorf("run %d; Result.Err does not tell: %v", r.Value, r.Err)
			}
		}
		for what, err := range map[string]error{
			"set": f.Set(t.Context(), 1, 1), "clear": f.Clear(t.Context(), 1), "clear all": second(c.ClearAll(t.Context())),
		} {
			if !errors.Is(err, store.ErrNewerSchema) {
				t.Errorf("%s: %v", what, err)
			}
		}
		closeNow(t, c)
		log.one(t, "upgrade")
		if after := m.dump(t); after != before {
			t.Errorf("the store changed:\n%s\n%s", before, after)
		}
	})
}
