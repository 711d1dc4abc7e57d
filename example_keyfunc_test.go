package reprise_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/reprise-go/reprise"
)

// KeyFunc says what counts, for inputs that cannot be keyed, or that are the
// same for the function though they look different.
func Example_keyFunc() {
	ctx := context.Background()
	cache, _ := reprise.Open(ctx, "memory:", nil)
	defer cache.Close()

	lookUp := reprise.MustWrap(cache, func(_ context.Context, name string) (string, error) { return "you are " + name, nil },
		&reprise.Options[string, string]{
			Name:    "look up",
			KeyFunc: func(_ context.Context, name string) (any, error) { return strings.ToLower(name), nil },
		})
	for _, name := range []string{"Ann", "ANN", "Bob"} {
		r, _ := lookUp.Do(ctx, name)
		fmt.Printf("%s: %s (%v)\n", name, r.Value, r.Outcome)
	}
	// Output:
	// Ann: you are Ann (populated)
	// ANN: you are Ann (hit-memory)
	// Bob: you are Bob (populated)
}
