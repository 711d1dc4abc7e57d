package reprise

import (
	"context"

	"github.com/reprise-go/reprise/internal/engine"
)

const scopeCount = 4

// scopes are the scopes in the order in which they enter a key.
var scopes = [scopeCount]struct {
	bit   Scope
	field string
	value func(*execution) string
}{
	{ByOperator, "Operator", func(e *execution) string { return e.get().Operator }},
	{ByUser, "User", func(e *execution) string { return e.get().User }},
	{ByPrompt, "Prompt", func(e *execution) string { return e.get().Prompt }},
	{ByJWT, "JWT", func(e *execution) string { return e.get().JWT }},
}

// scopeHashes are the keyed hashes of an execution's values under one cache's
// secret. Who may see a result must not be readable from where it is kept.
type scopeHashes struct {
	engine *engine.Engine
	of     [scopeCount][32]byte
}

func (e *execution) get() *Execution {
	if e == nil {
		return &Execution{}
	}
	return &e.Execution
}

// scopes hashes the values once for each cache that the execution meets. A
// race computes them twice, which does no harm.
func (e *execution) scopes(ctx context.Context, en *engine.Engine) (*scopeHashes, error) {
	if e == nil {
		return &scopeHashes{}, nil
	}
	if h := e.hashes.Load(); h != nil && h.engine == en {
		return h, nil
	}
	h := &scopeHashes{engine: en}
	for i, sc := range scopes {
		v := sc.value(e)
		if v == "" {
			continue
		}
		var err error
		if h.of[i], err = en.Private(ctx, sc.field, v); err != nil {
			return nil, err
		}
	}
	e.hashes.Store(h)
	return h, nil
}
