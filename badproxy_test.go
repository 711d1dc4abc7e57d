//go:build unix

package reprise_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/internal/servertest"
)

// pgBouncer starts the real proxy before a server, and returns its address. It
// is not needed for anything else, so the test skips where it is not installed.
func pgBouncer(t testing.TB, server, poolMode string, poolSize int) string {
	t.Helper()
	binary, err := exec.LookPath("pgbouncer")
	if err != nil {
		if binary, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			t.Skip("no pgbouncer here: install it to run this test (Debian: apt-get install pgbouncer)")
		}
	}
	dir, err := os.MkdirTemp("", "reprise-pgbouncer-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	host, port, _ := net.SplitHostPort(server)
	addr := vacant(t)
	_, listen, _ := net.SplitHostPort(addr)
	users, config := filepath.Join(dir, "users"), filepath.Join(dir, "ini")
	write(t, users, `"reprise" "secret"`)
	write(t, config, fmt.Sprintf("[databases]\n* = host=%s port=%s\n[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port=%s\nunix_socket_dir=\n"+
		"auth_type=plain\nauth_file=%s\npool_mode=%s\ndefault_pool_size=%d\n", host, port, listen, users, poolMode, poolSize))
	cmd := exec.Command(binary, config)
	if os.Geteuid() == 0 { // it refuses root
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: nobodyIn(t, dir)}
	}
	var printed strings.Builder
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(printed.String())
		}
	})
	until(t, "pgbouncer answers", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return addr
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// nobodyIn is a user without rights, who may read dir.
func nobodyIn(t testing.TB, dir string) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// TestOpenBehindPgBouncer: a proxy that pools transactions breaks LISTEN. All
// else goes on, others' clears arrive by asking, and the log says once what is
// the matter. One that pools sessions is no matter at all.
func TestOpenBehindPgBouncer(t *testing.T) {
	for _, mode := range []string{"transaction", "session"} {
		t.Run(mode, func(t *testing.T) {
			p := servertest.Postgres(t)
			proxied := edited(t, p.Database(t), at(pgBouncer(t, p.Addr(), mode, 20)))
			url := edited(t, proxied, with("default_query_exec_mode", "exec"))
			logger, log := logging()
			here := openWith(t, url, &reprise.Config{OnStoreError: reprise.FailClosed, Logger: logger, StoreTimeout: 2 * time.Second})
			there := open(t, url)
			fn, _ := counting[string]()
			o := reprise.Options[string, int]{Name: "f", Serialize: true}
			f, g := wrap(t, here, fn, o), wrap(t, there, fn, o)
			calls(t, t.Context(), f, "a", 1, 1)
			calls(t, t.Context(), g, "a", 1, 1)
			if mode == "transaction" {
				until(t, "the warning", func() bool { return call(t, t.Context(), f, "a") == 1 && log.text() != "" })
			}
			if err := g.Clear(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
			until(t, "the clear arrives", func() bool { return call(t, context.Background(), f, "a") == 2 })
			closeNow(t, here)
			said := log.text()
			switch mode {
			case "session":
				if said != "" {
					t.Errorf("logged:\n%s", said)
				}
			default:
				if n := len(log.lines()); n != 1 {
					t.Errorf("logged %d lines:\n%s", n, said)
				}
				for _, w := range []string{"level=WARN", "cannot tell of changes", "pools transactions breaks LISTEN", "connect to the server itself"} {
					if !strings.Contains(said, w) {
						t.Errorf("the warning does not say %q:\n%s", w, said)
					}
				}
			}
		})
	}
}

// TestOpenBehindPgBouncerPrepares: the proxy lets one client meet the
// statements that another prepared. The error says how to do without them.
func TestOpenBehindPgBouncerPrepares(t *testing.T) {
	p := servertest.Postgres(t)
	good := p.Database(t)
	url := edited(t, good, at(pgBouncer(t, p.Addr(), "transaction", 1)))
	works(t, good, nil) // makes the tables
	first := openWith(t, url, nil)
	fn, _ := counting[string]()
	_, _ = wrap(t, first, fn, reprise.Options[string, int]{Name: "f"}).Do(t.Context(), "a") // prepares statements
	badStore{url: url, says: []string{"a proxy mixes up prepared statements", "add default_query_exec_mode=exec to the URL"}}.failClosed(t)
	works(t, edited(t, url, with("default_query_exec_mode", "exec")), &reprise.Config{OnStoreError: reprise.FailClosed, CoherenceInterval: time.Minute})
}
