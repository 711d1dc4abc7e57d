//go:build unix

package reprise_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The clients of this test live in programs whose wall clock is off. The
// standard library that they are built with has another time.Now, so that the
// whole program believes in the wrong time: ours, the clients of the servers,
// and everything below. Timers and the monotonic clock are right, as they are
// where somebody has set a clock.

// nowIs is what time.Now begins with, and wrongNowIs what it begins with then.
const (
	nowIs      = "\tsec, nsec, mono := runtimeNow()\n\tif mono == 0 {"
	wrongNowIs = "\tsec, nsec, mono := runtimeNow()\n\tsec += wallOffset\n\tif mono == 0 {"
	clockVar   = "REPRISE_TEST_CLOCK" // how far off, as a duration
	wallOffset = `package time

import "syscall"

var wallOffset = func() int64 {
	text, _ := syscall.Getenv("` + clockVar + `")
	d, _ := ParseDuration(text)
	return int64(d / Second)
}()
`
)

// clockedProgram builds testdata/clocked.
func clockedProgram(t *testing.T) string {
	t.Helper()
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skipf("no go command here to build a program with: %v", err)
	}
	dir, src := t.TempDir(), filepath.Join(strings.TrimSpace(string(goroot)), "src", "time")
	now, err := os.ReadFile(filepath.Join(src, "time.go"))
	if err != nil || strings.Count(string(now), nowIs) != 1 {
		t.Skipf("this Go has another time.Now than the test knows (%v): teach it", err)
	}
	replace := map[string]string{filepath.Join(src, "time.go"): "time.go", filepath.Join(src, "zwalloffset.go"): "zwalloffset.go"}
	for name, text := range map[string]string{
		"time.go": strings.Replace(string(now), nowIs, wrongNowIs, 1), "zwalloffset.go": wallOffset,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for original, name := range replace {
		replace[original] = filepath.Join(dir, name)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "clocked")
	began := time.Now()
	// Not optimized: almost all that this costs is compiling.
	build := exec.Command("go", "build", "-gcflags=all=-N -l", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, "./testdata/clocked")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("built in %v", time.Since(began).Round(time.Second))
	return program
}

// clockedClient starts a client on a store whose clock is off.
func clockedClient(t *testing.T, program, url string, off time.Duration) *process {
	t.Helper()
	cmd := exec.Command(program, url)
	t.Setenv(clockVar, off.String())
	p := childOf(t, cmd, "")
	var shows int64
	if _, err := fmt.Sscan(p.expect("clock"), &shows); err != nil {
		t.Fatal(err)
	}
	if wrong := time.Unix(shows, 0).Sub(time.Now().Add(off)); wrong.Abs() > time.Minute {
		t.Fatalf("the client's clock is off by %v, not by %v", wrong+off, off)
	}
	return p
}

// did is what a client tells of a call.
type did struct {
	value            int
	outcome          string
	age              time.Duration
	created, expires int64 // milliseconds, of the store's clock
}

func heard(t *testing.T, p *process) (d did) {
	t.Helper()
	var ms int64
	var err string
	line := p.expect("did")
	if _, e := fmt.Sscan(line, &d.value, &d.outcome, &ms, &d.created, &d.expires, &err); e != nil || err != "<nil>" {
		t.Fatalf("a client says %q (%v)", line, e)
	}
	d.age = time.Duration(ms) * time.Millisecond
	return d
}

func answerTo(t *testing.T, p *process, line string) did {
	t.Helper()
	p.say(line)
	return heard(t, p)
}

// clockHistory is what two clients make of one store, in words that tell
// neither time nor process.
func clockHistory(t *testing.T, a, b *process) (history []string) {
	note := func(format string, args ...any) { history = append(history, fmt.Sprintf(format, args...)) }
	began := time.Now()
	first := answerTo(t, a, "do 1")
	note("a %s", first.outcome)
	note("created by the server's clock: %t", time.UnixMilli(first.created).Sub(began).Abs() < time.Minute)
	note("expires when its TTL is over: %t", first.expires-first.created == 3000)
	for range 2 {
		d := answerTo(t, b, "do 1")
		note("b %s, the same: %t, young: %t", d.outcome, d.value == first.value && d.expires == first.expires, d.age < time.Minute)
	}
	d := answerTo(t, b, "do 1")
	for d.value == first.value {
		d = answerTo(t, b, "do 1")
	}
	// Counted from when the server stored it, on any clock that runs right.
	note("b %s, not before it expired: %t", d.outcome, time.Since(began) >= 3*time.Second)
	again := answerTo(t, a, "do 1")
	note("a %s, b's: %t", again.outcome, again.value == d.value)

	old := answerTo(t, b, "keep 2")
	a.say("clear 2")
	a.expect("cleared <nil>")
	d = answerTo(t, b, "keep 2")
	for d.value == old.value {
		d = answerTo(t, b, "keep 2")
	}
	note("b %s after a cleared", d.outcome)
	return append(history, leaseHistory(t, a, b)...)
}

// leaseHistory has one client wait for the other, for longer than a lease
// lasts, and take over from it when that is killed.
func leaseHistory(t *testing.T, a, b *process) (history []string) {
	note := func(format string, args ...any) { history = append(history, fmt.Sprintf(format, args...)) }
	a.say("lease 1")
	a.expect("start 1")
	b.say("lease 1")
	<-time.After(2*time.Second + time.Second/2) // a lease and more
	a.say("finish")
	mine, waited := heard(t, a), heard(t, b)
	note("a %s, b %s, the same: %t", mine.outcome, waited.outcome, mine.value == waited.value)

	a.say("lease 2")
	a.expect("start 2")
	a.kill()
	killed := time.Now()
	b.say("lease 2")
	b.expect("start 2")
	took := time.Since(killed)
	t.Logf("taken over %v after the owner was killed, whose lease lasts 2s", took.Round(10*time.Millisecond))
	b.say("finish")
	note("b %s, taken over when the lease ended: %t", heard(t, b).outcome, took > time.Second && took < 30*time.Second)
	return history
}

// rightHistory is that of clients whose clocks are right.
var rightHistory = []string{
	"a populated",
	"created by the server's clock: true",
	"expires when its TTL is over: true",
	"b hit-store, the same: true, young: true",
	"b hit-memory, the same: true, young: true",
	"b populated, not before it expired: true",
	"a hit-store, b's: true",
	"b populated after a cleared",
	"a populated, b waited, the same: true",
	"b populated, taken over when the lease ended: true",
}

// TestGuarantee12_ClientClocksDoNotMatter: clients an hour ahead and an hour
// behind make the same history of hits, expiries, clears, waits and takeovers
// as clients whose clocks are right.
func TestGuarantee12_ClientClocksDoNotMatter(t *testing.T) {
	if torture(0, 1) == 0 {
		t.Skip("compiles the standard library with another clock, which takes a minute of a processor: set REPRISE_TORTURE=1")
	}
	program := clockedProgram(t)
	for name, start := range stores {
		if name == "sqlite" {
			continue // on one host, with one clock
		}
		for _, off := range [][2]time.Duration{{0, 0}, {time.Hour, -time.Hour}, {-time.Hour, time.Hour}, {0, -time.Hour}, {time.Hour, 0}} {
			t.Run(fmt.Sprint(name, off), func(t *testing.T) {
				url := start(t)
				a, b := clockedClient(t, program, url, off[0]), clockedClient(t, program, url, off[1])
				if diff := cmp.Diff(rightHistory, clockHistory(t, a, b)); diff != "" {
					t.Errorf("-want, +got:\n%s", diff)
				}
				b.wait()
			})
		}
	}
}
