package command

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// stateOfProcess is the letter that the kernel gives to what a process does.
func stateOfProcess(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return rest[:1]
}

// Ctrl-Z stops the command and the program around it; both go on together.
func TestStopAndContinue(t *testing.T) {
	d := newDesk(t)
	k := d.start(Spec{Args: []string{"sh", "-c", "echo $$ > group; echo ready; while [ ! -e go ]; do sleep 0.01; done; echo end"}})
	k.until("ready")
	group := d.number("group")
	if err := k.cmd.Process.Signal(syscall.SIGTSTP); err != nil {
		t.Fatal(err)
	}
	soon(t, "both stop", func() bool { return stateOfProcess(group) == "T" && stateOfProcess(k.cmd.Process.Pid) == "T" })
	if err := os.WriteFile(d.dir+"/go", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := k.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	k.until("end")
	if code := k.end(); code != 0 || d.entries() != 1 {
		t.Errorf("exit code %d, %d entries", code, d.entries())
	}
}
