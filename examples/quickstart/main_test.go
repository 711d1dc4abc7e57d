package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

var trees = []string{"cmd", "crypto", "encoding", "go", "internal", "net", "os", "runtime", "syscall", "vendor"}

// Built once and run twice, from a directory of its own, as somebody who tries
// the library does.
func TestFirstRunParsesAndSecondDoesNot(t *testing.T) {
	if testing.Short() {
		t.Skip("parses the source of Go: seconds")
	}
	home := t.TempDir()
	program := build(t, home)

	first := run(t, program, home)
	rows := table(t, first)
	for i, row := range rows {
		if row["tree"] != trees[i] || row["outcome"] != "populated" || row["saved"] != "0s" || !positive(row["files"]) || !positive(row["identifiers"]) {
			t.Errorf("first run: %v", row)
		}
	}
	says(t, first, " in all. Run it again: the results are in the embedded store now.", "After an edit: ")

	second := run(t, program, home)
	for i, row := range table(t, second) {
		if row["outcome"] != "hit-store" || !strings.HasSuffix(row["saved"], "s") || row["saved"] == "0s" {
			t.Errorf("second run: %v", row)
		}
		for _, column := range []string{"tree", "files", "identifiers"} {
			if row[column] != rows[i][column] {
				t.Errorf("%s of %s: %s, and from the store %s", column, row["tree"], rows[i][column], row[column])
			}
		}
	}
	says(t, second, " in all. Nothing was parsed: every result came from the embedded store.", ": hit-store\n", "After an edit: ")
	for _, out := range []string{first, second} {
		if !regexp.MustCompile(`(?m)^[0-9.]+m?s in all\. `).MatchString(out) {
			t.Errorf("no time in all:\n%s", out)
		}
		says(t, out, "main.analyse: miss (absent); nearest entry", "differs in\n  input.Source/sample/greet/hello.go: ")
	}
	if left, _ := filepath.Glob(filepath.Join(home, "tmp", "quickstart*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func build(t *testing.T, home string) string {
	t.Helper()
	program := filepath.Join(home, "quickstart")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

// run gives the program a home, and so a cache directory, of its own.
func run(t *testing.T, program, home string) string {
	t.Helper()
	tmp := filepath.Join(home, "tmp")
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CACHE_HOME="+filepath.Join(home, "cache"),
		"LocalAppData="+home, "TMPDIR="+tmp, "TMP="+tmp, "REPRISE_MODE=", "GOFLAGS=", "GOENV=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%v\n%s%s", err, out, stderr.String())
	}
	return string(out)
}

// table reads the table at the head of the output.
func table(t *testing.T, out string) []map[string]string {
	t.Helper()
	lines := strings.Split(out, "\n")
	columns := strings.Fields(lines[0])
	if want := []string{"tree", "files", "identifiers", "outcome", "took", "saved"}; !slices.Equal(columns, want) {
		t.Fatalf("columns %q, want %q", columns, want)
	}
	var rows []map[string]string
	for _, line := range lines[1:] {
		if line == "" {
			break
		}
		row := make(map[string]string)
		for i, field := range strings.Fields(line) {
			row[columns[min(i, len(columns)-1)]] = field
		}
		rows = append(rows, row)
	}
	if len(rows) != len(trees) {
		t.Fatalf("%d rows, want %d:\n%s", len(rows), len(trees), out)
	}
	return rows
}

func positive(number string) bool { return regexp.MustCompile(`^[1-9][0-9]*$`).MatchString(number) }

func says(t *testing.T, out string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Errorf("no %q in:\n%s", text, out)
		}
	}
}
