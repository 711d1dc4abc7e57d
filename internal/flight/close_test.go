package flight

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// within is a ctx for Close.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(bg, d)
	t.Cleanup(cancel)
	return ctx
}

// TestCloseIdle: nothing to wait for, and nothing new is taken.
func TestCloseIdle(t *testing.T) {
	var g Group[int]
	for range 2 {
		if err := g.Close(bg); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := g.Join(bg, Key{}, 0, nil); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

// TestCloseDrains: executions under way complete, and may be joined meanwhile.
func TestCloseDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[int]
		c := lead(t, &g, Key{})
		c.Go(func(ctx context.Context) (int, error) {
			time.Sleep(time.Minute)
			return 3, ctx.Err()
		})
		closed := make(chan error)
		go func() { closed <- g.Close(within(t, time.Hour)) }()
		synctest.Wait()
		want(t, follow(t, &g, Key{}), 3, nil)
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

// TestCloseWaitsForLeaders that have neither finished nor started yet.
func TestCloseWaitsForLeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[int]
		c := lead(t, &g, Key{})
		closed := make(chan error)
		go func() { closed <- g.Close(bg) }()
		synctest.Wait()
		select {
		case err := <-closed:
			t.Errorf("closed under the leader's feet: %v", err)
		default:
		}
		c.Finish(1, nil)
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

// TestCloseCancels: at the end of patience executions are cancelled, with the
// cause, and those who heed it end in time. Nobody joins them any more, and
// what has not begun does not begin.
func TestCloseCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[int]
		heeds, forgotten, waiting := lead(t, &g, Key{1}), lead(t, &g, Key{2}), lead(t, &g, Key{3})
		heeds.Go(untilDone)
		g.ForgetAll()
		forgotten.Go(untilDone)
		closed := make(chan error)
		go func() { closed <- g.Close(within(t, time.Minute)) }()
		want(t, heeds, 0, ErrClosed)
		want(t, forgotten, 0, ErrClosed)
		if _, _, err := g.Join(bg, Key{3}, 0, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("joined what is cancelled: %v", err)
		}
		waiting.Go(func(context.Context) (int, error) { panic("begun after the end") })
		want(t, waiting, 0, ErrClosed)
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

// TestCloseGivesUp on functions that heed nothing: their callers are freed and
// the error counts them. When they end, nothing is left.
func TestCloseGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[int]
		deaf, tidy := lead(t, &g, Key{1}), lead(t, &g, Key{2})
		end := make(chan bool)
		deaf.Go(func(context.Context) (int, error) {
			<-end
			return 1, nil
		})
		tidy.Go(untilDone)
		begun := time.Now()
		err := g.Close(within(t, time.Minute))
		if took := time.Since(begun); took != time.Minute+closeGrace {
			t.Errorf("close took %v", took)
		}
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 execution") {
			t.Errorf("close: %v", err)
		}
		want(t, deaf, 0, ErrClosed)
		if g.Len() != 1 {
			t.Errorf("%d flights", g.Len())
		}
		close(end)
		if err := g.Close(bg); err != nil || g.Len() != 0 {
			t.Errorf("%v, %d flights", err, g.Len())
		}
		want(t, deaf, 0, ErrClosed) // the late result changes nothing
	})
}

// TestCloseWithPatienceGone: a ctx that is done asks for the quick way, and
// gets it only where something flies.
func TestCloseWithPatienceGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[int]
		ctx, cancel := context.WithCancel(bg)
		cancel()
		c := lead(t, &g, Key{})
		c.Go(untilDone)
		if err := g.Close(ctx); err != nil {
			t.Error(err)
		}
		want(t, c, 0, ErrClosed)
		if err := g.Close(ctx); err != nil {
			t.Error(err)
		}
	})
}

// TestCloseTwiceAtOnce: both calls return when the last flight has ended.
func TestCloseTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[int]
		c := lead(t, &g, Key{})
		closed := make(chan error)
		for range 2 {
			go func() { closed <- g.Close(bg) }()
		}
		synctest.Wait()
		c.Abandon()
		for range 2 {
			if err := <-closed; err != nil {
				t.Error(err)
			}
		}
	})
}
