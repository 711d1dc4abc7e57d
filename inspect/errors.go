package inspect

import (
	"fmt"
	"strings"
)

// Error lists the keys, cut to what tells them apart.
func (e *AmbiguousError) Error() string {
	shown := make([]string, len(e.Keys))
	for i, k := range e.Keys {
		shown[i] = k[:min(len(k), max(12, len(e.Prefix)+4))]
	}
	more := ""
	if e.More {
		more = ", …"
	}
	return fmt.Sprintf("%v: %s is the beginning of %s%s; give more digits", ErrAmbiguous, e.Prefix, strings.Join(shown, ", "), more)
}

// Is makes errors.Is(err, ErrAmbiguous) hold.
func (e *AmbiguousError) Is(target error) bool { return target == ErrAmbiguous }
