package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/reprise-go/reprise/inspect"
)

func (a *app) statsCommand() *cobra.Command {
	var since time.Duration
	cmd := &cobra.Command{
		Use: "stats", GroupID: "look", Args: cobra.NoArgs,
		Short: "Say what caching has saved, and where it does not pay",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.inspecting(cmd.Context(), func(ctx context.Context, i *inspect.Inspector) error {
				var from time.Time
				if since > 0 {
					from = time.Now().Add(-since)
				}
				a.fold(ctx, i)
				s, err := i.Savings(ctx, from)
				if err != nil {
					return err
				}
				return a.savings(&s)
			})
		},
	}
	cmd.Flags().DurationVar(&since, "since", 0, "only the last so long; whole hours (90 days)")
	return cmd
}

func (a *app) savings(s *inspect.Savings) error {
	if a.flags.json {
		s.Functions, s.Periods = orEmpty(s.Functions), orEmpty(s.Periods)
		return a.printJSON(s)
	}
	if s.Total.Calls == 0 {
		a.note("nobody has noted any calls here yet")
		return nil
	}
	rows := [][]string{{"NAME", "CALLS", "HITS", "RATE", "SAVED", "SPENT", "STORED", "FAILED"}}
	row := func(name string, l *inspect.Line) {
		rows = append(rows, []string{name, count(l.Calls), count(l.Hits + l.Shared), fmt.Sprintf("%.0f %%", 100*l.HitRate),
			span(l.Saved), span(l.Spent), bytes(l.Stored), count(l.Failed)})
	}
	for i := range s.Functions {
		row(shown(s.Functions[i].Name, 60), &s.Functions[i].Line)
	}
	row("all", &s.Total)
	if err := a.table(rows); err != nil {
		return err
	}
	for _, f := range s.Functions {
		if f.Verdict != "" {
			fmt.Fprintf(a.out, "%s: %s\n", shown(f.Name, 60), f.Verdict)
		}
	}
	return nil
}

func count(n uint64) string { return strconv.FormatUint(n, 10) }

func (a *app) duCommand() *cobra.Command {
	return &cobra.Command{
		Use: "du", GroupID: "look", Args: cobra.NoArgs,
		Short: "Say what takes how much room",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.inspecting(cmd.Context(), func(ctx context.Context, i *inspect.Inspector) error {
				u, err := i.Usage(ctx)
				if err != nil {
					return err
				}
				return a.usage(&u)
			})
		},
	}
}

func (a *app) usage(u *inspect.Usage) error {
	if a.flags.json {
		u.Functions = orEmpty(u.Functions)
		return a.printJSON(u)
	}
	rows := [][]string{{"SIZE", "ENTRIES", "NAME", "COLLECTION"}}
	for _, f := range u.Functions {
		rows = append(rows, []string{bytes(f.Bytes), strconv.Itoa(f.Entries), shown(f.Name, 60), shown(f.Collection, 30)})
	}
	for name, g := range map[string]inspect.Group{"(expired or cleared)": u.Dead, "(reprise's own)": u.Reserved} {
		if g.Entries > 0 {
			rows = append(rows, []string{bytes(g.Bytes), strconv.Itoa(g.Entries), name, ""})
		}
	}
	quota := "no quota"
	if u.Quota > 0 {
		quota = "of " + bytes(u.Quota)
	}
	rows = append(rows, []string{bytes(u.Bytes), strconv.Itoa(u.Entries), "all", quota})
	return a.table(rows)
}

func (a *app) watchCommand() *cobra.Command {
	return &cobra.Command{
		Use: "watch", GroupID: "look", Args: cobra.NoArgs,
		Short: "Print what happens to the store, as it happens",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.inspecting(cmd.Context(), func(ctx context.Context, i *inspect.Inspector) error {
				a.note("watching; ^C ends it")
				return cut(i.Watch(ctx, func(e inspect.Event) { a.event(&e) }))
			})
		},
	}
}

func (a *app) event(e *inspect.Event) {
	if a.flags.json {
		_ = a.printJSON(e) // a reader that left ends the program by SIGPIPE
		return
	}
	what := shown(e.Function, 60)
	switch {
	case e.Label != "":
		what = shown(fmt.Sprintf("%s %s%s%s", e.Label, e.Function, e.Dataset, e.Tag), 80)
	case e.Key != "":
		what = short(e.Key) + " " + what
	}
	fmt.Fprintf(a.out, "%s  %-9s %s\n", e.Time.Local().Format("15:04:05.000"), e.Kind, what)
}
