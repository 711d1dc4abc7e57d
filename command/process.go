package command

import (
	"context"
	"os"
	"time"
)

// An ending is how a run ended.
type ending struct {
	code     int  // the command's, or 128+n
	signal   int  // that ended it; 0: none
	timedOut bool // Spec.Timeout ended it
	told     bool // a signal that asks to end was passed on
	lingered bool // what it left running had to be cut off
	cut      error
}

// A task is one run of a program.
type task struct {
	path    string // of the program
	args    []string
	dir     string
	environ []string
	stdin   *os.File // nil: empty
	timeout time.Duration
	grace   time.Duration
	linger  time.Duration
	signals <-chan os.Signal
	take    func(stream int, b []byte) error
}

// run starts the program and sees to its end. The error says why it did not
// start; everything later is in the ending. When ctx ends the program is told
// to end, and killed after the grace.
func (t *task) run(ctx context.Context) (end ending, err error) {
	p, err := t.start()
	if err != nil {
		return end, err
	}
	pumped := make(chan struct{})
	go func() {
		defer close(pumped)
		end.cut = p.pipes.pump(t.take)
	}()
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		p.waitExit()
	}()
	told, timedOut := t.attend(ctx, p, exited)
	linger := t.linger
	if told || timedOut || p.signaled || ctx.Err() != nil {
		linger = 0 // all of it was to end
	}
	lingered := p.cleanUp(linger, pumped)
	p.pipes.close()
	code, signal := p.reap()
	p.guard.end()
	end.code, end.signal, end.told, end.timedOut, end.lingered = code, signal, told, timedOut, lingered
	if timedOut {
		end.code = ExitTimeout
	}
	return end, nil
}

// attend passes signals on until the program has ended, and ends it when its
// time is up or ctx ends.
func (t *task) attend(ctx context.Context, p *process, exited <-chan struct{}) (told, timedOut bool) {
	var timeout, kill <-chan time.Time
	if t.timeout > 0 {
		timer := time.NewTimer(t.timeout)
		defer timer.Stop()
		timeout = timer.C
	}
	done := ctx.Done()
	var grace *time.Timer
	end := func() {
		p.end()
		if grace == nil {
			grace = time.NewTimer(t.grace)
			kill = grace.C
		}
	}
	defer func() {
		if grace != nil {
			grace.Stop()
		}
	}()
	signals := t.signals
	for {
		select {
		case <-exited:
			return told, timedOut
		case sig, open := <-signals:
			if !open {
				signals = nil
				continue
			}
			told = p.pass(sig) || told
		case <-timeout:
			timedOut, timeout = true, nil
			end()
		case <-done:
			if done = nil; outlives(ctx) {
				continue
			}
			end()
		case <-kill:
			p.kill()
		}
	}
}

// cleanUp waits for what the program left running to let go of its streams,
// and kills the rest of the group. It reports whether it had to cut a stream
// off.
func (p *process) cleanUp(linger time.Duration, pumped <-chan struct{}) (lingered bool) {
	defer p.kill()
	timer := time.NewTimer(linger)
	defer timer.Stop()
	select {
	case <-pumped:
		return false
	case <-timer.C:
	}
	p.kill()
	// What has left the group may hold the streams for ever; what was killed
	// has let go of them.
	timer.Reset(killed)
	select {
	case <-pumped:
	case <-timer.C:
		p.pipes.stop()
		<-pumped
	}
	return true
}

// killed is how long the streams of processes that were killed take to end.
const killed = 500 * time.Millisecond
