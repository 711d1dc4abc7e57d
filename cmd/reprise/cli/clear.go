package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/reprise-go/reprise/inspect"
)

// selectionFlags say what is acted on.
type selectionFlags struct {
	filterFlags
	function  string
	olderThan time.Duration
	all       bool
}

func (f *selectionFlags) addTo(cmd *cobra.Command) {
	s := cmd.Flags()
	f.filterFlags.addTo(s)
	s.StringVarP(&f.function, "function", "n", "", "only entries of the function or command of this `name`")
	s.DurationVar(&f.olderThan, "older-than", 0, "only entries that were made at least so long ago")
	s.BoolVar(&f.all, "all", false, "everything that may be given up")
}

func (f *selectionFlags) selection(args []string) inspect.Selection {
	s := inspect.Selection{Filter: f.filter(f.function), OlderThan: f.olderThan, Everything: f.all}
	if len(args) > 0 {
		s.Key = args[0]
	}
	return s
}

// acted is what acting commands print as JSON.
type acted struct {
	DryRun bool `json:"dry_run,omitempty"`
	inspect.Counts
}

func (a *app) clearCommand() *cobra.Command {
	var f selectionFlags
	var dry bool
	cmd := &cobra.Command{
		Use: "clear [KEY]", GroupID: "act", Args: cobra.MaximumNArgs(1),
		Short: "Forget results: by key, function, dataset, tag, version or age",
		Long: `Forget the results that have everything that the flags name.

A function, a dataset, a tag and a key are each forgotten at once, and work that
began before cannot bring an old result back. By version and by age, and in
combinations, entries are forgotten one by one.`,
		Example: "  reprise clear --function make --dry-run\n  reprise clear 3f9a2b\n  reprise clear --tag nightly --older-than 72h",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.inspecting(cmd.Context(), func(ctx context.Context, i *inspect.Inspector) error {
				do, word := i.Clear, "cleared"
				if dry {
					do, word = i.Preview, "would clear"
				}
				n, err := do(ctx, f.selection(args))
				if err != nil && n.Entries > 0 {
					a.note("%s %s before that failed", word, plural(n.Entries, "entry", "entries"))
				}
				if err != nil {
					return err
				}
				return a.counted(word, n, dry)
			})
		},
	}
	f.addTo(cmd)
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say how much it would be")
	return cmd
}

func (a *app) counted(word string, n inspect.Counts, dry bool) error {
	if a.flags.json {
		return a.printJSON(acted{dry, n})
	}
	fmt.Fprintf(a.out, "%s %s, %s, that took %s to compute\n", word, plural(n.Entries, "entry", "entries"), bytes(n.Bytes), span(n.Cost))
	return nil
}

func (a *app) gcCommand() *cobra.Command {
	return &cobra.Command{
		Use: "gc", GroupID: "act", Args: cobra.NoArgs,
		Short: "Free the room of what nobody can see any more",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.inspecting(cmd.Context(), func(ctx context.Context, i *inspect.Inspector) error {
				a.fold(ctx, i)
				s, err := i.GC(ctx)
				if err != nil {
					return err
				}
				if a.flags.json {
					return a.printJSON(s)
				}
				fmt.Fprintf(a.out, "freed %s: %d expired, %d cleared, %d evicted, %d parts of outputs, %d pages of the ledger\n",
					bytes(s.Bytes), s.Expired, s.Hidden, s.Evicted, s.Blobs, s.LedgerPages)
				return nil
			})
		},
	}
}
