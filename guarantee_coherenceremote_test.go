//go:build unix

package reprise_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
)

// TestGuarantee19_AnotherProcessClearsOnEveryStore has another process clear in
// every way what this one holds in memory. Each clear is noticed, and once a
// call gives a new value, none gives an old one.
func TestGuarantee19_AnotherProcessClearsOnEveryStore(t *testing.T) {
	onEveryStore(t, func(t *testing.T, url string) {
		var now events
		fn := func(context.Context, int) (int64, error) { return now.next(), nil }
		f := wrap(t, open(t, url), fn, taggedOptions("f", clearCase{}))
		p := child(t, "clears in any way", url)
		p.expect("ready")
		get := func() int64 { return call(t, dataset(theDataset), f, 1) }
		last, asked := int64(0), 0
		for round := range torture(3, 100) {
			for how := range clears {
				before := get()
				if before < last {
					t.Fatalf("round %d: the value of event %d after that of %d", round, before, last)
				}
				number := now.next() // the value of a Set
				p.say(fmt.Sprintf("f\tfalse\t%d\t%d\t%s", reprise.Hybrid, number, how))
				p.expect("done")
				for end := time.Now().Add(longEnough); last <= before; last = get() {
					asked++
					if time.Now().After(end) {
						t.Fatalf("round %d: %s by another process is not noticed", round, how)
					}
				}
				if how == "Set" && last != number || how != "Set" && last < number {
					t.Errorf("round %d: after %s the value of event %d, want %d or a later run", round, how, last, number)
				}
			}
		}
		p.wait()
		t.Logf("%d calls until the clears were noticed", asked)
	})
}
