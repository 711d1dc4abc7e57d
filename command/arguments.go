package command

import (
	"math"
	"strconv"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// arguments gives the arguments that count. One that is ignored by its position
// leaves its place behind (nil), one that is ignored by what it is leaves
// nothing: a command with and without it is the same.
func arguments(args, ignore []string, mode ExecutableMode) ([]*string, error) {
	var ranges [][2]int
	var patterns []string
	for _, ig := range ignore {
		from, to, err := position(ig)
		if err != nil {
			return nil, err
		}
		switch {
		case to > 0:
			ranges = append(ranges, [2]int{from, to})
		case !doublestar.ValidatePattern(ig):
			return nil, failure("ignored argument %q: malformed pattern", ig)
		default:
			patterns = append(patterns, ig)
		}
	}
	var out []*string
	for i, a := range args {
		switch {
		case i == 0 && mode == ExecutableIgnore, i > 0 && positioned(ranges, i):
			out = append(out, nil)
		case i > 0 && matchesAny(patterns, a):
		default:
			out = append(out, &a)
		}
	}
	return out, nil
}

// position reads "3", "2-4" and "7-"; to is 0 for what is no position.
func position(s string) (from, to int, err error) {
	first, last, isRange := strings.Cut(s, "-")
	from, ferr := strconv.Atoi(first)
	if ferr != nil || first == "" || first[0] == '+' {
		return 0, 0, nil
	}
	to = from
	if isRange && last == "" {
		to = math.MaxInt
	} else if isRange {
		var lerr error
		if to, lerr = strconv.Atoi(last); lerr != nil {
			return 0, 0, nil
		}
	}
	if from < 1 || to < from {
		return 0, 0, failure("ignored argument %q: positions begin at 1, for the first after the program", s)
	}
	return from, to, nil
}

func positioned(ranges [][2]int, i int) bool {
	for _, r := range ranges {
		if i >= r[0] && i <= r[1] {
			return true
		}
	}
	return false
}

// matchesAny matches whole arguments; * and ? match slashes, too: arguments are
// no paths.
func matchesAny(patterns []string, arg string) bool {
	const slash = "\x00"
	for _, p := range patterns {
		if doublestar.MatchUnvalidated(strings.ReplaceAll(p, "/", slash), strings.ReplaceAll(arg, "/", slash)) {
			return true
		}
	}
	return false
}
