package version

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// ErrNoVersion is returned by Resolve where there is neither an explicit
// version nor a policy: nothing would tell old results from new ones.
var ErrNoVersion = errors.New("version: neither a version nor a policy: set Version (such as \"v1\"), or give a policy (such as version.Auto())")

// Spec says how the version of one function is formed.
type Spec struct {
	// Version, where not empty, is the version as it stands; no policy runs.
	// The salt does not change it: a salt also enters the key on its own, so a
	// new salt leads to new keys under the same explicit version.
	Version string
	// Salt is handed to every policy. Changing it changes what the policies of
	// this package return. Empty is a salt like any other.
	Salt string
	// Policies form the version where Version is empty, in this order: the
	// same policies in another order are another version.
	Policies []Policy
	// Params are handed to every policy.
	Params Params
}

// Version is a resolved version. The zero Version is none. Compare versions by
// String. A Version is not altered after Resolve; treat Parts as read-only.
type Version struct {
	// Parts are what the policies returned, in their order; nil for an
	// explicit version.
	Parts []Part
	// Explicit is true where Spec.Version was set.
	Explicit bool

	value string
}

// String is what enters the key: the explicit version as given, or 64
// hexadecimal digits formed from what the policies returned. Empty for the
// zero Version only.
func (v Version) String() string { return v.value }

// IsZero reports whether v is no version at all.
func (v Version) IsZero() bool { return v.value == "" }

// PolicyError says which policy could not give its part.
type PolicyError struct {
	Index  int    // in Spec.Policies
	Policy string // its name
	Err    error  // why
}

// Error names the policy and, unless the caller gave up, a way to do without.
func (e *PolicyError) Error() string {
	msg := fmt.Sprintf("version: policy %d (%s): %v", e.Index, e.Policy, e.Err)
	if errors.Is(e.Err, context.Canceled) || errors.Is(e.Err, context.DeadlineExceeded) {
		return msg
	}
	return msg + "; or set an explicit Version, such as \"v1\", and no policy runs"
}

// Unwrap is the policy's own error.
func (e *PolicyError) Unwrap() error { return e.Err }

// Resolve forms the version that s describes. An explicit version wins and no
// policy runs. Otherwise every policy runs, one after the other; the first
// that fails, panics, is nil or returns an empty value ends Resolve with a
// *PolicyError. No version and no policy is ErrNoVersion.
func Resolve(ctx context.Context, s Spec) (Version, error) {
	if s.Version != "" {
		return Version{Explicit: true, value: s.Version}, nil
	}
	if len(s.Policies) == 0 {
		return Version{}, ErrNoVersion
	}
	parts := make([]Part, 0, len(s.Policies))
	for i, p := range s.Policies {
		part, err := run(ctx, i, p, s)
		if err != nil {
			return Version{}, err
		}
		parts = append(parts, part)
	}
	return Version{Parts: parts, value: combine(parts)}, nil
}

// combine is the version of parts. One part is hashed bare, as flytekit does;
// several are framed, or moving a boundary between two values would go
// unnoticed.
func combine(parts []Part) string {
	if len(parts) == 1 {
		sum := sha256.Sum256([]byte(parts[0].Value))
		return hex.EncodeToString(sum[:])
	}
	values := make([]string, len(parts))
	for i, p := range parts {
		values[i] = p.Value
	}
	return digest("policies", values...)
}

// run asks one policy, and turns everything it may do wrong into an error.
func run(ctx context.Context, i int, p Policy, s Spec) (part Part, err error) {
	name := "nil"
	defer func() {
		if r := recover(); r != nil {
			err = panicked(r)
		}
		if err != nil {
			part, err = Part{}, &PolicyError{Index: i, Policy: name, Err: err}
		}
	}()
	if p == nil {
		return Part{}, errors.New("the policy is nil")
	}
	name = fmt.Sprintf("%T", p)
	name = policyName(p)
	if err := ctx.Err(); err != nil {
		return Part{}, err
	}
	part, err = p.Version(ctx, s.Salt, s.Params)
	if err != nil {
		return Part{}, err
	}
	if part.Value == "" {
		return Part{}, errors.New("returned an empty value, which would tell no two versions apart")
	}
	if part.Policy == "" {
		part.Policy = name
	}
	part.Detail = slices.Clone(part.Detail)
	return part, nil
}

// panicked keeps an error that was thrown, so that errors.Is finds it.
func panicked(r any) error {
	if err, ok := r.(error); ok {
		return fmt.Errorf("panicked: %w", err)
	}
	return fmt.Errorf("panicked: %v", r)
}
