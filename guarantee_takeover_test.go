//go:build unix

package reprise_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestGuarantee03_TakeoverInTime kills owners while they run, after some
// heartbeats. Another begins after the lease has ended, and no later
// than one poll of a waiter and its jitter after that.
func TestGuarantee03_TakeoverInTime(t *testing.T) {
	onEveryStore(t, func(t *testing.T, url string) {
		const (
			ttl   = 1500 * time.Millisecond
			lanes = 5
			slack = time.Second // until a busy machine has run the heir
		)
		poll, jitter := time.Second, 50*time.Millisecond
		if strings.HasPrefix(url, "sqlite:") {
			poll, jitter = 80*time.Millisecond, 5*time.Millisecond
		}
		c := newCrew(t, url, ttl.String(), "", 1+lanes)
		var gaps, sinceDeath []time.Duration
		for round := range torture(1, 10) {
			from := 100 * round
			for _, k := range c.killOwners(from, lanes) {
				gap := k.after(ttl)
				if early := k.earliest(ttl); early < -5*time.Millisecond {
					t.Errorf("the heir began %v before the lease of the killed ended", -early)
				}
				if gap > poll+jitter+slack {
					t.Errorf("the heir began %v after the end of the lease; promised are %v and %v", gap, poll, jitter)
				}
				gaps, sinceDeath = append(gaps, max(0, gap)), append(sinceDeath, time.Duration(k.heir-k.death))
			}
			c.story.check(t, ttl)
			c.relieve()
		}
		t.Logf("%d kills: the heir began %s after the lease ended, %s after the kill", len(gaps), spread(gaps), spread(sinceDeath))
	})
}

// inheritance is what happened to one key, by the clock of the machine.
type inheritance struct {
	call, ret   int64 // of the last heartbeat, or of the grant: the lease counts from in between
	death, heir int64
}

// after is how long after the end of the lease the heir began, at least.
func (k *inheritance) after(ttl time.Duration) time.Duration {
	return time.Duration(k.heir-k.ret) - ttl
}

// earliest is the same, at most: if it is negative he was too early.
func (k *inheritance) earliest(ttl time.Duration) time.Duration {
	return time.Duration(k.heir-k.call) - ttl
}

// killOwners has all workers but the first own a key, and kills each after some
// heartbeats. The first waits for all keys, and inherits them.
func (c *crew) killOwners(from, n int) []*inheritance {
	c.t.Helper()
	c.name(from, from+n)
	heir, owners := c.all[0], slices.Clone(c.all[1:])
	after := make([]int, n) // how many heartbeats the owner lives
	for i, m := range owners {
		after[i] = rand.IntN(3)
		c.say(m, "stop %d running", from+i)
		c.say(m, "call %d", from+i)
	}
	c.untilSaid("at", owners...)
	for i := range owners {
		c.say(heir, "call %d", from+i)
	}
	deaths := make([]int64, n)
	c.until(func() bool {
		alive := false
		for i, m := range owners {
			if m.fate == unhurt && c.story.of(from+i).heartbeats(m) >= after[i] {
				c.kill(m)
				deaths[i] = machineTime()
			}
			alive = alive || m.fate == unhurt
		}
		return !alive
	})
	c.until(func() bool {
		return !slices.ContainsFunc(owners, func(m *member) bool { return !m.over })
	})
	var all []*inheritance
	for i, m := range owners {
		ch := c.story.of(from + i)
		c.until(func() bool { return len(ch.by(heir)) == 1 })
		all = append(all, ch.inheritance(c.t, m, heir, deaths[i]))
	}
	return all
}

// heartbeats is how many of a worker's were answered.
func (ch *chapter) heartbeats(by *member) int {
	n := 0
	for _, r := range ch.renewals {
		if r.by == by && r.ret > 0 {
			n++
		}
	}
	return n
}

// inheritance is from an owner who was killed to the heir.
func (ch *chapter) inheritance(t *testing.T, owner, heir *member, death int64) *inheritance {
	t.Helper()
	if len(ch.begun) != 2 || ch.begun[0].by != owner || ch.begun[1].by != heir {
		t.Fatalf("want a start by the owner and one by the heir:\n%s", ch)
	}
	lease := ch.lease(ch.begun[0].fence)
	k := &inheritance{call: lease.call, ret: lease.ret, death: death, heir: ch.begun[1].at}
	for _, r := range ch.renewals {
		switch {
		case r.by != owner:
		case r.ret > 0:
			k.call, k.ret = r.call, r.ret
		default: // under way when the owner died
			k.ret = max(k.ret, death)
		}
	}
	return k
}

// spread is the least, the middle and the most.
func spread(all []time.Duration) string {
	all = slices.Sorted(slices.Values(all))
	var words []string
	for _, d := range []time.Duration{all[0], all[len(all)/2], all[len(all)-1]} {
		words = append(words, d.Round(time.Millisecond).String())
	}
	return strings.Join(words, " / ")
}
