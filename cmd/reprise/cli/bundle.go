package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/reprise-go/reprise/inspect"
)

func (a *app) exportCommand() *cobra.Command {
	var f selectionFlags
	cmd := &cobra.Command{
		Use: "export FILE", GroupID: "act", Args: cobra.ExactArgs(1),
		Short: "Write entries into a bundle for another store",
		Long: `Write the entries that have everything that the flags name, or all, into a
bundle, from which import fills another store: to warm a CI machine, or one
without a network. FILE "-" is standard output. The bundle holds values as they
are stored.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.inspecting(cmd.Context(), func(ctx context.Context, i *inspect.Inspector) error {
				f.all = false // which is the default here
				var x inspect.Exported
				err := a.writing(args[0], func(w io.Writer) (err error) {
					x, err = i.Export(ctx, w, f.selection(nil))
					return err
				})
				if err != nil {
					return err
				}
				if a.flags.json && args[0] != "-" {
					return a.printJSON(x)
				}
				a.note("exported %s, %s", plural(x.Entries, "entry", "entries"), bytes(x.Bytes))
				if x.Skipped > 0 {
					a.note("left out %s that are damaged; `reprise verify` names them", plural(x.Skipped, "entry", "entries"))
				}
				return nil
			})
		},
	}
	f.addTo(cmd)
	return cmd
}

// writing makes a file of what f writes, or none where that fails.
func (a *app) writing(path string, f func(io.Writer) error) error {
	if path == "-" {
		return f(a.out)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".reprise-*")
	if err != nil {
		return err
	}
	err = f(tmp)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
	}
	return err
}

func (a *app) importCommand() *cobra.Command {
	var o inspect.ImportOptions
	cmd := &cobra.Command{
		Use: "import FILE", GroupID: "act", Args: cobra.ExactArgs(1),
		Short: "Take over entries from a bundle",
		Long: `Take over the entries of a bundle that export wrote. FILE "-" is standard
input. Every entry is checked before it is stored. What is newer here stays, and
what was cleared here stays cleared, unless --cleared.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			in := a.in
			if args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer file.Close()
				in = file
			}
			return a.inspecting(cmd.Context(), func(ctx context.Context, i *inspect.Inspector) error {
				m, err := i.Import(ctx, in, &o)
				if err != nil {
					return fmt.Errorf("%w (%s were imported before)", err, plural(m.Entries, "entry", "entries"))
				}
				return a.imported(&m)
			})
		},
	}
	cmd.Flags().BoolVar(&o.Cleared, "cleared", false, "also take over what was cleared here")
	return cmd
}

func (a *app) imported(m *inspect.Imported) error {
	if a.flags.json {
		return a.printJSON(m)
	}
	fmt.Fprintf(a.out, "imported %d of %s, %s", m.Entries, plural(m.Read, "entry", "entries"), bytes(m.Bytes))
	for what, n := range map[string]int{"present": m.Present, "expired": m.Expired, "cleared here": m.Cleared, "too large": m.Refused} {
		if n > 0 {
			fmt.Fprintf(a.out, "; %d %s", n, what)
		}
	}
	fmt.Fprintln(a.out)
	if m.Foreign && m.Scoped > 0 {
		a.note("%s for one user, operator, prompt or token: found only where the same secret is configured",
			plural(m.Scoped, "entry is", "entries are"))
	}
	return nil
}
