package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts run the real main as `reprise`.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"reprise": func() { os.Exit(Main()) }})
}

// TestScripts runs the scripts in testdata/script, each in a directory and
// with a store of its own.
func TestScripts(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the scripts run programs of Unix")
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, "home", "cache"))
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "home", "state"))
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "home", "config"))
			e.Setenv("REPRISE_STORE", "sqlite:"+filepath.Join(e.WorkDir, "store", "cache.db"))
			e.Setenv("TZ", "UTC")
			return os.MkdirAll(filepath.Join(e.WorkDir, "home"), 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"key":      findKey,
			"tick":     tick,
			"exitcode": exitCode,
		},
	})
}

// key NAME VAR puts the key of the newest entry of NAME into VAR.
func findKey(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: key NAME VAR")
	}
	ts.Check(ts.Exec("reprise", "ls", "-q", args[0]))
	out := ts.ReadFile("stdout")
	if len(out) < 12 {
		ts.Fatalf("no entry of %s", args[0])
	}
	ts.Setenv(args[1], out[:12])
}

// tick FILE makes the file a second older, so that it is not taken for one that
// is being written.
func tick(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		then := time.Now().Add(-10 * time.Second)
		ts.Check(os.Chtimes(ts.MkAbs(name), then, then))
	}
}

// exitcode N COMMAND… expects that exit code.
func exitCode(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exitcode N COMMAND…")
	}
	err := ts.Exec("sh", append([]string{"-c", `"$@"; test $? -eq "$0"`, args[0]}, args[1:]...)...)
	if err != nil {
		ts.Fatalf("%v does not end with %s", args[1:], args[0])
	}
}
