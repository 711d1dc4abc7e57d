package reprise_test

import (
	"context"
	"fmt"

	"github.com/reprise-go/reprise"
)

// Tags find results again: when a thing changes, all results about it go at
// once, of whatever function.
func ExampleCache_InvalidateTag() {
	ctx := context.Background()
	cache, _ := reprise.Open(ctx, "memory:", nil)
	defer cache.Close()

	type page struct{ Author, Title string }
	render := reprise.MustWrap(cache, func(_ context.Context, p page) (string, error) { return p.Title + " by " + p.Author, nil },
		&reprise.Options[page, string]{
			Name: "render",
			Tags: func(p page, _ string) []string { return []string{"author:" + p.Author, "all pages"} },
		})
	pages := []page{{"ann", "Trees"}, {"ann", "Lakes"}, {"bob", "Roads"}}
	for _, p := range pages {
		render.Call(ctx, p)
	}

	n, err := cache.InvalidateTag(ctx, "author:ann")
	fmt.Println(n, err)
	for _, p := range pages {
		r, _ := render.Do(ctx, p)
		fmt.Println(p.Title, r.Outcome, r.Reason)
	}
	// Output:
	// 2 <nil>
	// Trees populated cleared
	// Lakes populated cleared
	// Roads hit-memory
}
