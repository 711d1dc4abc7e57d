//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/reprise-go/reprise/internal/servertest"
)

// TestMain lets the test binary be the program: it starts itself as such.
func TestMain(m *testing.M) {
	if os.Getenv("REPRISE_EXAMPLE") == "1" {
		main()
		return
	}
	os.Exit(servertest.Shared(m).Run())
}

// stores give the URL of an empty store of each kind, and the variable in which
// the embedded one finds its directory.
var stores = map[string]func(testing.TB) (url, home string){
	"embedded": func(t testing.TB) (string, string) { return "", t.TempDir() },
	"sqlite":   func(t testing.TB) (string, string) { return "sqlite:" + filepath.Join(t.TempDir(), "db"), "" },
	"redis":    func(t testing.TB) (string, string) { return prefixed(t, servertest.SharedRedis(t).URL()), "" },
	"cluster":  func(t testing.TB) (string, string) { return prefixed(t, servertest.SharedRedisCluster(t).URL()), "" },
	"postgres": func(t testing.TB) (string, string) { return servertest.Postgres(t).Database(t), "" },
}

func prefixed(t testing.TB, url string) string {
	return url + "?reprise_prefix=" + regexp.MustCompile(`\W`).ReplaceAllString(t.Name(), "-")
}

// run is the program as somebody starts it, and what it printed.
func run(t *testing.T, url, home string, args ...string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "REPRISE_EXAMPLE=1", "REPRISE_STORE="+url, "REPRISE_MODE=", "GORACE=atexit_sleep_ms=0")
	if home != "" {
		cmd.Env = append(cmd.Env, "HOME="+home, "XDG_CACHE_HOME="+home)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		t.Fatalf("%v %v: %v\n%s%s", args, url, err, out, errs.Bytes())
	}
	return string(out)
}

var (
	ofProcess = regexp.MustCompile(`(?m)^process \d: (\d+) executions, \d+ waits, \S+ saved, picture (\w+)$`)
	inAll     = regexp.MustCompile(`(?m)^16 tiles for 4 processes: (\d+) executions in \S+, (\S+) of computing saved\n\z`)
)

// executions reads the sum, and the picture, which must be the same in every
// process but those killed.
func executions(t *testing.T, out string, killed int) (sum int, picture string) {
	t.Helper()
	for _, m := range ofProcess.FindAllStringSubmatch(out, -1) {
		n, _ := strconv.Atoi(m[1])
		sum += n
		switch m[2] {
		case "killed":
			killed--
			continue
		case picture:
		default:
			if picture != "" {
				t.Errorf("two pictures:\n%s", out)
			}
			picture = m[2]
		}
	}
	all := inAll.FindStringSubmatch(out)
	if all == nil || all[1] != strconv.Itoa(sum) || all[2] == "0s" || killed != 0 {
		t.Errorf("the sums are wrong:\n%s", out)
	}
	return sum, picture
}

// TestMachines runs the program on each store: one execution a tile, none in a
// second run, and with a process killed one more, at most.
func TestMachines(t *testing.T) {
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, home := store(t)
			n, first := executions(t, run(t, url, home, "-depth=300", "-lease=1m"), 0)
			if n != 16 {
				t.Errorf("%d executions, want 16", n)
			}
			if n, second := executions(t, run(t, url, home, "-depth=300", "-lease=1m"), 0); n != 0 || second != first {
				t.Errorf("second run: %d executions, picture %s, want none and %s", n, second, first)
			}
			out := run(t, url, home, "-depth=400", "-lease=8s", "-kill")
			if n, deeper := executions(t, out, 1); n != 16 && n != 17 || deeper == first {
				t.Errorf("with a process killed: %d executions, want 16 or 17:\n%s", n, out)
			}
		})
	}
}
