//go:build unix

package redisstore

import (
	commandline "flag"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/reprise-go/reprise/internal/servertest"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/storetest"
)

// TestMain looks for goroutines that outlive their store. A cluster client that
// lost a connection looks at the cluster again after at most a second, and
// Close does not wait for that.
//
// Where nobody asks for more, the model makes fewer runs than rapid would: each
// of its steps lists and counts all shards.
func TestMain(m *testing.M) {
	if os.Getenv("REPRISE_TORTURE") != "1" {
		if err := commandline.Set("rapid.checks", "25"); err != nil { // a flag on the command line wins
			panic(err)
		}
	}
	goleak.VerifyTestMain(servertest.Shared(m), goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

// serial numbers the stores that share a server.
var serial atomic.Int64

// fresh are options for a store that nobody else uses.
func fresh() *Options { return &Options{Prefix: fmt.Sprint("test", serial.Add(1)), MaxValue: 2 << 20} }

// opened opens a store and closes it when the test ends.
func opened(t testing.TB, url string, o *Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func harness(url string) storetest.Harness {
	again := func(t testing.TB, s store.Store) store.Store {
		return opened(t, url, &Options{Prefix: prefixOf(s), MaxValue: 2 << 20})
	}
	return storetest.Harness{
		Open: func(t testing.TB) store.Store { return opened(t, url, fresh()) },
		Reopen: func(t testing.TB, s store.Store) store.Store {
			s.Close()
			return again(t, s)
		},
		Second:  again,
		Corrupt: corruptValue,
	}
}

func prefixOf(s store.Store) string {
	meta := s.(*Store).names.meta
	return meta[1 : len(meta)-len("}:")]
}

// corruptValue does to a value at rest what a bug or an operator could do.
func corruptValue(t testing.TB, s store.Store, key store.Key, how storetest.Corruption) {
	t.Helper()
	r := s.(*Store)
	name := r.names.entry(key)
	e, err := r.client.Do(t.Context(), r.client.B().Get().Key(name).Build()).AsBytes()
	if err != nil {
		t.Fatal(err)
	}
	_, _, value, err := splitEntry(e)
	if err != nil {
		t.Fatal(err)
	}
	switch how {
	case storetest.FlipBit:
		value[len(value)/2] ^= 1
	case storetest.Truncate:
		e = e[:len(e)-len(value)/2]
	case storetest.Lose:
		e = e[:len(e)-len(value)]
	}
	if err := r.client.Do(t.Context(), r.client.B().Set().Key(name).Value(string(e)).Build()).Error(); err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, harness(servertest.SharedRedis(t).URL()))
}

func TestConformanceCluster(t *testing.T) {
	t.Parallel()
	storetest.Run(t, harness(servertest.SharedRedisCluster(t).URL()))
}

func BenchmarkStore(b *testing.B) {
	storetest.Bench(b, harness(servertest.Redis(b).URL()))
}
