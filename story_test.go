//go:build unix

package reprise_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// story is what workers did to some keys, as they told it.
type story struct {
	keys map[int]*chapter
}

// chapter is what they did to one key.
type chapter struct {
	deeds    []*deed
	open     map[string]*deed // publishes and clears without an answer yet
	begun    []*begun
	answers  []reply
	causes   map[uint64]string // by fence: how the function's ctx was when it returned
	verdicts map[uint64]string // by fence: what became of the publish
	renewals []renewal
}

// begun is one start of the function.
type begun struct {
	by    *member
	fence uint64
	pid   int
	at    int64
}

// reply is what a caller got.
type reply struct {
	by              *member
	outcome, reason string
	execution       execution
	err             string
}

// renewal is one heartbeat; ret is 0 where it was not answered.
type renewal struct {
	by        *member
	call, ret int64
}

func newStory() *story { return &story{keys: map[int]*chapter{}} }

func (s *story) of(in int) *chapter {
	if s.keys[in] == nil {
		s.keys[in] = &chapter{open: map[string]*deed{}, causes: map[uint64]string{}, verdicts: map[uint64]string{}}
	}
	return s.keys[in]
}

// note writes down one line of a worker.
func (s *story) note(t *testing.T, by *member, words []string) {
	t.Helper()
	line, in := strings.Join(words[1:], " "), 0
	if _, err := fmt.Sscan(line, &in); err != nil {
		return // "named", and such
	}
	if err := s.of(in).note(by, words[0], line); err != nil {
		t.Fatalf("worker %d said %q: %v", by.index, words, err)
	}
}

func (ch *chapter) note(by *member, verb, line string) (err error) {
	var in int
	d, word := &deed{}, ""
	switch verb {
	case "look":
		d.what = didRead
		_, err = fmt.Sscan(line, &in, &d.fence, &d.call, &d.ret)
		ch.deeds = append(ch.deeds, d)
	case "grant":
		d.what = didGrant
		_, err = fmt.Sscan(line, &in, &d.fence, &d.owner, &d.call, &d.ret)
		ch.deeds = append(ch.deeds, d)
	case "clearing":
		d.what, d.open = didClear, true
		_, err = fmt.Sscan(line, &in, &word, &d.call)
		ch.begin(fmt.Sprint(by.index, " clear ", word), d)
	case "cleared":
		_, err = fmt.Sscan(line, &in, &word, &d.seq, &d.ret)
		ch.end(fmt.Sprint(by.index, " clear ", word), d)
	case "publishing":
		d.what, d.open = didPublish, true
		_, err = fmt.Sscan(line, &in, &d.fence, &d.owner, &d.begun, &d.call)
		ch.begin(fmt.Sprint(by.index, " publish ", d.fence), d)
	case "published":
		_, err = fmt.Sscan(line, &in, &d.fence, &word, &d.ret)
		ch.verdicts[d.fence] = word
		d.refused = word != "accepted"
		if word != "unclear" {
			ch.end(fmt.Sprint(by.index, " publish ", d.fence), d)
		}
	case "start":
		b := &begun{by: by}
		_, err = fmt.Sscan(line, &in, &b.fence, &b.pid, &b.at)
		ch.begun = append(ch.begun, b)
	case "ran":
		_, err = fmt.Sscan(line, &in, &d.fence, &word)
		ch.causes[d.fence] = word
	case "renewing":
		r := renewal{by: by}
		_, err = fmt.Sscan(line, &in, &r.call)
		ch.renewals = append(ch.renewals, r)
	case "renewed":
		r := renewal{by: by}
		_, err = fmt.Sscan(line, &in, &r.call, &r.ret)
		i := slices.IndexFunc(ch.renewals, func(o renewal) bool { return o.by == by && o.call == r.call })
		ch.renewals[i] = r
	case "got":
		err = ch.answer(by, line)
	case "at":
	default:
		err = fmt.Errorf("no such verb")
	}
	return err
}

// begin notes a deed that may take effect from now on. A repeated one is the
// same.
func (ch *chapter) begin(id string, d *deed) {
	if ch.open[id] == nil {
		ch.open[id] = d
		ch.deeds = append(ch.deeds, d)
	}
}

func (ch *chapter) end(id string, answer *deed) {
	d := ch.open[id]
	d.open, d.seq, d.refused, d.ret = false, answer.seq, answer.refused, answer.ret
	delete(ch.open, id)
}

func (ch *chapter) answer(by *member, line string) error {
	var in int
	var call, ret int64
	a := reply{by: by}
	_, err := fmt.Sscan(line, &in, &call, &ret, &a.outcome, &a.reason, &a.execution.Fence, &a.execution.PID)
	a.err = strings.Join(strings.Fields(line)[7:], " ")
	ch.answers = append(ch.answers, a)
	if a.outcome == "hit-store" || a.outcome == "waited" {
		ch.deeds = append(ch.deeds, &deed{what: didRead, fence: a.execution.Fence, call: call, ret: ret})
	}
	return err
}

// toll are sums over a story.
type toll struct{ keys, starts, clears, lost, slow, deeds int }

func (a *toll) add(b toll) {
	a.keys, a.starts, a.clears = a.keys+b.keys, a.starts+b.starts, a.clears+b.clears
	a.lost, a.slow, a.deeds = a.lost+b.lost, a.slow+b.slow, a.deeds+b.deeds
}

// check holds a story against what is promised, for leases of a TTL.
func (s *story) check(t *testing.T, ttl time.Duration) toll {
	t.Helper()
	var all toll
	for in, ch := range s.keys {
		sum := ch.sum(t, in)
		// A clear hides one result, and makes one execution under way void. In a
		// Redis cluster it does both to executions one after the other: the entry
		// goes first, and then everything that began before the clear.
		if sum.starts > 1+2*sum.clears+sum.lost {
			t.Errorf("key %d: %d executions after %d clears and %d lost leases:\n%s", in, sum.starts, sum.clears, sum.lost, ch)
		}
		ch.checkTakeovers(t, in, ttl)
		ch.checkAnswers(t, in)
		deeds := ch.deeds
		if strings.HasSuffix(t.Name(), "/cluster") {
			deeds = inSteps(deeds)
		}
		if got := judge(deeds); got != porcupine.Ok {
			t.Errorf("key %d: the history is %s:\n%s", in, got, ch)
		}
		all.add(sum)
	}
	return all
}

// sum counts. A lease is lost if it was not published for another reason than a
// clear alone; slow are those of workers that nobody hurt.
func (ch *chapter) sum(t *testing.T, in int) toll {
	t.Helper()
	sum := toll{keys: 1, starts: len(ch.begun), deeds: len(ch.deeds)}
	for _, d := range ch.deeds {
		if d.what == didClear {
			sum.clears++
		}
	}
	fences := map[uint64]bool{}
	for _, b := range ch.begun {
		if fences[b.fence] {
			t.Errorf("key %d: two executions under fence %d", in, b.fence)
		}
		fences[b.fence] = true
		if ch.kept(b.fence) || ch.verdicts[b.fence] == "superseded" && !ch.takenOver(b.fence) {
			continue
		}
		sum.lost++
		if b.by.fate == unhurt {
			sum.slow++
		}
	}
	return sum
}

// kept tells whether the result under a fence was published: it was accepted,
// or its owner was killed before he could tell and somebody read it.
func (ch *chapter) kept(fence uint64) bool {
	return ch.verdicts[fence] == "accepted" || slices.ContainsFunc(ch.deeds, func(d *deed) bool {
		return d.what == didRead && d.fence == fence
	})
}

// takenOver tells whether somebody began under a later lease before the publish
// under this one was refused, which alone does not end a lease.
func (ch *chapter) takenOver(fence uint64) bool {
	refused := int64(0)
	for _, d := range ch.deeds {
		if d.what == didPublish && d.fence == fence {
			refused = d.ret
		}
	}
	return slices.ContainsFunc(ch.begun, func(b *begun) bool {
		return b.fence > fence && ch.lease(b.fence).ret < refused
	})
}

// checkTakeovers expects that nobody began under a lease that another still
// held: one that was not published lasts for a TTL from when it was granted.
func (ch *chapter) checkTakeovers(t *testing.T, in int, ttl time.Duration) {
	t.Helper()
	const rounding = 5 * time.Millisecond // Redis counts whole milliseconds
	slices.SortFunc(ch.begun, func(a, b *begun) int { return int(int64(a.fence) - int64(b.fence)) })
	for i := range len(ch.begun) - 1 {
		earlier, later := ch.lease(ch.begun[i].fence), ch.lease(ch.begun[i+1].fence)
		published := ch.published(ch.begun[i].fence)
		if left := ttl - time.Duration(later.ret-earlier.call); left > rounding && later.ret < published {
			t.Errorf("key %d: fence %d was granted %v before the lease under fence %d could end:\n%s",
				in, later.fence, left, earlier.fence, ch)
		}
	}
}

// lease is the first grant of a fence.
func (ch *chapter) lease(fence uint64) *deed {
	i := slices.IndexFunc(ch.deeds, func(d *deed) bool { return d.what == didGrant && d.fence == fence })
	return ch.deeds[i]
}

// published is when a fence was published or refused, at the earliest.
func (ch *chapter) published(fence uint64) int64 {
	for _, d := range ch.deeds {
		if d.what == didPublish && d.fence == fence {
			return d.call
		}
	}
	return math.MaxInt64
}

// checkAnswers expects that callers got no errors, and results of executions
// that there were, stored where the outcome says so.
func (ch *chapter) checkAnswers(t *testing.T, in int) {
	t.Helper()
	for _, a := range ch.answers {
		real := slices.ContainsFunc(ch.begun, func(b *begun) bool { return b.fence == a.execution.Fence && b.pid == a.execution.PID })
		stored := ch.kept(a.execution.Fence)
		refused := a.outcome == "put-failed" && a.reason == `"superseded"`
		switch {
		case !strings.HasPrefix(a.err, "<nil>"), !refused && a.outcome != "joined" && a.err != "<nil> <nil>":
			t.Errorf("key %d: a caller in worker %d (%q): %v", in, a.by.index, a.by.fate, a)
		case !real:
			t.Errorf("key %d: a caller got the result of an execution that never was: %v", in, a)
		case a.outcome == "joined":
		case refused == stored:
			t.Errorf("key %d: a caller was told %v; published: %t", in, a, stored)
		}
	}
}

func (ch *chapter) String() string {
	slices.SortFunc(ch.deeds, func(a, b *deed) int { return int(a.call - b.call) })
	var b strings.Builder
	for _, s := range ch.begun {
		fmt.Fprintf(&b, "%d began under fence %d in worker %d (%q): %s\n", s.at, s.fence, s.by.index, s.by.fate, ch.verdicts[s.fence])
	}
	for _, d := range ch.deeds {
		fmt.Fprintln(&b, d)
	}
	return b.String()
}
