package cli

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reprise-go/reprise/command"
	"github.com/reprise-go/reprise/inspect"
	"github.com/reprise-go/reprise/store"
)

func (a *app) verifyCommand() *cobra.Command {
	var rerun string
	cmd := &cobra.Command{
		Use: "verify", GroupID: "act", Args: cobra.NoArgs,
		Short: "Check everything that is stored, or run commands again and compare",
		Long: `Read every entry and check its checksums, and what belongs to it.

With --rerun, run so many percent of the stored commands again, where they ran,
and say the first thing that each did otherwise: a command that does not do the
same each time is not fit for caching. Their outputs are then those of the
second run. Commands whose inputs are not what they were are skipped.

The exit code is 1 where problems were found.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if rerun == "" {
				return a.inspecting(cmd.Context(), a.verify)
			}
			share, err := percent(rerun)
			if err != nil {
				return usage(cmd, err)
			}
			return a.rerun(cmd.Context(), share)
		},
	}
	cmd.Flags().StringVar(&rerun, "rerun", "", "run so many `percent` of the stored commands again")
	return cmd
}

// percent reads "10%" or "10".
func percent(s string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	if err != nil || !(n > 0 && n <= 100) {
		return 0, fmt.Errorf("--rerun %q: want a number of percent, over 0 and up to 100", s)
	}
	return n / 100, nil
}

// verified is what verify prints as JSON.
type verified struct {
	inspect.Report
	Found []inspect.Problem `json:"found"`
}

func (a *app) verify(ctx context.Context, i *inspect.Inspector) error {
	v := verified{Found: []inspect.Problem{}}
	report, err := i.Verify(ctx, func(p inspect.Problem) bool {
		v.Found = append(v.Found, p)
		if !a.flags.json {
			fmt.Fprintf(a.out, "%s %s: %s (%s)\n  %s\n", short(p.Key), shown(p.Function, 60), p.What, shown(p.Detail, 0), p.Advice)
		}
		return true
	})
	if err != nil {
		return err
	}
	v.Report = report
	if a.flags.json {
		err = a.printJSON(v)
	} else {
		fmt.Fprintf(a.out, "%s, %s: %s\n", plural(report.Entries, "entry", "entries"), bytes(report.Bytes),
			plural(report.Problems, "problem", "problems"))
	}
	if err == nil && report.Problems > 0 {
		return errProblems
	}
	return err
}

// rerunReport is what verify --rerun prints as JSON.
type rerunReport struct {
	Run     int           `json:"run"`
	Skipped int           `json:"skipped"`
	Differ  int           `json:"differ"`
	Runs    []rerunResult `json:"runs"`
}

type rerunResult struct {
	Key      string `json:"key"`
	Function string `json:"function"`
	Skipped  string `json:"skipped,omitempty"`
	Differs  string `json:"differs,omitempty"`
	Path     string `json:"path,omitempty"`
	Offset   int64  `json:"offset,omitempty"`
	Old      string `json:"old,omitempty"`
	New      string `json:"new,omitempty"`
	Error    string `json:"error,omitempty"`
}

func (a *app) rerun(ctx context.Context, share float64) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	r, err := a.runner(ctx, &command.Spec{FailClosed: true})
	if err != nil {
		return err
	}
	defer r.Close()
	s, _, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	i, err := inspect.New(s, nil)
	if err != nil {
		return err
	}
	report := rerunReport{Runs: []rerunResult{}}
	q := inspect.Query{Filter: inspect.Filter{Kind: inspect.FunctionKind, Collection: command.Collection}}
	for first := true; first || q.Cursor != ""; first = false {
		page, err := i.Entries(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			key, err := store.ParseKey(e.Key)
			if err != nil || !chosen(key, share) {
				continue
			}
			if err := a.rerunOne(ctx, r, key, e.Function, &report); err != nil {
				return err
			}
		}
		q.Cursor = page.Next
	}
	return a.reran(&report)
}

// chosen picks a share of all keys, the same ones each time.
func chosen(key store.Key, share float64) bool {
	return float64(binary.BigEndian.Uint32(key[:4]))/(1<<32) < share
}

func (a *app) rerunOne(ctx context.Context, r *runner, key store.Key, function string, report *rerunReport) error {
	d, err := r.Rerun(ctx, key)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	res := rerunResult{Key: key.String(), Function: function, Skipped: d.Skipped, Differs: d.What, Path: d.Path,
		Offset: d.Offset, Old: d.Old, New: d.New}
	switch {
	case err != nil:
		res.Error = err.Error()
		report.Skipped++
	case d.Skipped != "":
		report.Skipped++
	default:
		report.Run++
		if d.What != "" {
			report.Differ++
		}
	}
	report.Runs = append(report.Runs, res)
	if !a.flags.json {
		a.tellRerun(&res)
	}
	return nil
}

func (a *app) tellRerun(r *rerunResult) {
	name := short(r.Key) + " " + shown(r.Function, 60)
	switch {
	case r.Error != "":
		fmt.Fprintf(a.out, "%s: skipped: %s\n", name, shown(r.Error, 0))
	case r.Skipped != "":
		a.note("%s: skipped: %s", name, shown(r.Skipped, 0))
	case r.Differs == "":
		a.note("%s: the same", name)
	default:
		where := ""
		if r.Path != "" {
			where = " " + shown(r.Path, 0)
		}
		if r.Offset >= 0 {
			where += fmt.Sprintf(" at byte %d", r.Offset)
		}
		fmt.Fprintf(a.out, "%s: differs in %s%s: %s → %s\n", name, r.Differs, where, shown(r.Old, 80), shown(r.New, 80))
	}
}

func (a *app) reran(r *rerunReport) error {
	var err error
	if a.flags.json {
		err = a.printJSON(r)
	} else {
		fmt.Fprintf(a.out, "%s run again, %d differed, %d skipped\n", plural(r.Run, "command", "commands"), r.Differ, r.Skipped)
	}
	if r.Differ > 0 {
		return errors.Join(err, errProblems)
	}
	return err
}
