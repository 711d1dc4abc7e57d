//go:build unix

package reprise_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/internal/servertest"
)

// toxic is a proxy of toxiproxy before a server. What it is for beside the
// relays of servertest, ADR 6 says.
type toxic struct {
	*toxiproxy.Proxy
	t   *testing.T
	url string
}

// poisoned puts a proxy between a store and those who use toxic.url.
func poisoned(t *testing.T, direct string) *toxic {
	t.Helper()
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	zerolog.SetGlobalLevel(zerolog.Disabled) // some toxics ignore the logger that they are given
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := toxiproxy.NewProxy(server, t.Name(), "127.0.0.1:0", u.Host)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	u.Host = p.Listen
	return &toxic{p, t, u.String()}
}

// add disturbs what the server says.
func (x *toxic) add(kind, attributes string) {
	x.t.Helper()
	json := fmt.Sprintf(`{"name": "it", "type": %q, "stream": "downstream", "attributes": %s}`, kind, attributes)
	if _, err := x.Toxics.AddToxicJson(strings.NewReader(json)); err != nil {
		x.t.Fatal(err)
	}
}

// networked are the stores for which one proxy is enough: clients go round one
// before a cluster.
var networked = map[string]struct {
	start func(testing.TB) string
	bytes int // more than a server says in the course of a call
}{
	"redis":    {func(tb testing.TB) string { return prefixed(servertest.SharedRedis(tb).URL()) }, 500},
	"postgres": {func(tb testing.TB) string { return schema(servertest.Postgres(tb).Database(tb)) }, 2500},
}

var toxicOptions = reprise.Options[int, string]{Name: "toxic", Version: "1", Serialize: true, LeaseTTL: 2 * time.Second}

// TestGuarantee05_RepliesCutAnywhere breaks connections after each number of
// bytes that a server may say during a call: between replies and inside of
// them. Callers get right values, and what is told to be stored is.
func TestGuarantee05_RepliesCutAnywhere(t *testing.T) {
	t.Parallel() // with others that wait
	for name, n := range networked {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct := n.start(t)
			x, e, outcomes := poisoned(t, direct), newExecutions(t), map[reprise.Outcome]int{}
			far := wrap(t, open(t, direct), e.by("far", idle), toxicOptions)
			for bytes := 0; bytes < n.bytes; bytes += n.bytes / torture(10, n.bytes) {
				near := openWith(t, x.url, &reprise.Config{StoreTimeout: time.Second})
				f := wrap(t, near, e.by("near", idle), toxicOptions)
				x.add("limit_data", fmt.Sprintf(`{"bytes": %d}`, bytes))
				a, err := f.Do(t.Context(), bytes)
				if err != nil || a.Value != fmt.Sprintf("%d by near in run 1", bytes) {
					t.Errorf("after %d bytes: %q, %v", bytes, a.Value, err)
				}
				x.heal()
				b, err := far.Do(t.Context(), bytes)
				same := b.Value == a.Value
				if err != nil || !same && (a.Outcome == reprise.Populated || e.add(bytes, 0, 0) != 2) {
					t.Errorf("after %d bytes: near got %v, far %q (%v), %v", bytes, a.Outcome, b.Value, b.Outcome, err)
				}
				outcomes[a.Outcome]++
				closeNow(t, near)
			}
			t.Logf("outcomes: %v", outcomes)
			if outcomes[reprise.Populated] == 0 || len(outcomes) < 2 {
				t.Error("all calls ended alike: the test shows little")
			}
		})
	}
}

func (x *toxic) heal() {
	x.t.Helper()
	if err := x.Toxics.RemoveToxic(x.t.Context(), "it"); err != nil && !errors.Is(err, toxiproxy.ErrToxicNotFound) {
		x.t.Fatal(err)
	}
}

// TestGuarantee05_BadConnections: connections that are slow, bring a few bytes
// at a time, are reset or silent. Callers get right values, and once the connection
// is good again, so is the cache.
func TestGuarantee05_BadConnections(t *testing.T) {
	t.Parallel() // with others that wait
	for name, n := range networked {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct := n.start(t)
			x, e := poisoned(t, direct), newExecutions(t)
			near := wrap(t, openWith(t, x.url, nil), e.by("near", idle), toxicOptions)
			input := 0
			for kind, attributes := range map[string]string{
				"latency": `{"latency": 20, "jitter": 10}`, "slicer": `{"average_size": 3}`,
				"bandwidth": `{"rate": 20}`, "slow_close": `{"delay": 100}`, "reset_peer": `{"timeout": 0}`, "timeout": `{"timeout": 50}`,
			} {
				x.add(kind, attributes)
				for range torture(2, 20) {
					input++
					r, err := near.Do(t.Context(), input)
					if err != nil || r.Value != fmt.Sprintf("%d by near in run 1", input) {
						t.Errorf("%s: %q (%v), %v", kind, r.Value, r.Outcome, err)
					}
					if bad := kind == "reset_peer" || kind == "timeout"; !bad && r.Outcome != reprise.Populated {
						t.Errorf("%s: %v (%v), %v", kind, r.Outcome, r.Reason, r.Err)
					}
				}
				x.heal()
				eventually(t, "the cache is well again", func() bool {
					input++
					r, err := near.Do(t.Context(), input)
					return err == nil && r.Outcome == reprise.Populated
				})
			}
		})
	}
}
