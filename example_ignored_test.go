package reprise_test

import (
	"context"
	"fmt"

	"github.com/reprise-go/reprise"
)

// Inputs that do not change the result need not count.
func Example_ignoredInputs() {
	ctx := context.Background()
	cache, _ := reprise.Open(ctx, "memory:", nil)
	defer cache.Close()

	type trace struct{ ID, Span string }
	type request struct {
		Path    string
		Trace   trace
		Verbose bool `reprise:"ignore"` // the type may say so itself
	}
	fetch := reprise.MustWrap(cache, func(_ context.Context, r request) (string, error) { return "content of " + r.Path, nil },
		&reprise.Options[request, string]{Name: "fetch", IgnoredInputs: []string{"Trace.ID"}})
	for _, r := range []request{
		{Path: "/a", Trace: trace{ID: "1"}},
		{Path: "/a", Trace: trace{ID: "2"}, Verbose: true},
		{Path: "/a", Trace: trace{ID: "2", Span: "x"}},
	} {
		got, _ := fetch.Do(ctx, r)
		fmt.Println(got.Outcome)
	}
	fmt.Println(fetch.IgnoredInputs())
	// Output:
	// populated
	// hit-memory
	// populated
	// [Trace.ID]
}
