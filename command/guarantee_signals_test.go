//go:build unix

package command

import (
	"fmt"
	"os"
	"syscall"
	"testing"
)

// points is how many places a run is cut short at.
const points = 20

// steps is a command with many places to be cut short at: after each line and
// each part of its output. At the place that STOP names it leaves two processes
// behind, one of which holds the streams, says so, and waits. Shells let their
// background processes ignore SIGINT.
const steps = `
echo $$ > group
i=0
while :; do
	if [ $i = "$STOP" ]; then
		sleep 1000 &
		sleep 1000 >/dev/null 2>&1 &
		echo stopped
		wait
	fi
	[ $i = 20 ] && break
	i=$((i+1))
	echo line $i
	echo part $i >> out/parts
done`

// target is who gets a signal.
type target int

const (
	theCommand target = iota
	reprising
	both_
	targets
)

func (g target) String() string { return [...]string{"the command", "reprise", "both"}[g] }

// However and wherever a run is cut short: nothing is stored, nothing is left
// running, the exit code says how it ended, and the next run is a run like any.
func TestGuarantee22_NothingPartialIsStored(t *testing.T) {
	for i, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(sig.String(), func(t *testing.T) {
			d := newDesk(t)
			s := Spec{Args: []string{"sh", "-c", steps}, Outputs: []string{"out"}}
			for at := range points {
				for g := range targets {
					if !torture() && int(g) != (at+i)%int(targets) {
						continue
					}
					d.cutShort(s, at, sig, g)
				}
			}
			if n := d.entries(); n != 0 {
				t.Fatalf("%d entries after nothing but runs that were cut short", n)
			}
			d.fresh()
			if code := d.start(s, "STOP=no").end(); code != 0 || d.entries() != 2 { // the run and its output
				t.Errorf("exit code %d, %d entries after a run that was left alone", code, d.entries())
			}
		})
	}
}

// cutShort runs the command up to a place and ends it there.
func (d *desk) cutShort(s Spec, at int, sig syscall.Signal, g target) {
	d.t.Helper()
	d.fresh()
	k := d.start(s, fmt.Sprintf("STOP=%d", at))
	k.until("stopped")
	group := d.number("group")
	if g == theCommand || g == both_ {
		if err := syscall.Kill(group, sig); err != nil {
			d.t.Fatal(err)
		}
	}
	if g == reprising || g == both_ {
		if err := k.cmd.Process.Signal(sig); err != nil && g == reprising {
			d.t.Fatal(err)
		}
	}
	if code := k.end(); code != 128+int(sig) {
		d.t.Errorf("%v at %d to %v: exit code %d, want %d; %s", sig, at, g, code, 128+int(sig), k.errs.String())
	}
	soon(d.t, fmt.Sprintf("the group ends after %v at %d to %v", sig, at, g), func() bool { return groupGone(group) })
}

// fresh gives the command an empty directory to write to.
func (d *desk) fresh() {
	d.t.Helper()
	if err := os.RemoveAll(d.dir + "/out"); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Mkdir(d.dir+"/out", 0o755); err != nil {
		d.t.Fatal(err)
	}
}
