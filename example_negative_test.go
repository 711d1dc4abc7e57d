package reprise_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reprise-go/reprise"
)

// Errors are not remembered, unless ErrorTTL says for how long.
func Example_negativeCaching() {
	ctx := context.Background()
	cache, _ := reprise.Open(ctx, "memory:", nil)
	defer cache.Close()

	errNoSuchUser, errTimeout := errors.New("no such user"), errors.New("timeout")
	find := reprise.MustWrap(cache, func(_ context.Context, name string) (string, error) {
		fmt.Println("asking for", name)
		if name == "nobody" {
			return "", errNoSuchUser
		}
		return "", errTimeout
	}, &reprise.Options[string, string]{Name: "find user", ErrorTTL: func(err error) time.Duration {
		if errors.Is(err, errNoSuchUser) {
			return time.Minute
		}
		return 0 // a timeout may be over already
	}})
	for _, name := range []string{"nobody", "nobody", "ann", "ann"} {
		_, err := find.Call(ctx, name)
		fmt.Println(err)
	}
	// Output:
	// asking for nobody
	// no such user
	// no such user
	// asking for ann
	// timeout
	// asking for ann
	// timeout
}
