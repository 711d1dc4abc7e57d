//go:build unix

package reprise_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// points are where an owner can be lost: with the lease and before the run,
// while it runs, before it publishes, and after that.
var points = []string{"acquired", "running", "publishing", "committed"}

// TestGuarantee02_LostOwners: an owner is killed, or stopped for longer than
// its lease lasts, at each point. Another takes over where there is no result
// yet. A stopped owner that goes on learns that its lease is lost and does not
// replace that one's result; its caller gets its value.
func TestGuarantee02_LostOwners(t *testing.T) {
	onEveryStore(t, func(t *testing.T, url string) {
		const ttl = 1500 * time.Millisecond
		c := newCrew(t, url, ttl.String(), "", 3)
		sleeper, victim, heir := c.all[0], c.all[1], c.all[2]
		c.name(0, 2*len(points))
		for i, point := range points {
			for n, m := range []*member{sleeper, victim} {
				in := n*len(points) + i
				c.say(m, "stop %d %s", in, point)
				c.say(m, "call %d", in)
				c.untilSaid(fmt.Sprintf("at %d %s", in, point), m)
			}
		}
		c.freeze(sleeper)
		c.kill(victim)
		for in := range 2 * len(points) {
			c.say(heir, "call %d", in)
			c.until(func() bool { return len(c.story.of(in).by(heir)) == 1 })
		}
		c.thaw(sleeper)
		for in, point := range points {
			c.say(sleeper, "go %d %s lost", in, point)
			c.until(func() bool { return len(c.story.of(in).by(sleeper)) == 1 })
		}
		c.until(func() bool { return victim.over })
		for in := range 2 * len(points) {
			c.say(heir, "call %d", in) // what everybody sees from now on
			c.until(func() bool { return len(c.story.of(in).by(heir)) == 2 })
			c.story.of(in).checkLoss(t, points[in%len(points)], in < len(points), sleeper, victim, heir)
		}
		c.story.check(t, ttl)
	})
}

// checkLoss expects what is promised of one key whose owner was lost.
func (ch *chapter) checkLoss(t *testing.T, point string, wasStopped bool, sleeper, victim, heir *member) {
	t.Helper()
	owner := victim
	if wasStopped {
		owner = sleeper
	}
	starts := map[string][]*member{
		"acquired": {heir}, "running": {owner, heir}, "publishing": {owner, heir}, "committed": {owner},
	}[point]
	var got []*member
	for _, b := range ch.begun {
		got = append(got, b.by)
	}
	if !slices.Equal(got, starts) {
		t.Errorf("%s: %d executions, or by others than expected", point, len(got))
	}
	// The result that stays is of the last who started.
	last := starts[len(starts)-1].p.cmd.Process.Pid
	for i, a := range ch.by(heir) {
		want := "hit-store"
		if i == 0 && point != "committed" {
			want = "populated"
		}
		if a.outcome != want || a.execution.PID != last {
			t.Errorf("%s: the heir got %v, want %s of %d", point, a, want, last)
		}
	}
	if wasStopped {
		ch.checkLate(t, point, sleeper, last)
	}
}

// checkLate expects what is promised to an owner that was stopped.
func (ch *chapter) checkLate(t *testing.T, point string, sleeper *member, last int) {
	t.Helper()
	self := sleeper.p.cmd.Process.Pid
	want, pid := map[string]string{
		"acquired": `waited ""`, "running": `put-failed "superseded"`, "publishing": `put-failed "superseded"`, "committed": `populated "absent"`,
	}[point], self
	if point == "acquired" {
		pid = last
	}
	for _, a := range ch.by(sleeper) {
		if got := a.outcome + " " + a.reason; got != want || a.execution.PID != pid {
			t.Errorf("stopped %s: its caller got %v, want %s of %d", point, a, want, pid)
		}
		fence := a.execution.Fence
		if point == "running" && ch.causes[fence] != "lost" {
			t.Errorf("stopped while running: its ctx was %s, want cancelled with ErrLeaseLost", ch.causes[fence])
		}
		// Who has learned from a heartbeat does not ask any more.
		if strings.HasPrefix(want, "put-failed") && ch.verdicts[fence] != "lost" && (point != "running" || ch.verdicts[fence] != "") {
			t.Errorf("stopped %s: its publish was %s, want refused", point, ch.verdicts[fence])
		}
	}
}

// by are the answers of one worker.
func (ch *chapter) by(m *member) []reply {
	var own []reply
	for _, a := range ch.answers {
		if a.by == m {
			own = append(own, a)
		}
	}
	return own
}

// TestGuarantee02_Seeds: workers call for the same keys in any order, and some
// clear them. A seed decides where owners are killed or stopped past their
// lease. There are no more executions than keys, clears and lost leases; and
// what everybody saw of each key fits a single entry and a single lease, where
// only the owner of the latest lease publishes, once in a generation.
func TestGuarantee02_Seeds(t *testing.T) {
	onEveryStore(t, func(t *testing.T, url string) {
		const ttl, keys = time.Second, 5
		c := newCrew(t, url, ttl.String(), "", 4)
		var sum toll
		deaths, pauses := 0, 0
		for seed := range torture(3, 100) {
			from := 100 * seed
			c.play(uint64(seed), from, from+keys)
			for _, m := range c.all {
				switch m.fate {
				case killed:
					deaths++
				case stopped:
					pauses++
				}
			}
			sum.add(c.story.check(t, ttl))
			c.relieve()
			if t.Failed() {
				t.Fatalf("with seed %d", seed)
			}
		}
		t.Logf("%d killed, %d stopped; %d keys, %d clears, %d lost leases (%d of workers that nobody hurt): %d executions; %d operations",
			deaths, pauses, sum.keys, sum.clears, sum.lost, sum.slow, sum.starts, sum.deeds)
	})
}

// fault is one owner to be lost: the first who comes to a point.
type fault struct {
	stop
	how   fate
	spent bool
}

// play has all workers call for keys, and hurts those whom the seed chooses, but
// for one.
func (c *crew) play(seed uint64, from, to int) {
	c.t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	faults := make([]*fault, 3)
	for i, n := range random.Perm(to - from)[:len(faults)] {
		faults[i] = &fault{stop: stop{points[random.IntN(len(points))], from + n}, how: killed}
		if random.IntN(2) == 0 {
			faults[i].how = stopped
		}
	}
	c.name(from, to)
	chance := 25 * int(seed%2) // of clears
	for _, m := range c.alive() {
		for _, f := range faults {
			c.say(m, "stop %d %s", f.in, f.point)
		}
		c.say(m, "play %d %d %d 3 %d", seed*1000+uint64(m.index), from, to, chance)
	}
	c.direct(faults, func(m *member) bool { return m.over || m.fate != unhurt })
	for _, m := range c.alive() { // all leases of the stopped have ended: others needed them
		if m.fate == stopped {
			c.thaw(m)
		}
	}
	c.direct(faults, func(m *member) bool { return m.over })
}

// direct lets the faults happen until all workers are done.
func (c *crew) direct(faults []*fault, done func(*member) bool) {
	c.t.Helper()
	for slices.ContainsFunc(c.all, func(m *member) bool { return !done(m) }) {
		if s := c.listen(); len(s.words) > 0 && s.words[0] == "at" {
			c.arrived(s, faults)
		}
	}
}

// arrived hurts a worker who came to a point, or lets him go on.
func (c *crew) arrived(s said, faults []*fault) {
	c.t.Helper()
	healthy := 0
	for _, m := range c.all {
		if m.fate == unhurt {
			healthy++
		}
	}
	for _, f := range faults {
		if s.words[1] != fmt.Sprint(f.in) || s.words[2] != f.point {
			continue
		}
		word := "on"
		if !f.spent && s.by.fate == unhurt && healthy > 1 {
			f.spent, word = true, "lost"
			if f.how == stopped {
				c.freeze(s.by)
			} else {
				c.kill(s.by)
			}
		}
		c.say(s.by, "go %d %s %s", f.in, f.point, word)
	}
}

// relieve replaces the dead and forgets who was stopped.
func (c *crew) relieve() {
	var dead int
	c.all = slices.DeleteFunc(c.all, func(m *member) bool {
		if m.fate == killed {
			dead++
		}
		return m.fate == killed
	})
	for _, m := range c.all {
		m.fate, m.over = unhurt, false
	}
	for range dead {
		c.hire()
	}
}

// TestIgnoredFencesAreFound: the judge of histories sees a store that lets an
// owner publish who has lost its lease.
func TestIgnoredFencesAreFound(t *testing.T) {
	onEveryStore(t, func(t *testing.T, url string) {
		c := newCrew(t, url, "500ms", "unfenced", 2)
		sleeper, heir := c.all[0], c.all[1]
		c.name(0, 1)
		c.say(sleeper, "stop 0 publishing")
		c.say(sleeper, "call 0")
		c.untilSaid("at 0 publishing", sleeper)
		c.freeze(sleeper)
		c.say(heir, "call 0")
		c.untilSaid("got 0", heir)
		c.thaw(sleeper)
		c.say(sleeper, "go 0 publishing lost")
		c.untilSaid("got 0", sleeper)
		if got := judge(c.story.of(0).deeds); got != porcupine.Illegal {
			t.Errorf("the history is %s, want %s:\n%s", got, porcupine.Illegal, c.story.of(0))
		}
	})
}
