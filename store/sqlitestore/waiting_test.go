package sqlitestore

import (
	"errors"
	"testing"
	"time"

	"github.com/reprise-go/reprise/store"
)

// TestWaitingTakesNoWrite: who asks for a lease that another holds is answered
// while the file is locked for writing. Else the many who wait would keep the
// owner from publishing.
func TestWaitingTakesNoWrite(t *testing.T) {
	owner := openTest(t, &Options{SweepEvery: -1})
	waiter, err := Open(t.Context(), owner.path, &Options{SweepEvery: -1, BusyTimeout: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer waiter.Close()
	key := store.Key{1}
	held, err := owner.Acquire(t.Context(), key, store.Owner{1}, time.Hour)
	if err != nil || !held.Granted {
		t.Fatalf("Acquire = %+v, %v", held, err)
	}
	err = owner.write(t.Context(), "test", func(*txn) error {
		g, err := waiter.Acquire(t.Context(), key, store.Owner{2}, time.Hour)
		if err != nil || g.Granted || g.Fence != held.Fence || g.Left <= 0 || g.Left > time.Hour {
			t.Errorf("Acquire of a held lease while the file is locked = %+v, %v", g, err)
		}
		if _, err := waiter.Acquire(t.Context(), store.Key{2}, store.Owner{2}, time.Hour); err == nil {
			t.Error("Acquire of a free lease while the file is locked had no error: is it locked?")
		}
		return errors.New("undo")
	})
	if err == nil {
		t.Error("the write was not undone")
	}
}
