//go:build unix

package reprise_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/reprise-go/reprise/store"
)

// crew are the workers of a fault test, and what they say. It is for the
// goroutine of its test.
type crew struct {
	t     *testing.T
	args  []string // url, TTL, kind
	store sharedStore
	said  chan said
	ended chan struct{}
	end   sync.Once
	all   []*member
	hired int
	story *story
}

// member is one worker.
type member struct {
	p     *process
	index int
	ready bool
	over  bool
	fate  fate
	mute  sync.WaitGroup // until its last line was heard
}

type fate string

const (
	unhurt  fate = ""
	killed  fate = "killed"
	stopped fate = "stopped"
)

// said is one line of a member; nil words: it has ended.
type said struct {
	by    *member
	words []string
}

// newCrew hires n workers on the store at url. A kind of "unfenced" has them
// ignore fences.
func newCrew(t *testing.T, url, ttl, kind string, n int) *crew {
	t.Helper()
	s, err := openStore(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	c := &crew{t: t, args: []string{url, ttl, kind}, store: s, said: make(chan said, 1024), ended: make(chan struct{}), story: newStory()}
	for range n {
		c.hire()
	}
	return c
}

// hire starts one more. It is ready when it says so.
func (c *crew) hire() *member {
	m := &member{p: child(c.t, "works", c.args...), index: c.hired}
	c.hired++
	c.t.Cleanup(func() { c.dismiss(m) }) // before that of the process, which would read beside us
	c.all = append(c.all, m)
	m.mute.Go(func() {
		for line, ok := m.p.hear(); ok; line, ok = m.p.hear() {
			c.pass(said{m, strings.Fields(line)})
		}
		c.pass(said{m, nil})
	})
	return m
}

func (c *crew) pass(s said) {
	select {
	case c.said <- s:
	case <-c.ended:
	}
}

// dismiss ends a member, however the test went: nobody listens any more.
func (c *crew) dismiss(m *member) {
	c.end.Do(func() { close(c.ended) })
	if !m.p.ended {
		_ = m.p.cmd.Process.Signal(syscall.SIGKILL)
		m.mute.Wait()
		_ = m.p.reap() // it was killed
	}
}

// longestSilence is how long nobody may say anything.
const longestSilence = 2 * time.Minute

// listen hears one line, and writes it into the story.
func (c *crew) listen() said {
	c.t.Helper()
	silence := time.NewTimer(longestSilence)
	defer silence.Stop()
	select {
	case s := <-c.said:
		c.hear(s)
		return s
	case <-silence.C:
		c.t.Fatalf("nobody says anything any more; %s", c.roll())
		return said{}
	}
}

func (c *crew) hear(s said) {
	c.t.Helper()
	switch {
	case s.words == nil && s.by.fate != killed:
		c.t.Fatalf("worker %d ended: %v; its errors:\n%s", s.by.index, s.by.p.reap(), s.by.p.errs.String())
	case s.words == nil:
		_ = s.by.p.reap() // it was killed
		s.by.over = true
	case s.words[0] == "ready":
		s.by.ready = true
	case s.words[0] == "over":
		s.by.over = true
	case s.words[0] == "failed":
		c.t.Fatalf("worker %d: %s", s.by.index, strings.Join(s.words, " "))
	default:
		c.story.note(c.t, s.by, s.words)
	}
}

// roll says how everybody is.
func (c *crew) roll() string {
	var b strings.Builder
	for _, m := range c.all {
		fmt.Fprintf(&b, "worker %d: ready %t, over %t, %q\n", m.index, m.ready, m.over, m.fate)
	}
	return b.String()
}

// until listens until a condition holds.
func (c *crew) until(holds func() bool) {
	c.t.Helper()
	for !holds() {
		c.listen()
	}
}

// untilSaid listens for lines that begin so, one from each of some members.
func (c *crew) untilSaid(begin string, by ...*member) {
	c.t.Helper()
	missing := map[*member]bool{}
	for _, m := range by {
		missing[m] = true
	}
	for len(missing) > 0 {
		if s := c.listen(); strings.HasPrefix(strings.Join(s.words, " "), begin) {
			delete(missing, s.by)
		}
	}
}

// say gives a member an order. Those who were killed get none.
func (c *crew) say(m *member, format string, args ...any) {
	c.t.Helper()
	if m.fate == killed {
		return
	}
	if _, err := io.WriteString(m.p.in, fmt.Sprintf(format+"\n", args...)); err != nil {
		c.t.Fatalf("worker %d: %v; its errors:\n%s", m.index, err, m.p.errs.String())
	}
}

// alive are all who were not killed.
func (c *crew) alive() []*member {
	var alive []*member
	for _, m := range c.all {
		if m.fate != killed {
			alive = append(alive, m)
		}
	}
	return alive
}

// name begins a new story, about the keys of inputs in [from, to).
func (c *crew) name(from, to int) {
	c.t.Helper()
	c.until(func() bool {
		for _, m := range c.alive() {
			if !m.ready {
				return false
			}
		}
		return true
	})
	c.story = newStory()
	for _, m := range c.alive() {
		c.say(m, "name %d %d", from, to)
	}
	c.untilSaid("named", c.alive()...)
}

// kill is kill -9. What the worker had said is heard later.
func (c *crew) kill(m *member) {
	m.fate = killed
	m.p.signal(syscall.SIGKILL)
}

// freeze stops a worker where it stands. On SQLite it must not be in the middle
// of a write besides: it would hold the lock of the file, and nobody could
// write until it goes on.
func (c *crew) freeze(m *member) {
	c.t.Helper()
	m.fate = stopped
	for c.halt(m); !c.writes(); c.halt(m) {
		m.p.signal(syscall.SIGCONT)
		for !c.writes() { // it has not gone on yet
		}
	}
}

// halt returns when the worker stands still.
func (c *crew) halt(m *member) {
	c.t.Helper()
	m.p.signal(syscall.SIGSTOP)
	var s syscall.WaitStatus
	for !s.Stopped() {
		_, err := syscall.Wait4(m.p.cmd.Process.Pid, &s, syscall.WUNTRACED, nil)
		if err != nil && err != syscall.EINTR || s.Exited() || s.Signaled() {
			c.t.Fatalf("worker %d cannot be stopped: %v, status %v", m.index, err, s)
		}
	}
}

// writes tells whether the store takes a write that changes nothing.
func (c *crew) writes() bool {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 200*time.Millisecond)
	defer cancel()
	err := c.store.Release(ctx, store.Key{}, store.Owner{}, 1, 0)
	if err != nil && ctx.Err() == nil {
		c.t.Fatal(err)
	}
	return err == nil
}

func (c *crew) thaw(m *member) { m.p.signal(syscall.SIGCONT) }
