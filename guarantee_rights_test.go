//go:build unix

package reprise_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/internal/servertest"
)

// warnings is what Config.Logger was told. It is safe for concurrent use.
type warnings struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (w *warnings) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.Write(b)
}

func (w *warnings) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.String()
}

func (w *warnings) logger() *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// one expects one warning that says all these words, and nothing else.
func (w *warnings) one(t *testing.T, words ...string) {
	t.Helper()
	said := w.String()
	if strings.Count(said, "level=") != 1 || !strings.Contains(said, "level=WARN") {
		t.Errorf("the log is not one warning:\n%s", said)
	}
	for _, word := range words {
		if !strings.Contains(strings.ReplaceAll(said, `\"`, `"`), word) {
			t.Errorf("the log does not say %q:\n%s", word, said)
		}
	}
}

// asUser is a URL with another user, whose password is "secret".
func asUser(t *testing.T, user, rawURL string) string {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(user, "secret")
	return u.String()
}

// readsOnly expects that who may read a store and not write it gets hits from
// it, runs what is not there uncached, and is told once what to do. The store
// is one that was populated with 1, 2 and 3.
func readsOnly(t *testing.T, url string, words ...string) {
	t.Helper()
	var log warnings
	c := openWith(t, url, &reprise.Config{Logger: log.logger()})
	for _, serialize := range []bool{false, true} {
		o := reprise.Options[int, []byte]{Name: "filler", Residency: reprise.Transient, Serialize: serialize}
		f := wrap(t, c, sized(100), o)
		for in := range 4 {
			if r := does(t, t.Context(), f, 1+in%3, reprise.HitStore, reprise.NoReason); !bytes.Equal(r.Value, noise(1+in%3, 100)) {
				t.Error("a wrong hit")
			}
		}
		for in := range 20 {
			r, err := f.Do(t.Context(), 100+in)
			if err != nil || !bytes.Equal(r.Value, noise(100+in, 100)) {
				t.Errorf("call %d: %v, %v", in, r.Outcome, err)
			}
			if r.Outcome != reprise.PutFailed && r.Outcome != reprise.LookupFailed || r.Reason != reprise.StoreError {
				t.Errorf("call %d: outcome %v (%v): %v", in, r.Outcome, r.Reason, r.Err)
			}
			for _, word := range words {
				if r.Err == nil || !strings.Contains(r.Err.Error(), word) {
					t.Fatalf("Result.Err does not say %q: %v", word, r.Err)
				}
			}
		}
		does(t, t.Context(), f, 1, reprise.HitStore, reprise.NoReason)
		says(t, f.Clear(t.Context(), 1), words...)
	}
	closeNow(t, c)
	log.one(t, words...)
}

// hasNoRights expects that who may not use a store at all runs uncached, is
// told once what to do, and under FailClosed is told by Open.
func hasNoRights(t *testing.T, url string, words ...string) {
	t.Helper()
	var log warnings
	c := openWith(t, url, &reprise.Config{Logger: log.logger()})
	fn, _ := counting[int]()
	f := wrap(t, c, fn, reprise.Options[int, int]{Residency: reprise.Transient})
	for want := 1; want <= 20; want++ {
		if r := does(t, t.Context(), f, 1, reprise.LookupFailed, reprise.StoreError); r.Value != want {
			t.Errorf("run %d, want %d", r.Value, want)
		}
	}
	closeNow(t, c)
	log.one(t, words...)
	_, err := reprise.Open(t.Context(), url, &reprise.Config{OnStoreError: reprise.FailClosed})
	says(t, err, words...)
}

// TestGuarantee15_RedisReaders: a user of Redis, or of a cluster, who may only
// read, and one who may not even do that.
func TestGuarantee15_RedisReaders(t *testing.T) {
	for _, kind := range []string{"redis", "cluster"} {
		t.Run(kind, func(t *testing.T) {
			u := stores[kind](t)
			reader, stranger := fmt.Sprint("reader", spaces.Add(1)), fmt.Sprint("stranger", spaces.Add(1))
			for _, node := range redisClient(t, u[:strings.Index(u, "?")]).Nodes() {
				for user, may := range map[string]string{
					reader: "~* &* +@read +@scripting +@connection +@pubsub +info +time +cluster", stranger: "~* &* +@connection",
				} {
					rule := append([]string{"ACL", "SETUSER", user, "on", ">secret"}, strings.Fields(may)...)
					if err := node.Do(t.Context(), node.B().Arbitrary(rule...).Build()).Error(); err != nil {
						t.Fatal(err)
					}
				}
			}
			populate(t, u, 1, 2, 3)
			readsOnly(t, asUser(t, reader, u), reader, "ACL SETUSER")
			hasNoRights(t, asUser(t, reader, stores[kind](t)), reader, "ACL SETUSER") // where there is no store yet
			hasNoRights(t, asUser(t, stranger, u), stranger, "ACL SETUSER")
		})
	}
}

// TestGuarantee15_RedisReplica: the URL names a replica.
func TestGuarantee15_RedisReplica(t *testing.T) {
	primary := servertest.Redis(t, "--repl-diskless-sync-delay", "0")
	replica := servertest.Redis(t, "--replicaof", fmt.Sprintf("127.0.0.1 %d", primary.Port))
	populate(t, primary.URL(), 1, 2, 3)
	from := redisMedium{redisClient(t, primary.URL()), "reprise"}
	eventually(t, "the replica has everything", func() bool {
		n, err := from.run(t, "WAIT", "1", "10000").ToInt64()
		return err == nil && n == 1
	})
	readsOnly(t, replica.URL(), "replica", "primary")
	hasNoRights(t, replica.URL()+"?reprise_prefix=other", "replica", "primary")
}

var roles atomic.Int64

// TestGuarantee15_PostgresReaders: users of Postgres who may only read, by
// their rights or by a setting, and ones who may not even do that.
func TestGuarantee15_PostgresReaders(t *testing.T) {
	u := stores["postgres"](t)
	empty := stores["postgres"](t)
	m := mediumOf(t, u).(*postgresMedium)
	role := func(name string, grants ...string) string {
		name = fmt.Sprint(name, roles.Add(1))
		m.run(t, "CREATE ROLE "+name+" LOGIN PASSWORD 'secret'")
		t.Cleanup(func() { m.run(t, "DROP OWNED BY "+name+"; DROP ROLE "+name) })
		for _, g := range grants {
			m.run(t, strings.ReplaceAll(g, "{role}", name))
		}
		return name
	}
	populate(t, u, 1, 2, 3)
	reader := role("reader", "GRANT USAGE ON SCHEMA {s} TO {role}", "GRANT SELECT ON ALL TABLES IN SCHEMA {s} TO {role}")
	t.Run("SELECT only", func(t *testing.T) { readsOnly(t, asUser(t, reader, u), "grant") })
	careful := role("careful", "GRANT USAGE ON SCHEMA {s} TO {role}", "GRANT ALL ON ALL TABLES IN SCHEMA {s} TO {role}",
		"GRANT ALL ON ALL SEQUENCES IN SCHEMA {s} TO {role}", "ALTER ROLE {role} SET default_transaction_read_only = on")
	t.Run("default_transaction_read_only", func(t *testing.T) { readsOnly(t, asUser(t, careful, u), "read-only", "default_transaction_read_only") })
	stranger := role("stranger")
	t.Run("no rights", func(t *testing.T) { hasNoRights(t, asUser(t, stranger, u), "grant", "USAGE") })
	t.Run("no store, and no right to make one", func(t *testing.T) { hasNoRights(t, asUser(t, stranger, empty), "CREATE SCHEMA") })
}
