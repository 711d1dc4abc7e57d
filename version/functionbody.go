package version

import (
	"context"
	"errors"
)

// FunctionBody is the policy that covers the code which the function can
// reach, and only that: it survives comments, formatting and edits elsewhere.
// Generated code registers what that is under Params.Name; the versions of
// modules and of Go come from the running program. A function that is not
// registered is an error wrapping ErrNotRegistered.
//
// Where a module has no checksum in the running program, BuildID stands in for
// it, as Modules says.
func FunctionBody() Policy { return bodyPolicy(&registered, running) }

// Auto is FunctionBody where the function is registered, else BuildID. It
// never falls back from a registration that is wrong.
func Auto() Policy { return autoPolicy(&registered, running) }

func autoPolicy(g *registry, prog program) Policy {
	body := bodyPolicy(g, prog)
	return Named("Auto", func(ctx context.Context, salt string, p Params) (Part, error) {
		part, err := body.Version(ctx, salt, p)
		if errors.Is(err, ErrNotRegistered) {
			return prog.version(ctx, salt, p)
		}
		return part, err
	})
}

func bodyPolicy(g *registry, prog program) Policy {
	return Named("FunctionBody", func(ctx context.Context, salt string, p Params) (Part, error) {
		if err := ctx.Err(); err != nil {
			return Part{}, err
		}
		r, err := g.lookup(p.Name)
		if err != nil {
			return Part{}, err
		}
		pins, err := prog.reached(r)
		if err != nil {
			return Part{}, err
		}
		detail, err := r.components()
		if err != nil {
			return Part{}, err
		}
		parts := []string{salt, r.Version}
		for _, pin := range pins {
			parts = append(parts, pin.parts()...)
		}
		detail = append(detail, details(pins)...)
		return Part{Policy: "FunctionBody", Value: digest("FunctionBody", parts...), Detail: detail}, nil
	})
}

// reached pins what r draws on outside its own module.
func (prog program) reached(r Registration) ([]pin, error) {
	paths := r.Modules
	if r.Std {
		paths = append(paths, std)
	}
	if len(paths) == 0 {
		return nil, nil
	}
	info, err := prog.info()
	if err != nil {
		return nil, err
	}
	return prog.pins(info, paths)
}
