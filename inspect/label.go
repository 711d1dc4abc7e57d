package inspect

import (
	"strconv"
	"strings"

	"github.com/reprise-go/reprise/store"
)

// unframe takes apart the value of a label that store.FunctionLabel or
// store.FunctionDatasetLabel made. Of one that is made otherwise it returns
// what it can.
func unframe(s string) (kind store.Kind, parts []string) {
	number, rest, _ := strings.Cut(s, " ")
	if n, err := strconv.ParseUint(number, 10, 8); err == nil {
		kind = store.Kind(n)
	}
	for rest != "" {
		length, after, found := strings.Cut(rest, ":")
		n, err := strconv.Atoi(length)
		if !found || err != nil || n < 0 || n > len(after) {
			return kind, parts
		}
		parts = append(parts, after[:n])
		rest = strings.TrimPrefix(after[n:], " ")
	}
	return kind, parts
}
