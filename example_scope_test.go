package reprise_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/reprise-go/reprise"
)

// A scope separates results by who asks. A call that does not say who asks is
// not cached at all.
func ExampleWithExecution() {
	cache, _ := reprise.Open(context.Background(), "memory:", nil)
	defer cache.Close()

	inbox := reprise.MustWrap(cache, func(_ context.Context, folder string) (string, error) { return "mails in " + folder, nil },
		&reprise.Options[string, string]{Name: "inbox", Scope: reprise.ByUser, Unlinked: true})
	as := func(user string) context.Context {
		return reprise.WithExecution(context.Background(), reprise.Execution{User: user})
	}
	for _, user := range []string{"ann", "bob", "ann", ""} {
		r, err := inbox.Do(as(user), "unread")
		fmt.Printf("%q: %v %v, %v\n", user, r.Outcome, r.Reason, err)
	}
	err := inbox.Set(as(""), "unread", "anything")
	fmt.Println(errors.Is(err, reprise.ErrScopeMissing))
	// Output:
	// "ann": populated absent, <nil>
	// "bob": populated absent, <nil>
	// "ann": hit-memory , <nil>
	// "": skipped scope-missing, <nil>
	// true
}
