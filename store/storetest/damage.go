package storetest

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/reprise-go/reprise/store"
)

func damageTopic() topic {
	var checks []check
	for _, how := range []Corruption{FlipBit, Truncate, Lose} {
		for _, size := range []int{1 << 10, 1 << 18} {
			checks = append(checks, check{
				fmt.Sprintf("%s of %d KiB", how, size>>10),
				func(e *env) { checkDamage(e, how, size) },
			})
		}
	}
	return topic{"damage", checks}
}

// checkDamage holds that bad stored bytes are noticed here or handed on for
// the envelope to notice, spare the other entries, and can be replaced.
func checkDamage(e *env, how Corruption, size int) {
	e.needs(e.h.Corrupt != nil, "a way to damage stored values")
	r := with(rec("a"), func(r *store.Record) { r.Value = bytes.Repeat([]byte{0x5a}, size) })
	e.publish(r)
	e.publish(rec("b"))
	e.h.Corrupt(e.T, e.s, r.Key, how)
	l, err := e.s.Get(e.ctx, r.Key)
	switch {
	case err != nil && !errors.Is(err, store.ErrCorrupt):
		e.Errorf("Get = %v, want ErrCorrupt if an error", err)
	case err == nil && !l.Found && !l.Damaged:
		e.Error("Get says that there is no entry; it must say Damaged")
	case l.Found && l.Damaged:
		e.Error("Get says both Found and Damaged")
	case l.Found && (how == Lose || bytes.Equal(l.Record.Value, r.Value)):
		e.Errorf("Get found a value of %d bytes although it was damaged: %s", len(l.Record.Value), how)
	}
	e.wantVisible("b")
	e.list(store.Query{All: true})
	e.put(r, store.PutPublish)
	if l := e.get(r.Key); !l.Found || !bytes.Equal(l.Record.Value, r.Value) {
		e.Errorf("a new Put did not mend the entry: found %t, damaged %t", l.Found, l.Damaged)
	}
	e.sweep()
	e.wantVisible("a", "b")
}
