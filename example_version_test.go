package reprise_test

import (
	"context"
	"fmt"
	"testing/fstest"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/version"
)

// Policies derive the version of a function from what its code is made of, and
// a new version has no old results.
func Example_versionPolicies() {
	ctx := context.Background()
	cache, _ := reprise.Open(ctx, "memory:", nil)
	defer cache.Close()

	prompts := fstest.MapFS{"prompts/summary.txt": {Data: []byte("Summarize in one line:")}}
	model := version.Named("Model", func(context.Context, string, version.Params) (version.Part, error) {
		return version.Part{Value: "small-2030-01"}, nil
	})
	summarize := func(_ context.Context, text string) (string, error) { return text[:5] + "…", nil }
	wrap := func() *reprise.Func[string, string] { // as each start of the program does
		return reprise.MustWrap(cache, summarize, &reprise.Options[string, string]{
			Name:     "summarize",
			Policies: []version.Policy{version.FilesIn(prompts, "prompts/*.txt"), model},
		})
	}
	did := func(f *reprise.Func[string, string]) {
		r, _ := f.Do(ctx, "Once upon a time")
		fmt.Println(r.Outcome)
	}
	before := wrap()
	did(before)
	did(wrap())
	prompts["prompts/summary.txt"].Data = []byte("Summarize in two lines:")
	after := wrap()
	did(after)
	fmt.Println(before.Version().String() == after.Version().String())
	// Output:
	// populated
	// hit-store
	// populated
	// false
}
