//go:build unix

package servertest

import (
	"bufio"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// RedisServer is a redis-server on a loopback port, without persistence: a
// Kill or a Restart loses its data. It is for the goroutine of its test.
type RedisServer struct {
	Port int

	dir, binary string
	args        []string
	process     *process
}

// Redis starts a server that answers, and stops it when the test ends. The
// args are added to its command line, as "--requirepass", "secret".
func Redis(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	s := &RedisServer{
		Port:   freePort(t),
		dir:    t.TempDir(),
		binary: find(t, "redis-server", "redis-server"),
	}
	s.args = append([]string{
		"--port", strconv.Itoa(s.Port), "--bind", "127.0.0.1", "--dir", s.dir,
		"--save", "", "--appendonly", "no", "--daemonize", "no",
	}, args...)
	s.start(t)
	t.Cleanup(func() { s.process.kill(t) })
	return s
}

func (s *RedisServer) start(t testing.TB) {
	t.Helper()
	s.process = start(t, s.dir, exec.Command(s.binary, s.args...))
	s.process.await(t, func() bool { return pings(s.Addr()) })
}

// Addr is host:port.
func (s *RedisServer) Addr() string { return loopback(s.Port) }

// URL is redis://host:port.
func (s *RedisServer) URL() string { return "redis://" + s.Addr() }

// Kill ends the server by SIGKILL; its data is lost.
func (s *RedisServer) Kill(t testing.TB) { t.Helper(); s.process.kill(t) }

// Stop freezes the server by SIGSTOP: connections stay and nothing answers.
func (s *RedisServer) Stop(t testing.TB) { t.Helper(); s.process.signal(t, syscall.SIGSTOP) }

// Cont wakes a stopped server.
func (s *RedisServer) Cont(t testing.TB) { t.Helper(); s.process.signal(t, syscall.SIGCONT) }

// Restart kills the server where it runs, and starts it on the same port,
// empty.
func (s *RedisServer) Restart(t testing.TB) {
	t.Helper()
	s.process.kill(t)
	s.start(t)
}

// pings tells whether a Redis at addr is ready, or wants a password first.
func pings(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	return err == nil && (strings.HasPrefix(line, "+PONG") || strings.HasPrefix(line, "-NOAUTH"))
}
