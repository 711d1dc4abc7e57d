package reprise

import (
	"bytes"
	"context"
	"crypto/sha256"
	"unsafe"

	"github.com/reprise-go/reprise/internal/engine"
	"github.com/reprise-go/reprise/store"
)

// work is one keyed call: the engine's description of it, and what the engine
// asks back for.
type work[In, Out any] struct {
	call     engine.Call
	f        *Func[In, Out]
	in       In
	settings *settings
	key      []byte // canonical bytes
	kept     bool   // in is this work's own
}

// plan describes a keyed call to the engine. What it holds of sc it copies:
// the execution may outlive the call.
func (f *Func[In, Out]) plan(s *settings, sc *scratch[In], in In) *work[In, Out] {
	w := &work[In, Out]{f: f, in: in, settings: s, key: bytes.Clone(sc.key)}
	c := &w.call
	*c = engine.Call{Key: f.keys.digest(w.key), Memory: w.key, Labels: f.labels, Hides: f.hides, Work: w}
	if len(w.key) > maxMemoryKey {
		var buf [1 + sha256.Size]byte
		c.Memory = bytes.Clone(memoryKey(w.key, &buf))
	}
	if f.keys.linked && s != nil && s.exec != nil {
		c.Labels.Dataset = s.exec.Dataset
		c.Hides = c.Labels.Of(nil, store.Evict)
	}
	return w
}

// keep makes the input the work's own, because the execution may outlive the
// call: behind a hit, or for others when the caller leaves. From then on the
// caller may modify what he passed. What cannot be copied stays shared, and
// Unchanged finds whether it was modified.
func (w *work[In, Out]) keep() *engine.Call {
	if w.kept || w.f.inputs == nil {
		return &w.call
	}
	own := new(In)
	if w.f.inputs(unsafe.Pointer(own), unsafe.Pointer(&w.in)) {
		w.in, w.kept = *own, true
	}
	return &w.call
}

// Run calls the function.
func (w *work[In, Out]) Run(ctx context.Context) (any, error) {
	out := new(Out)
	var err error
	*out, err = w.f.call(ctx, w.in)
	return out, err
}

// Tags are those that Options.Tags gives.
func (w *work[In, Out]) Tags(v any) []string {
	if w.f.opts.Tags == nil {
		return nil
	}
	return w.f.opts.Tags(w.in, *v.(*Out))
}

// Manifest lists the parts of the key.
func (w *work[In, Out]) Manifest(ctx context.Context) []byte {
	return w.f.manifest(ctx, w.settings, w.in)
}

// Unchanged keys the inputs once more: files may have changed under the
// function while it read them, or what the input refers to, and its result
// belongs to neither state.
func (w *work[In, Out]) Unchanged(ctx context.Context) (bool, error) {
	k := &w.f.keys
	if k.enc != nil && k.enc.Plain() && (w.kept || w.f.immutable) {
		return true, nil
	}
	sc := k.get(w.in)
	defer k.put(sc)
	err := k.encode(ctx, w.settings, sc)
	return err == nil && bytes.Equal(sc.key, w.key), err
}
