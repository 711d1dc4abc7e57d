package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/reprise-go/reprise/inspect"
)

func (a *app) showCommand() *cobra.Command {
	var raw bool
	cmd := &cobra.Command{
		Use: "show KEY", GroupID: "look", Args: cobra.ExactArgs(1),
		Short: "Show an entry: what justifies it, and its value",
		Long: `Show an entry, by its key or the beginning of it. Private inputs are not shown.
With --raw only the value is printed, as its codec made it, with all that is in it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.inspecting(cmd.Context(), func(ctx context.Context, i *inspect.Inspector) error {
				if raw {
					return a.raw(ctx, i, args[0])
				}
				return a.show(ctx, i, args[0])
			})
		},
	}
	cmd.Flags().BoolVar(&raw, "raw", false, "print the stored value's bytes and nothing else")
	return cmd
}

func (a *app) raw(ctx context.Context, i *inspect.Inspector, ref string) error {
	p, err := i.Payload(ctx, ref)
	if err == nil {
		_, err = a.out.Write(p.Bytes)
	}
	return err
}

// shownEntry is what show prints as JSON.
type shownEntry struct {
	inspect.Entry
	Decoded *inspect.Value `json:"decoded,omitempty"`
}

func (a *app) show(ctx context.Context, i *inspect.Inspector, ref string) error {
	e, err := i.Entry(ctx, ref)
	if err != nil {
		return err
	}
	v, err := i.Value(ctx, e.Key)
	if err != nil && e.Problem == "" {
		return err
	}
	if a.flags.json {
		s := shownEntry{Entry: e}
		if err == nil {
			s.Decoded = &v
		}
		return a.printJSON(s)
	}
	a.showHead(&e)
	a.showParts(e.Parts)
	if err == nil {
		fmt.Fprintln(a.out, a.heading("value"))
		a.tree(&v.Tree, 1)
	}
	return nil
}

func (a *app) heading(s string) string { return strings.ReplaceAll(a.bold(s), "\xff", "") }

func (a *app) showHead(e *inspect.Entry) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(a.out, "%-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("key", "%s", e.Key)
	line("of", "%s (%s)", shown(e.Function, 0), shown(e.Collection, 0))
	if e.Entry != "" {
		line("entry", "%s", shown(e.Entry, 0))
	}
	if e.Dataset != "" {
		line("dataset", "%s", shown(e.Dataset, 0))
	}
	if len(e.Tags) > 0 {
		line("tags", "%s", shown(strings.Join(e.Tags, ", "), 0))
	}
	line("version", "%s", shown(e.Version, 0))
	line("state", "%s", e.State)
	line("made", "%s, %s ago", e.Created.Local().Format(time.DateTime), span(e.Age))
	if !e.Expires.IsZero() {
		line("expires", "%s", e.Expires.Local().Format(time.DateTime))
	}
	line("cost", "%s", span(e.Cost))
	line("size", "%s", bytes(e.Size))
	if e.Problem != "" {
		line("problem", "%s", shown(e.Problem, 0))
	}
}

func (a *app) showParts(parts []inspect.Part) {
	if len(parts) == 0 {
		return
	}
	fmt.Fprintln(a.out, a.heading("justified by"))
	for _, p := range parts {
		what := shown(p.Preview, 0)
		if p.Private {
			what = "(private)"
		} else if what == "" {
			what = p.Digest
		}
		fmt.Fprintf(a.out, "  %s: %s\n", shown(p.Name, 0), what)
	}
}

// tree prints a value.
func (a *app) tree(n *inspect.Node, depth int) {
	text := shown(n.Text, 200)
	switch n.Kind {
	case inspect.StringNode:
		text = fmt.Sprintf("%q", n.Text)
	case inspect.BytesNode:
		text = fmt.Sprintf("%s of bytes: %s", bytes(int64(n.Size)), shown(n.Text, 64))
	case inspect.NullNode:
		text = "null"
	case inspect.HiddenNode:
		text = "(private)"
	case inspect.ArrayNode, inspect.ObjectNode:
		text = plural(n.Size, "element", "elements")
	case inspect.TagNode:
		text = "tag " + text
	}
	if n.Cut {
		text += " (cut)"
	}
	if n.Name != "" {
		text = shown(n.Name, 80) + ": " + text
	}
	fmt.Fprintf(a.out, "%*s%s\n", 2*depth, "", text)
	for i := range n.Children {
		a.tree(&n.Children[i], depth+1)
	}
}
