package version

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Env is the policy that covers environment variables of this process. A
// variable that is not set differs from one that is empty. Order and
// repetition of names do not matter.
//
// Values never appear: Part.Detail holds, for each variable, a digest of salt,
// name and value. Anyone who can list keys of the cache and guess a value can
// check the guess, unless the salt is secret.
func Env(names ...string) Policy {
	names = sortedSet(names)
	return Named("Env", func(ctx context.Context, salt string, _ Params) (Part, error) {
		return readEnv(ctx, salt, names)
	})
}

func readEnv(ctx context.Context, salt string, names []string) (Part, error) {
	if err := ctx.Err(); err != nil {
		return Part{}, err
	}
	if len(names) == 0 {
		return Part{}, errors.New("no variable is named: give Env at least one name")
	}
	part := Part{Policy: "Env"}
	parts := []string{salt}
	for _, name := range names {
		if err := checkVariable(name); err != nil {
			return Part{}, err
		}
		value, set := os.LookupEnv(name)
		if set {
			parts = append(parts, name, "set", value)
			part.Detail = append(part.Detail, Component{name, variableDigest(salt, name, value)})
		} else {
			parts = append(parts, name, "unset", "")
			part.Detail = append(part.Detail, Component{name, "unset"})
		}
	}
	part.Value = digest("Env", parts...)
	return part, nil
}

// checkVariable refuses names that no environment can hold, which are typing
// errors: they would read as unset for ever.
func checkVariable(name string) error {
	if name == "" || strings.ContainsAny(name, "=\x00") {
		return fmt.Errorf("%q is no name of an environment variable", name)
	}
	return nil
}

// variableDigest stands for a value that may be secret.
func variableDigest(salt, name, value string) string {
	return short("variable", salt, name, value)
}
