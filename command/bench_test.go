package command

import (
	"testing"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store/memstore"
)

// BenchmarkFirstHit is a replay in a process that does nothing else: all but
// starting it and opening the store.
func BenchmarkFirstHit(b *testing.B) {
	s := memstore.New(nil)
	cache, err := reprise.New(s, &reprise.Config{LedgerInterval: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer cache.Close()
	o := &Options{StateDir: b.TempDir(), Journal: b.TempDir() + "/journal"}
	spec := &Spec{Args: []string{"echo", "hi"}, Dir: b.TempDir()}
	for b.Loop() {
		res, err := New(cache, s, o).Run(b.Context(), spec, IO{})
		if err != nil {
			b.Fatal(err)
		}
		if res.Ran {
			b.Logf("%v", res.Outcome)
		}
	}
}
