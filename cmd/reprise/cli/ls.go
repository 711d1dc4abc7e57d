package cli

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/reprise-go/reprise/inspect"
)

// filterFlags narrow what is looked at.
type filterFlags struct {
	collection, kind, dataset, version, tag string
}

func (f *filterFlags) addTo(s *pflag.FlagSet) {
	s.StringVar(&f.collection, "collection", "", "only this `collection`; that of commands is \"commands\"")
	s.StringVar(&f.kind, "kind", "", "only \"function\" (and commands) or \"entry\" (execution stores)")
	s.StringVar(&f.dataset, "dataset", "", "only entries of this `dataset`")
	s.StringVar(&f.version, "cache-version", "", "only entries of this `version`")
	s.StringVar(&f.tag, "tag", "", "only entries with this `tag`")
}

func (f *filterFlags) filter(function string) inspect.Filter {
	return inspect.Filter{Kind: f.kind, Collection: f.collection, Function: function, Dataset: f.dataset, Version: f.version, Tag: f.tag}
}

func (a *app) lsCommand() *cobra.Command {
	var f filterFlags
	q := inspect.Query{Order: inspect.NewestFirst}
	cmd := &cobra.Command{
		Use: "ls [NAME]", GroupID: "look", Args: cobra.MaximumNArgs(1),
		Short: "List functions and commands, or the entries of one",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.inspecting(cmd.Context(), func(ctx context.Context, i *inspect.Inspector) error {
				if len(args) == 0 {
					a.fold(ctx, i)
					return a.functions(ctx, i, f.filter(""))
				}
				q.Filter = f.filter(args[0])
				return a.entries(ctx, i, q)
			})
		},
	}
	f.addTo(cmd.Flags())
	cmd.Flags().BoolVar(&q.All, "all", false, "also entries that are expired or cleared")
	cmd.Flags().IntVar(&q.Limit, "limit", 0, "at most so many entries (100)")
	cmd.Flags().StringVar(&q.Cursor, "after", "", "go on after a page: its `next`, with --json")
	return cmd
}

func (a *app) functions(ctx context.Context, i *inspect.Inspector, f inspect.Filter) error {
	all, err := i.Functions(ctx, f)
	if err != nil {
		return err
	}
	if a.flags.json {
		return a.printJSON(orEmpty(all))
	}
	if len(all) == 0 {
		a.note("nothing is stored here")
		return nil
	}
	rows := [][]string{{"NAME", "COLLECTION", "ENTRIES", "SIZE", "HITS", "SAVED", "NEWEST"}}
	for _, fn := range all {
		hits, saved := "-", "-"
		if s := fn.Savings; s != nil {
			hits, saved = strconv.FormatUint(s.Hits+s.Shared, 10), span(s.Saved)
		}
		rows = append(rows, []string{shown(fn.Name, 60), shown(fn.Collection, 30), strconv.Itoa(fn.Entries),
			bytes(fn.Bytes), hits, saved, ago(time.Now(), fn.Newest)})
	}
	return a.table(rows)
}

func (a *app) entries(ctx context.Context, i *inspect.Inspector, q inspect.Query) error {
	page, err := i.Entries(ctx, q)
	if err != nil {
		return err
	}
	if a.flags.json {
		page.Entries = orEmpty(page.Entries)
		return a.printJSON(page)
	}
	if len(page.Entries) == 0 && q.Cursor == "" {
		return fail("`reprise ls` lists what there is", "%w of %q", inspect.ErrNotFound, q.Function)
	}
	rows := [][]string{{"KEY", "AGE", "SIZE", "COST", "EXPIRES", "DATASET", "STATE"}}
	for _, e := range page.Entries {
		expires := "never"
		if !e.Expires.IsZero() {
			expires = "in " + span(inspect.Seconds(e.Expires.Sub(page.Now)))
		}
		if e.State != inspect.Live {
			expires = "-"
		}
		name := short(e.Key)
		if e.Entry != "" {
			name += " " + shown(e.Entry, 40)
		}
		rows = append(rows, []string{name, span(e.Age), bytes(e.Size), span(e.Cost), expires, shown(e.Dataset, 30), string(e.State)})
	}
	if err := a.table(rows); err != nil {
		return err
	}
	if page.Next != "" {
		a.note("there are more: --limit, or --json with --after")
	}
	return nil
}

// orEmpty is a list that JSON shows as one.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// cut ends a listing that the user ended.
func cut(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
