package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/reprise-go/reprise/inspect"
)

// printJSON prints v for programs.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// note tells people what they did not ask for.
func (a *app) note(format string, args ...any) {
	if !a.flags.quiet && !a.flags.json {
		fmt.Fprintf(a.err, format+"\n", args...)
	}
}

// table prints rows in columns; the first is the head, which quiet leaves out.
func (a *app) table(rows [][]string) error {
	if a.flags.quiet {
		rows = rows[1:]
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', tabwriter.StripEscape)
	for i, row := range rows {
		for j, cell := range row {
			if i == 0 && !a.flags.quiet {
				cell = a.bold(cell)
			}
			if j > 0 {
				fmt.Fprint(w, "\t")
			}
			fmt.Fprint(w, cell)
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// The styles of a terminal.
const (
	styleBold = "1"
	styleRed  = "31"
	styleGood = "32"
	styleWarn = "33"
)

func (a *app) bold(s string) string { return a.style(styleBold, s) }

// style dresses s where colours are wanted. The marks around the escape
// sequences keep them out of tabwriter's reckoning.
func (a *app) style(style, s string) string {
	if !a.colored(a.out) {
		return s
	}
	return "\xff\x1b[" + style + "m\xff" + s + "\xff\x1b[0m\xff"
}

// colored decides by --color, then NO_COLOR, then whether w is a terminal.
func (a *app) colored(w io.Writer) bool {
	switch a.conf.Color {
	case "always":
		return true
	case "never":
		return false
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && terminal(w)
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// bytes is a size for people.
func bytes(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	f, prefixes := float64(n)/unit, "KMGTPE"
	for f >= 999.5 && len(prefixes) > 1 {
		f, prefixes = f/unit, prefixes[1:]
	}
	return fmt.Sprintf("%.3g %ciB", f, prefixes[0])
}

// span is a duration for people: two digits are enough to decide by.
func span(s inspect.Seconds) string {
	d := s.Duration()
	switch {
	case d <= 0:
		return "0"
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", max(1, d.Microseconds()))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f h", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

// ago is how long before now something was.
func ago(now, then time.Time) string {
	if then.IsZero() {
		return "-"
	}
	return span(inspect.Seconds(now.Sub(then)))
}

// shown makes anybody's text harmless for a terminal, and short.
func shown(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
	if r := []rune(s); most > 0 && len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// short is a key as people type it.
func short(key string) string { return key[:min(12, len(key))] }

// plural counts things.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
