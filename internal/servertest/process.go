//go:build unix

package servertest

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

const (
	// startPatience bounds how long a server may take to answer.
	startPatience = 60 * time.Second
	// stopPatience is how long a server may take to end by itself.
	stopPatience = 10 * time.Second
	// pollEvery is the pace of looking whether a server answers.
	pollEvery = 5 * time.Millisecond
)

// find returns the path of a binary. Where there is none it skips the test, or
// fails it with REPRISE_REQUIRE_SERVERS=1. Beside $PATH it looks into dirs,
// which may be patterns of filepath.Glob; the last match wins.
func find(t testing.TB, binary, debianPackage string, dirs ...string) string {
	t.Helper()
	if path, err := exec.LookPath(binary); err == nil {
		return path
	}
	for _, dir := range dirs {
		if found, _ := filepath.Glob(filepath.Join(dir, binary)); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	complain := t.Skipf
	if os.Getenv("REPRISE_REQUIRE_SERVERS") == "1" {
		complain = t.Fatalf
	}
	complain("servertest: no %s here: install it (Debian: apt-get install %s)", binary, debianPackage)
	return ""
}

// freePort returns a loopback port that nobody listens on now.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("servertest: no free port: %v", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// loopback is the address of a port of this machine.
func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// process is one run of a server.
type process struct {
	cmd   *exec.Cmd
	log   string        // path of what it prints
	ended chan struct{} // closed when it has
}

// start runs cmd in a process group of its own until stop, or the end of this
// program. What it prints goes to a file in dir.
func start(t testing.TB, dir string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, log: filepath.Join(dir, filepath.Base(cmd.Path)+".log"), ended: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatalf("servertest: %v", err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	dieWithParent(cmd.SysProcAttr)
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		t.Fatalf("servertest: start %s: %v", cmd.Path, err)
	}
	return p
}

// run keeps its thread for as long as the process lives: the kernel takes the
// end of the thread that started a process for the death of its parent.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.ended)
	err := p.cmd.Start()
	started <- err
	if err == nil {
		_ = p.cmd.Wait() // how it ended matters to nobody: most are killed
	}
}

// pid is the number of the process, and of its group.
func (p *process) pid() int { return p.cmd.Process.Pid }

// signal sends s to the whole group, for a server may have children.
func (p *process) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(-p.pid(), s); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Errorf("servertest: send %v to %d: %v", s, p.pid(), err)
	}
}

// kill ends the process at once, also where it was stopped, and waits until it
// has ended.
func (p *process) kill(t testing.TB) {
	t.Helper()
	if p.alive() {
		p.signal(t, syscall.SIGKILL)
		<-p.ended
	}
}

// quit asks the process to end by s, and kills it where it takes too long.
func (p *process) quit(t testing.TB, s syscall.Signal) {
	t.Helper()
	if !p.alive() {
		return
	}
	p.signal(t, syscall.SIGCONT)
	p.signal(t, s)
	select {
	case <-p.ended:
	case <-time.After(stopPatience):
		p.kill(t)
	}
}

func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// await polls until the server answers. It fails the test where the process
// ended, and shows what that printed.
func (p *process) await(t testing.TB, answers func() bool) {
	t.Helper()
	for deadline := time.Now().Add(startPatience); !answers(); <-time.After(pollEvery) {
		if !p.alive() || time.Now().After(deadline) {
			printed, _ := os.ReadFile(p.log)
			t.Fatalf("servertest: %s does not answer:\n%s", filepath.Base(p.cmd.Path), bytes.TrimSpace(printed))
		}
	}
}
