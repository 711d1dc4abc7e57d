//go:build unix

package reprise_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/internal/servertest"
)

// What a URL gets behind which no store can be opened: under FailClosed the
// error, which says what failed, on what, and what to do; under FailOpen a
// Cache that works uncached, and the same words once in the log.

// passwords stand in the URLs of these tests and nowhere else.
var passwords = []string{"hunter2", "secret"}

// badStore is a URL that no store can be opened at.
type badStore struct {
	url string
	// says are the words that tell what failed, on what, and what to do.
	says []string
	// timeout is Config.StoreTimeout, for servers that never answer.
	timeout time.Duration
}

// open opens it, within several times the time-out at most.
func (b badStore) open(t *testing.T, cfg reprise.Config) (*reprise.Cache, error) {
	t.Helper()
	cfg.StoreTimeout = b.timeout
	began := time.Now()
	c, err := reprise.Open(t.Context(), b.url, &cfg)
	if took := time.Since(began); b.timeout > 0 && took > 10*b.timeout {
		t.Errorf("Open took %v, and StoreTimeout is %v", took, b.timeout)
	}
	return c, err
}

func (b badStore) test(t *testing.T) {
	t.Parallel()
	t.Run("FailClosed", b.failClosed)
	t.Run("FailOpen", b.failOpen)
}

func (b badStore) failClosed(t *testing.T) {
	c, err := b.open(t, reprise.Config{OnStoreError: reprise.FailClosed})
	if c != nil {
		defer c.Close()
		t.Error("a cache beside an error")
	}
	says(t, err, append(b.says, "open")...)
	if err != nil {
		t.Log(err)
		keepsPasswords(t, err.Error())
	}
}

func (b badStore) failOpen(t *testing.T) {
	logger, log := logging()
	c, err := b.open(t, reprise.Config{Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, c)
	fn, _ := counting[string]()
	f := wrap(t, c, fn, reprise.Options[string, int]{Name: "f", Residency: reprise.Transient, Serialize: true})
	for want := 1; want <= 4; want++ { // through the breaker's opening
		r := does(t, t.Context(), f, "a", reprise.LookupFailed, reprise.StoreError)
		if r.Value != want || !errors.Is(r.Err, reprise.ErrStore) {
			t.Errorf("run %d, %v", r.Value, r.Err)
		}
		keepsPasswords(t, r.Err.Error())
	}
	lines := log.lines()
	if len(lines) != 1 || !strings.Contains(lines[0], "level=WARN") {
		t.Fatalf("want one warning, got %d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	for _, w := range append(b.says, "calls run uncached until it can") {
		if !strings.Contains(strings.ReplaceAll(lines[0], `\"`, `"`), w) {
			t.Errorf("the warning does not say %q:\n%s", w, lines[0])
		}
	}
	keepsPasswords(t, lines[0])
}

func keepsPasswords(t *testing.T, text string) {
	t.Helper()
	for _, p := range passwords {
		if strings.Contains(text, p) {
			t.Errorf("a password is told: %s", text)
		}
	}
}

// logs is what a Logger was told. It is safe for concurrent use.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func logging() (*slog.Logger, *logs) {
	l := &logs{}
	return slog.New(slog.NewTextHandler(l, nil)), l
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(l.b.String())
}

func (l *logs) lines() []string { return strings.Split(l.text(), "\n") }

// edited is a URL with something changed.
func edited(t testing.TB, rawURL string, change func(*url.URL, url.Values)) string {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	change(u, q)
	u.RawQuery = q.Encode()
	return u.String()
}

func login(user, password string) func(*url.URL, url.Values) {
	return func(u *url.URL, _ url.Values) { u.User = url.UserPassword(user, password) }
}

func at(addr string) func(*url.URL, url.Values) {
	return func(u *url.URL, _ url.Values) { u.Host = addr }
}

func with(name, value string) func(*url.URL, url.Values) {
	return func(_ *url.URL, q url.Values) { q.Set(name, value) }
}

// vacant is an address where nobody listens.
func vacant(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// silent accepts connections and never says a word.
func silent(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var held []net.Conn
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			held = append(held, c)
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-ended
		for _, c := range held {
			c.Close()
		}
	})
	return l.Addr().String()
}

func TestOpenBadRedis(t *testing.T) {
	guarded := servertest.Redis(t, "--requirepass", "secret").Addr()
	free := servertest.SharedRedis(t)
	gone := vacant(t)
	for name, b := range map[string]badStore{
		"wrong password":   {url: "redis://:hunter2@" + guarded, says: []string{guarded, "user or password", "WRONGPASS"}},
		"no password":      {url: "redis://" + guarded, says: []string{guarded, "wants a password", "redis://user:password@host"}},
		"as the user":      {url: "redis://hunter2@" + guarded, says: []string{guarded, "user or password"}},
		"unknown user":     {url: "redis://nobody:secret@" + guarded, says: []string{guarded, "user or password", "WRONGPASS"}},
		"unknown database": {url: free.URL() + "/99", says: []string{free.Addr(), "database 99", "databases"}},
		"cluster database": {url: servertest.SharedRedisCluster(t).URL() + "/1", says: []string{"a cluster has database 0 only"}},
		"refused":          {url: "redis://:hunter2@" + gone, says: []string{gone, "refused", "nobody listens there"}},
		"unknown host":     {url: "redis://:hunter2@no-such-host.invalid:6379", says: []string{"no-such-host.invalid", "host name"}},
		"silent":           {url: "redis://:hunter2@" + silent(t), says: []string{"no answer within 300ms"}, timeout: 300 * time.Millisecond},
		"silent TLS":       {url: "rediss://:hunter2@" + silent(t), says: []string{"no answer within 300ms", "TLS"}, timeout: 300 * time.Millisecond},
	} {
		t.Run(name, b.test)
	}
}

func TestOpenBadPostgres(t *testing.T) {
	p := servertest.Postgres(t)
	good, gone := p.Database(t), vacant(t)
	for name, b := range map[string]badStore{
		"wrong password":    {url: edited(t, good, login("reprise", "hunter2")), says: []string{p.Addr(), "user or password"}},
		"unknown user":      {url: edited(t, good, login("nobody", "secret")), says: []string{p.Addr(), "user or password", "nobody"}},
		"unknown database":  {url: p.URL("nowhere"), says: []string{p.Addr(), `database "nowhere" does not exist`, "create the database"}},
		"refused":           {url: edited(t, good, at(gone)), says: []string{gone, "refused", "nobody listens there"}},
		"unknown host":      {url: edited(t, good, at("no-such-host.invalid:5432")), says: []string{"no-such-host.invalid", "host name"}},
		"silent":            {url: edited(t, good, at(silent(t))), says: []string{"no answer within 300ms"}, timeout: 300 * time.Millisecond},
		"no TLS there":      {url: edited(t, good, with("sslmode", "require")), says: []string{p.Addr(), "does not speak TLS", "sslmode=disable"}},
		"unknown parameter": {url: edited(t, good, with("shcema", "x")), says: []string{"shcema", "parameter of the URL"}},
	} {
		t.Run(name, b.test)
	}
}

// TestOpenRefusesServerURLs: what is wrong with the URL itself is an error
// under either policy: no server mends it.
func TestOpenRefusesServerURLs(t *testing.T) {
	for url, words := range map[string][]string{
		"redis://:hunter2@host:port":                                             {"malformed URL", "PASSWORD@HOST"},
		"redis://me:hunter2/x@host":                                              {"malformed URL", "written as %40, %2F"},
		"postgres://me:hunter2/x@host/db":                                        {"malformed URL", "written as %40, %2F"},
		"redis://:12/hunter2@host":                                               {"written as %40, %2F"},
		"postgres://me:12/hunter2@host/db":                                       {"written as %40, %2F"},
		"redis://:hunter2@host/nonsense":                                         {"database", "nonsense"},
		"redis://:hunter2@host/1/2":                                              {"path", "redis://user:password@host:port/database"},
		"redis:host":                                                             {"redis://user:password@host:port/database"},
		"redis://:hunter2@host?reprise_prefx=mine":                               {"reprise_prefx", "reprise_prefix"},
		"redis://:hunter2@host?reprise_prefix=a{b}":                              {"reprise_prefix", "braces"},
		"redis://:hunter2@host?dial_timeout=5":                                   {"dial_timeout", "5"},
		"rediss://:hunter2@host?reprise_ca=/none.pem":                            {"reprise_ca", "/none.pem"},
		"redis://:hunter2@host?reprise_ca=/none.pem":                             {"reprise_ca", "rediss://"},
		"postgres://me:hunter2@host:port/x":                                      {"malformed URL", "PASSWORD@HOST"},
		"postgres://me:hunter2@host/x?reprise_shema=x":                           {"reprise_shema", "reprise_schema"},
		"postgres://host/x?password=hunter2&sslmode=x":                           {"sslmode"},
		"postgres://me:hunter2@host/x?sslmode=sometimes":                         {"sslmode"},
		"postgres://me:hunter2@host/x?reprise_schema=pg_x":                       {"pg_x", "another name"},
		"postgres://me:hunter2@host/x?sslmode=verify-full&sslrootcert=/none.pem": {"/none.pem"},
	} {
		for _, policy := range []reprise.StoreErrorPolicy{reprise.FailOpen, reprise.FailClosed} {
			c, err := reprise.Open(t.Context(), url, &reprise.Config{OnStoreError: policy})
			says(t, err, append(words, "open")...)
			if c != nil {
				c.Close()
				t.Errorf("%s: a cache beside an error", url)
			}
			if err != nil {
				t.Log(err)
				keepsPasswords(t, err.Error())
			}
		}
	}
}

// TestOpenEndsWithItsContext: who opens does not wait for a server any longer
// than for the ctx, whatever the policy.
func TestOpenEndsWithItsContext(t *testing.T) {
	for _, scheme := range []string{"redis", "rediss", "postgres"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			addr := silent(t)
			for _, policy := range []reprise.StoreErrorPolicy{reprise.FailOpen, reprise.FailClosed} {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				began := time.Now()
				c, err := reprise.Open(ctx, scheme+"://me:hunter2@"+addr+"/0", &reprise.Config{OnStoreError: policy, StoreTimeout: time.Minute})
				if took := time.Since(began); took > 30*time.Second {
					t.Errorf("opened for %v under a ctx of 50 ms", took)
				}
				says(t, err, "open", addr)
				if c != nil || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v: %v, want the end of the ctx", policy, err)
				}
				if err != nil {
					t.Log(err)
					keepsPasswords(t, err.Error())
				}
			}
		})
	}
}
