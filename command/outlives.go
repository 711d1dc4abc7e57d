package command

import (
	"context"
	"errors"

	"github.com/reprise-go/reprise"
)

// outlives reports whether a run goes on although its ctx has ended: the lease
// was lost, so its result will not be stored, but its caller wants it.
func outlives(ctx context.Context) bool { return errors.Is(context.Cause(ctx), reprise.ErrLeaseLost) }
