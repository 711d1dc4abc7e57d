package value

import (
	"reflect"
	"sync"
)

// A program caches what was compiled for each type. F is a function type.
type program[F any] struct {
	ready   sync.Map // reflect.Type -> *F
	compile func(b *build[F], t reflect.Type) F
}

// A build compiles one type and all that it refers to. A type met while it is
// still being compiled yields its slot, which is filled later: that is how
// recursive types come to an end.
type build[F any] struct {
	of    *program[F]
	slots map[reflect.Type]*F
}

// of returns the compiled form of t.
func (p *program[F]) of(t reflect.Type) F {
	if f, ok := p.ready.Load(t); ok {
		return *f.(*F)
	}
	b := &build[F]{of: p, slots: map[reflect.Type]*F{}}
	f := *b.slot(t)
	// Published only when every slot is filled: no one sees a half-made type.
	for t, s := range b.slots {
		p.ready.LoadOrStore(t, s)
	}
	return f
}

// slot returns the place where the compiled form of t is, or soon will be.
func (b *build[F]) slot(t reflect.Type) *F {
	if f, ok := b.of.ready.Load(t); ok {
		return f.(*F)
	}
	if s, ok := b.slots[t]; ok {
		return s
	}
	s := new(F)
	b.slots[t] = s
	*s = b.of.compile(b, t)
	return s
}
