package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/reprise-go/reprise/store"
)

func cancellationTopic() topic {
	return topic{"cancellation", []check{
		{"a cancelled context ends every method", checkCancelled},
		{"a passed deadline ends every method", checkDeadline},
		{"the store works on afterwards", checkAfterCancel},
	}}
}

func checkCancelled(e *env) {
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	e.wantEnded(ctx, context.Canceled)
}

func checkDeadline(e *env) {
	ctx, cancel := context.WithDeadline(e.ctx, time.Unix(1, 0))
	defer cancel()
	e.wantEnded(ctx, context.DeadlineExceeded)
}

func (e *env) wantEnded(ctx context.Context, want error) {
	e.Helper()
	for _, c := range calls(e.s) {
		if err := c.do(ctx, e.s); !errors.Is(err, want) {
			e.Errorf("%s = %v, want %v", c.name, err, want)
		}
	}
	if w, ok := e.s.(store.Watcher); ok {
		if err := w.Watch(ctx, func() {}, func(store.Event) {}); !errors.Is(err, want) {
			e.Errorf("Watch = %v, want %v", err, want)
		}
	}
}

// checkAfterCancel cancels calls at any moment of their course.
func checkAfterCancel(e *env) {
	e.publish(rec("a"))
	for range 20 {
		for _, c := range calls(e.s) {
			ctx, cancel := context.WithCancel(e.ctx)
			go cancel()
			if err := c.do(ctx, e.s); err != nil && !errors.Is(err, context.Canceled) {
				e.Errorf("%s, cancelled meanwhile, = %v", c.name, err)
			}
			cancel()
		}
	}
	e.put(rec("b"), store.PutSet)
	e.wantVisible("b")
}
