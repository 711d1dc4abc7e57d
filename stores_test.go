//go:build unix

package reprise_test

import (
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/reprise-go/reprise/internal/servertest"
)

// stores are all stores that outlive a process, by name: each gives the URL of
// an empty one. The servers are shared by the tests of this program, so nobody
// may stop them; servers of a test's own come from servertest.
var stores = map[string]func(testing.TB) string{
	"sqlite":   file,
	"redis":    func(tb testing.TB) string { return prefixed(servertest.SharedRedis(tb).URL()) },
	"cluster":  func(tb testing.TB) string { return prefixed(servertest.SharedRedisCluster(tb).URL()) },
	"postgres": func(tb testing.TB) string { return schema(servertest.Postgres(tb).Database(tb)) },
}

var spaces atomic.Int64

// prefixed is a store of its own on a shared Redis.
func prefixed(server string) string {
	return fmt.Sprintf("%s?reprise_prefix=test%d", server, spaces.Add(1))
}

// schema keeps what tests find in the database apart from what is always there.
func schema(database string) string {
	u, err := url.Parse(database)
	if err != nil {
		panic(err) // servertest made it
	}
	q := u.Query()
	q.Set("reprise_schema", "cache")
	u.RawQuery = q.Encode()
	return u.String()
}

// onEveryStore runs a test beside others on an empty store of each kind that
// outlives a process.
func onEveryStore(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	for name, start := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}
