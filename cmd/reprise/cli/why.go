package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/command"
	"github.com/reprise-go/reprise/inspect"
	"github.com/reprise-go/reprise/store"
)

const whyHelp = `Say why a command would be replayed or run: with the flags of run and the
command after --, what the nearest stored result has that this call has not.

With a key, compare that entry with the nearest one of the same function; with
two keys, compare them.`

func (a *app) whyCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use: "why [flags] -- command [args…] | why KEY [KEY]", GroupID: "look", Args: cobra.MinimumNArgs(1),
		Short: "Say why something hits or misses", Long: whyHelp,
		Example: "  reprise why -i 'src/**' -- make\n  reprise why 3f9a2b",
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.ArgsLenAtDash() == 0 {
				return a.whyCall(cmd, &f, args)
			}
			if len(args) > 2 {
				return usage(cmd, errors.New("more than two keys; a command comes after --"))
			}
			return a.inspecting(cmd.Context(), func(ctx context.Context, i *inspect.Inspector) error {
				return a.whyEntry(ctx, i, args)
			})
		},
	}
	f.addTo(cmd)
	return cmd
}

// explanation is what why prints as JSON of a call.
type explanation struct {
	Function string               `json:"function"`
	Version  string               `json:"version"`
	Key      string               `json:"key,omitempty"`
	Hit      bool                 `json:"hit"`
	Reason   string               `json:"reason,omitempty"`
	Age      inspect.Seconds      `json:"age_seconds,omitempty"`
	Cost     inspect.Seconds      `json:"cost_seconds,omitempty"`
	Error    string               `json:"error,omitempty"`
	Nearest  string               `json:"nearest,omitempty"`
	Ago      inspect.Seconds      `json:"nearest_age_seconds,omitempty"`
	Differs  []inspect.Difference `json:"differences,omitempty"`
}

func (a *app) whyCall(cmd *cobra.Command, f *runFlags, args []string) error {
	spec, err := a.spec(f, args)
	if err != nil {
		return usage(cmd, err)
	}
	spec.FailClosed = true // without the store there is nothing to tell
	r, err := a.runner(cmd.Context(), spec)
	if err != nil {
		return err
	}
	defer r.Close()
	x, err := r.Explain(cmd.Context(), spec, command.IO{Stdin: a.in})
	if err != nil {
		return err
	}
	e := explained(&x)
	if a.flags.json {
		return a.printJSON(e)
	}
	switch {
	case e.Hit:
		fmt.Fprintf(a.out, "would replay: %s old, saves %s, key %s\n", span(e.Age), span(e.Cost), short(e.Key))
	case e.Error != "":
		fmt.Fprintf(a.out, "would run (%s): %s\n", e.Reason, shown(e.Error, 0))
	default:
		fmt.Fprintf(a.out, "would run (%s)\n", e.Reason)
	}
	if e.Nearest != "" {
		fmt.Fprintf(a.out, "nearest: %s, %s old, differs in\n", short(e.Nearest), span(e.Ago))
		a.differences(e.Differs)
	}
	return nil
}

func explained(x *reprise.Explanation) *explanation {
	e := &explanation{Function: x.Function, Version: x.Version, Hit: x.Hit, Reason: x.Reason.String(),
		Age: seconds(x.Age), Cost: seconds(x.Cost)}
	if x.Key != (store.Key{}) {
		e.Key = x.Key.String()
	}
	if x.Err != nil {
		e.Error = x.Err.Error()
	}
	if n := x.Nearest; n != nil {
		e.Nearest, e.Ago = n.Key.String(), seconds(n.Age)
		for _, d := range n.Differences {
			e.Differs = append(e.Differs, inspect.Difference{Part: d.Part, Old: d.Old, New: d.New, Private: d.Private})
		}
	}
	return e
}

func (a *app) whyEntry(ctx context.Context, i *inspect.Inspector, refs []string) error {
	if len(refs) == 2 {
		diff, err := i.Compare(ctx, refs[0], refs[1])
		if err != nil {
			return err
		}
		if a.flags.json {
			return a.printJSON(orEmpty(diff))
		}
		if len(diff) == 0 {
			a.note("the keys differ in nothing that the store describes")
		}
		a.differences(diff)
		return nil
	}
	n, err := i.Nearest(ctx, refs[0])
	if err != nil {
		return err
	}
	if a.flags.json {
		return a.printJSON(n)
	}
	fmt.Fprintf(a.out, "nearest: %s, %s old, differs in\n", short(n.Entry.Key), span(n.Entry.Age))
	a.differences(n.Differences)
	return nil
}

// differences prints what differs, from the old to the new.
func (a *app) differences(diff []inspect.Difference) {
	for _, d := range diff {
		change := fmt.Sprintf("%s → %s", orNone(d.Old), orNone(d.New))
		if d.Private {
			change = "(private)"
		}
		fmt.Fprintf(a.out, "  %s: %s\n", shown(d.Part, 0), change)
	}
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return shown(s, 0)
}
