//go:build unix

package servertest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// PostgresServer is a running postgres with one superuser, "reprise", whose
// password is "secret" for connections by TCP.
type PostgresServer struct {
	bin, dir, data string
	port           int
	as             *syscall.Credential // nil: as we are

	mu   sync.Mutex
	proc *process // guarded by mu
}

var databases atomic.Int64

// Postgres returns the server that the tests of this program share, or where
// its TestMain does not use Shared, one for t alone. Take a Database from it,
// and do not stop it; PostgresAlone is for that.
func Postgres(t testing.TB) *PostgresServer {
	t.Helper()
	return sharedBy(t, &shared.postgres, PostgresAlone)
}

// PostgresAlone starts a server for t alone, which t may kill and stop.
func PostgresAlone(t testing.TB) *PostgresServer {
	t.Helper()
	find(t, "postgres", "postgresql", postgresDirs...)
	dir, err := os.MkdirTemp("", "reprise-postgres-") // t.TempDir is too long a path for a socket
	if err != nil {
		t.Fatalf("servertest: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := newPostgres(t, dir)
	t.Cleanup(func() { p.quit(t) })
	return p
}

// postgresDirs is where Debian, Red Hat and Homebrew keep the binaries.
var postgresDirs = []string{
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
}

func newPostgres(t testing.TB, dir string) *PostgresServer {
	t.Helper()
	postgres, err := filepath.EvalSymlinks(find(t, "postgres", "postgresql", postgresDirs...)) // the others are beside it
	if err != nil {
		t.Fatalf("servertest: %v", err)
	}
	p := &PostgresServer{
		bin: filepath.Dir(postgres),
		dir: dir, data: filepath.Join(dir, "data"), port: freePort(t), as: unprivileged(t),
	}
	if p.as != nil {
		if err := os.Chown(dir, int(p.as.Uid), int(p.as.Gid)); err != nil {
			t.Fatalf("servertest: %v", err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte("secret"), 0o644); err != nil {
		t.Fatalf("servertest: %v", err)
	}
	initdb := p.command("initdb", "--no-sync", "-A", "trust", "--auth-host=scram-sha-256", "-U", "reprise", "-E", "UTF8", "--locale=C",
		"--pwfile="+filepath.Join(dir, "password"), "-D", p.data)
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("servertest: initdb: %v\n%s", err, out)
	}
	p.start(t)
	return p
}

// unprivileged is another user than root, whom postgres refuses.
func unprivileged(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	t.Fatal("servertest: postgres refuses root, and there is neither a user postgres nor nobody")
	return nil
}

// command runs a binary of the server as its user.
func (p *PostgresServer) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, name), args...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PGPASSWORD=secret")
	if p.as != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.as}
	}
	return cmd
}

func (p *PostgresServer) start(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := p.command("postgres", "-D", p.data, "-p", strconv.Itoa(p.port), "-k", p.dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=300")
	p.proc = start(t, p.dir, cmd)
	p.proc.await(t, func() bool {
		return p.psql("postgres", "SELECT 1").Run() == nil
	})
}

// URL is the address of a database by TCP, as the superuser.
func (p *PostgresServer) URL(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword("reprise", "secret"),
		Host: p.Addr(), Path: database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Addr is the server's host and port.
func (p *PostgresServer) Addr() string { return loopback(p.port) }

// Database makes a database for t and returns its URL. It is dropped when t
// ends, whoever is still connected.
func (p *PostgresServer) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", databases.Add(1))
	p.Run(t, "postgres", "CREATE DATABASE "+name)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
		defer cancel()
		drop := p.psql("postgres", "DROP DATABASE "+name+" WITH (FORCE)")
		_ = exec.CommandContext(ctx, drop.Path, drop.Args[1:]...).Run() // the server may be gone
	})
	return p.URL(name)
}

// Run has the server run SQL in a database, and returns what psql printed:
// rows without alignment and headings.
func (p *PostgresServer) Run(t testing.TB, database, sql string) string {
	t.Helper()
	cmd := p.psql(database, sql)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("servertest: psql: %v\n%s\n%s", err, sql, out)
	}
	return strings.TrimSpace(string(out))
}

// psql goes by the socket, where no password is asked.
func (p *PostgresServer) psql(database, sql string) *exec.Cmd {
	return p.command("psql", "-h", p.dir, "-p", strconv.Itoa(p.port), "-U", "reprise", "-d", database,
		"-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql)
}

// family is the server and its children, which are in process groups of their
// own. The first is the server.
func (p *PostgresServer) family(t testing.TB) []int {
	t.Helper()
	pid := p.proc.pid()
	pids := []int{pid}
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		t.Errorf("servertest: ps: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		var child, parent int
		if n, _ := fmt.Sscan(line, &child, &parent); n == 2 && parent == pid {
			pids = append(pids, child)
		}
	}
	return pids
}

// signal sends s to the server, and then to its children.
func (p *PostgresServer) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	for _, pid := range p.family(t) {
		if err := syscall.Kill(pid, s); err != nil && err != syscall.ESRCH {
			t.Errorf("servertest: send %v to %d: %v", s, pid, err)
		}
	}
}

// Kill ends the server and all its children at once, as a failing machine does.
func (p *PostgresServer) Kill(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.proc.alive() {
		p.signal(t, syscall.SIGSTOP) // so that it does not replace its children
		all := p.family(t)
		p.signal(t, syscall.SIGKILL)
		<-p.proc.ended
		awaitEnd(t, all)
	}
}

// awaitEnd waits until processes have ended that were killed: while one of its
// children holds its memory, a server does not start again. Zombies hold none.
func awaitEnd(t testing.TB, pids []int) {
	t.Helper()
	ask := []string{"-o", "stat="}
	for _, pid := range pids {
		ask = append(ask, "-p", strconv.Itoa(pid))
	}
	for deadline := time.Now().Add(stopPatience); ; <-time.After(pollEvery) {
		out, _ := exec.Command("ps", ask...).Output() // fails where there is none
		left := 0
		for line := range strings.Lines(string(out)) {
			if !strings.HasPrefix(line, "Z") {
				left++
			}
		}
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("servertest: %d processes of the server outlive a kill -9", left)
		}
	}
}

// Stop freezes the server: connections stay open, and nothing answers.
func (p *PostgresServer) Stop(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.signal(t, syscall.SIGSTOP)
}

// Cont has a frozen server go on.
func (p *PostgresServer) Cont(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.signal(t, syscall.SIGCONT)
}

// Restart starts a server that was killed again, on the same port with the same
// data. One that runs is killed first.
func (p *PostgresServer) Restart(t testing.TB) {
	t.Helper()
	p.Kill(t)
	p.start(t)
}

// quit ends the server the fast way: it breaks connections and does not wait.
func (p *PostgresServer) quit(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.proc.alive() {
		return
	}
	p.signal(t, syscall.SIGCONT)
	if err := syscall.Kill(p.proc.pid(), syscall.SIGQUIT); err != nil {
		t.Errorf("servertest: stop postgres: %v", err)
	}
	select {
	case <-p.proc.ended:
	case <-time.After(stopPatience):
		p.signal(t, syscall.SIGKILL)
		<-p.proc.ended
	}
}
