//go:build unix

package reprise_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/internal/servertest"
)

// lateServer is one that is not up yet.
type lateServer struct {
	url   string
	start func()
}

// TestOpenBeforeTheServer: a Cache that is there before its server becomes a
// full one without a restart when the server comes: results are shared, leases
// serialize, and push tells of changes. The looks at changes are too far apart
// to tell of anything in time.
func TestOpenBeforeTheServer(t *testing.T) {
	for name, late := range map[string]func(t *testing.T) lateServer{
		"redis": func(t *testing.T) lateServer {
			s := servertest.Redis(t)
			s.Kill(t)
			return lateServer{s.URL(), func() { s.Restart(t) }}
		},
		"postgres": func(t *testing.T) lateServer {
			p := servertest.PostgresAlone(t)
			url := p.Database(t)
			p.Kill(t)
			return lateServer{url, func() { p.Restart(t) }}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			openBefore(t, late(t))
		})
	}
}

func openBefore(t *testing.T, server lateServer) {
	logger, log := logging()
	here := openWith(t, server.url, &reprise.Config{Logger: logger, CoherenceInterval: 10 * time.Minute})
	began, goOn := make(chan string, 2), make(chan struct{}, 2)
	fn := func(_ context.Context, key string) (string, error) {
		if strings.HasPrefix(key, "slow") {
			began <- key
			<-goOn
		}
		return "computed " + key, nil
	}
	o := reprise.Options[string, string]{Name: "f", Serialize: true}
	f := wrap(t, here, fn, o)
	does(t, t.Context(), f, "a", reprise.LookupFailed, reprise.StoreError)

	server.start()
	n := 0
	until(t, "the cache remembers", func() bool {
		n++ // what another key finds shows that the store takes and gives
		key := fmt.Sprint("probe", n)
		first, err1 := f.Do(t.Context(), key)
		second, err2 := f.Do(t.Context(), key)
		return err1 == nil && err2 == nil && first.Outcome == reprise.Populated && second.Outcome == reprise.HitMemory
	})
	there := open(t, server.url)
	g := wrap(t, there, fn, o)
	does(t, t.Context(), g, fmt.Sprint("probe", n), reprise.HitStore, reprise.NoReason)

	// Leases: who comes second waits for who came first. Only a machine that
	// sleeps for long keeps the second from coming in time.
	key := ""
	for try := 0; key == "" && try < 10; try++ {
		if slow := fmt.Sprint("slow", try); waitsFor(t, f, g, slow, began, goOn) {
			key = slow
		}
	}
	if key == "" {
		t.Fatal("who comes second never waits")
	}

	// Push: what is set there is known here long before the next look.
	does(t, t.Context(), f, key, reprise.HitMemory, reprise.NoReason)
	if err := g.Set(t.Context(), key, "set"); err != nil {
		t.Fatal(err)
	}
	set := time.Now()
	until(t, "the other's value arrives", func() bool { return call(t, t.Context(), f, key) == "set" })
	t.Logf("pushed within %v", time.Since(set))

	if lines := log.lines(); len(lines) != 2 || !strings.Contains(lines[0], "level=WARN") || !strings.Contains(lines[0], "calls run uncached until it can") ||
		!strings.Contains(lines[1], "store answers again") {
		t.Errorf("want a warning and its end, got\n%s", log.text())
	}
}

// waitsFor has g run for key and f come second, and reports whether f waited.
func waitsFor(t *testing.T, f, g *reprise.Func[string, string], key string, began <-chan string, goOn chan<- struct{}) bool {
	first, second := make(chan error, 1), make(chan reprise.Result[string], 1)
	go func() { _, err := g.Call(context.Background(), key); first <- err }()
	<-began
	go func() {
		r, err := f.Do(context.Background(), key)
		if err != nil {
			t.Error(err)
		}
		second <- r
	}()
	select {
	case <-began:
		t.Errorf("%s runs twice", key)
		goOn <- struct{}{}
	case <-time.After(200 * time.Millisecond): // time to come
	}
	goOn <- struct{}{}
	if err := <-first; err != nil {
		t.Error(err)
	}
	r := <-second
	if r.Outcome != reprise.Waited && r.Outcome != reprise.HitStore {
		t.Errorf("who came second: %v (%v), want to have waited", r.Outcome, r.Reason)
	}
	return r.Outcome == reprise.Waited
}
