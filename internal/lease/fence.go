package lease

import "context"

type fenceKey struct{}

// WithFence returns a context that carries the fence of the lease under which
// an execution runs.
func WithFence(ctx context.Context, fence uint64) context.Context {
	return context.WithValue(ctx, fenceKey{}, fence)
}

// Fence is the fence of the innermost execution that ctx belongs to. Systems
// that remember the highest fence they saw of a key, and refuse lower ones,
// keep out an owner that was stopped and lost its lease unaware. It reports
// false where the execution holds no lease.
func Fence(ctx context.Context) (uint64, bool) {
	fence, ok := ctx.Value(fenceKey{}).(uint64)
	return fence, ok
}
