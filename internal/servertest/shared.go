//go:build unix

package servertest

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
)

// shared are the servers of a program's tests, each started by the first who
// asks.
var shared struct {
	sync.Mutex
	running  bool // a Shared runs
	ending   bool // all tests have ended
	failed   bool // ... and something did after them
	ends     []func()
	postgres *PostgresServer
	redis    *RedisServer
	cluster  *RedisClusterServers
	relayed  *RedisClusterServers
}

// Shared has the tests of a program share servers, which end after them:
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(servertest.Shared(m)) }
func Shared(m *testing.M) interface{ Run() int } { return sharing{m} }

type sharing struct{ m *testing.M }

func (s sharing) Run() int {
	shared.Lock()
	shared.running = true
	shared.Unlock()
	code := s.m.Run()
	shared.Lock()
	defer shared.Unlock()
	shared.ending = true
	for _, end := range slices.Backward(shared.ends) {
		end()
	}
	if shared.failed {
		code |= 1
	}
	return code
}

// outliving is a test whose servers and directories outlive it, until all
// tests have ended.
type outliving struct{ testing.TB }

func (o outliving) Cleanup(f func()) { shared.ends = append(shared.ends, f) }

func (o outliving) Helper() {}

// Errorf is for the cleanups as well, when there is no test to fail any more.
func (o outliving) Errorf(format string, args ...any) {
	if !shared.ending {
		o.TB.Errorf(format, args...)
		return
	}
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	shared.failed = true
}

func (o outliving) TempDir() string {
	dir, err := os.MkdirTemp("", "reprise-")
	if err != nil {
		o.Fatalf("servertest: %v", err)
	}
	o.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// sharedBy starts the server that belongs to place once for all tests of a
// program that uses Shared, and else for t alone.
func sharedBy[S any](t testing.TB, place **S, start func(testing.TB) *S) *S {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.running {
		return start(t)
	}
	if *place == nil {
		*place = start(outliving{t})
	}
	return *place
}

// SharedRedis is for tests that neither stop the server nor depend on it being
// empty: each takes a prefix of its own. It has all memory to itself and no
// persistence. Without Shared it is Redis.
func SharedRedis(t testing.TB) *RedisServer {
	t.Helper()
	return sharedBy(t, &shared.redis, func(t testing.TB) *RedisServer { return Redis(t) })
}

// SharedRedisCluster is the same of a RedisCluster.
func SharedRedisCluster(t testing.TB) *RedisClusterServers {
	t.Helper()
	return sharedBy(t, &shared.cluster, func(t testing.TB) *RedisClusterServers { return RedisCluster(t) })
}
