//go:build unix

package reprise_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/internal/servertest"
	"github.com/reprise-go/reprise/store"
)

// TestGuarantee14_RedisFull: where Redis has no memory left and may evict
// nothing, callers get their values, nothing stored is lost, clears work and
// make room, and with more memory the cache goes on by itself.
func TestGuarantee14_RedisFull(t *testing.T) {
	for name, start := range map[string]func() []*servertest.RedisServer{
		"redis":   func() []*servertest.RedisServer { return []*servertest.RedisServer{servertest.Redis(t)} },
		"cluster": func() []*servertest.RedisServer { return servertest.RedisCluster(t).Nodes },
	} {
		t.Run(name, func(t *testing.T) {
			nodes := start()
			url := nodes[0].URL()
			c := open(t, url) // whose scripts and connections are there before the memory ends
			for _, node := range nodes {
				limitMemory(t, node.URL(), 4<<20)
			}
			fillsUp(t, url, c, true, func() {
				for _, node := range nodes {
					limitMemory(t, node.URL(), 64<<20)
				}
			})
		})
	}
}

// limitMemory lets a Redis use so much more than it does.
func limitMemory(t *testing.T, url string, more int) {
	t.Helper()
	m := redisMedium{client: redisClient(t, url)}
	for _, node := range m.client.Nodes() {
		info, err := node.Do(t.Context(), node.B().Info().Section("memory").Build()).ToString()
		if err != nil {
			t.Fatal(err)
		}
		var used int
		if _, err := fmt.Sscanf(info[strings.Index(info, "used_memory:"):], "used_memory:%d", &used); err != nil {
			t.Fatal(err)
		}
		set := node.B().Arbitrary("CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", fmt.Sprint(used+more)).Build()
		if err := node.Do(t.Context(), set).Error(); err != nil {
			t.Fatal(err)
		}
	}
}

// fillsUp fills a store with results through c, and gives it more room then.
func fillsUp(t *testing.T, url string, c *reprise.Cache, mayClear bool, makeRoom func()) {
	t.Helper()
	const size = 200 << 10
	o := reprise.Options[int, []byte]{Name: "f", Residency: reprise.Transient, Version: "1"}
	f := wrap(t, c, sized(size), o)
	stored := fillUp(t, f, size)

	o.Serialize = true
	refusesUnderLease(t, wrap(t, open(t, url), sized(size), o), size)
	o.Serialize = false
	other := wrap(t, open(t, url), sized(size), o)
	for _, in := range stored {
		if r := does(t, t.Context(), other, in, reprise.HitStore, reprise.NoReason); !bytes.Equal(r.Value, noise(in, size)) {
			t.Errorf("result %d is another one now", in)
		}
	}
	// Redis lets a clear have some memory all the same.
	if err := other.Clear(t.Context(), stored[0]); err != nil && (mayClear || !errors.Is(err, store.ErrFull)) {
		t.Errorf("a clear in a full store: %v", err)
	}
	makeRoom()
	storesAgain(t, f, 1<<20, size)
	for _, in := range stored[1:] {
		does(t, t.Context(), f, in, reprise.HitStore, reprise.NoReason)
	}
}

// refusesUnderLease calls a serialized function until a result finds no room:
// of a cluster's servers some may have a little.
func refusesUnderLease(t *testing.T, f *reprise.Func[int, []byte], size int) {
	t.Helper()
	for in := 1 << 21; ; in++ {
		r, err := f.Do(t.Context(), in)
		if err != nil || !bytes.Equal(r.Value, noise(in, size)) {
			t.Fatal(r.Outcome, err)
		}
		if r.Outcome == reprise.PutFailed && r.Reason == reprise.NoRoom {
			return
		}
		if r.Outcome == reprise.LookupFailed && errors.Is(r.Err, store.ErrFull) {
			return // not even the lease finds room
		}
		if r.Outcome != reprise.Populated || in > 1<<21+1000 {
			t.Fatalf("outcome %v (%v) in a full store: %v", r.Outcome, r.Reason, r.Err)
		}
	}
}

// storesAgain waits until a cache that left a full store in peace tries again.
func storesAgain(t *testing.T, f *reprise.Func[int, []byte], in, size int) {
	t.Helper()
	began := time.Now()
	for ; ; in++ {
		r, err := f.Do(t.Context(), in)
		if err != nil || !bytes.Equal(r.Value, noise(in, size)) {
			t.Fatal(r.Outcome, err)
		}
		if r.Outcome == reprise.Populated {
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("the store has room, and is not used: %v (%v): %v", r.Outcome, r.Reason, r.Err)
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Logf("stored again %v after there was room", time.Since(began).Round(time.Millisecond))
	does(t, t.Context(), f, in, reprise.HitStore, reprise.NoReason)
}

// fillUp calls f with new inputs until ten results in a row were not stored,
// and returns those that were.
func fillUp(t *testing.T, f *reprise.Func[int, []byte], size int) (stored []int) {
	t.Helper()
	refused, told := 0, false
	for in := 0; refused < 10; in++ {
		r, err := f.Do(t.Context(), in)
		if err != nil || !bytes.Equal(r.Value, noise(in, size)) {
			t.Fatalf("call %d: %v, %v", in, r.Outcome, err)
		}
		switch r.Outcome {
		case reprise.Populated:
			stored, refused = append(stored, in), 0
		case reprise.PutFailed:
			told = told || errors.Is(r.Err, store.ErrFull)
			refused++
		default:
			t.Fatalf("call %d: %v (%v): %v", in, r.Outcome, r.Reason, r.Err)
		}
		if in > 10_000 {
			t.Fatal("the disk does not fill up")
		}
	}
	if !told {
		t.Error("no Result.Err said that the store is full")
	}
	if len(stored) < 3 {
		t.Fatalf("%d results were stored before the disk was full: the test shows little", len(stored))
	}
	return stored
}
