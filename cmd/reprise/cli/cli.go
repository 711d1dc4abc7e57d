// Package cli is the command line of reprise. Each subcommand is in a file of
// its own, and is thin: what it does is in packages command and inspect.
package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/reprise-go/reprise/command"
)

// app is one invocation of the program.
type app struct {
	in       io.Reader
	out, err io.Writer
	flags    flags
	conf     config // flags, environment and file together
	code     int    // the exit code where nothing failed
}

// flags are those of all subcommands.
type flags struct {
	store, config, color string
	json, quiet          bool
}

// Main runs the program with the arguments and streams of the process, and
// returns its exit code.
func Main() int {
	command.AdoptDetached()
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	return a.main(os.Args[1:])
}

func (a *app) main(args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	if err := root.ExecuteContext(context.Background()); err != nil {
		return a.report(err)
	}
	return a.code
}

// untilSignal is a ctx that ends when the user asks to. `run` has no use for
// it: there signals are the command's.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "reprise",
		Short:         "Remember what expensive commands and functions did",
		Long:          rootHelp,
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.configure(cmd.Flags().Changed) },
	}
	f := root.PersistentFlags()
	f.StringVar(&a.flags.store, "store", "", "`URL` of the store: sqlite:PATH, redis://…, postgres://… (REPRISE_STORE)")
	f.StringVar(&a.flags.config, "config", "", "read this `file` instead of the next reprise.toml upwards")
	f.StringVar(&a.flags.color, "color", "", "auto, always or never (NO_COLOR)")
	f.BoolVar(&a.flags.json, "json", false, "print JSON")
	f.BoolVarP(&a.flags.quiet, "quiet", "q", false, "print results and errors only")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, err) })
	root.AddGroup(&cobra.Group{ID: "run", Title: "Run:"}, &cobra.Group{ID: "look", Title: "Look:"}, &cobra.Group{ID: "act", Title: "Act:"})
	root.AddCommand(
		a.runCommand(),
		a.lsCommand(), a.showCommand(), a.whyCommand(), a.statsCommand(), a.duCommand(), a.watchCommand(),
		a.clearCommand(), a.gcCommand(), a.verifyCommand(), a.exportCommand(), a.importCommand(), a.doctorCommand(),
		a.versionCommand(), a.manCommand(),
	)
	return root
}

const rootHelp = `reprise remembers what expensive commands and functions did, and replays it
as long as the code, the inputs and the caller's scope justify that.

Settings come from flags, then the environment (REPRISE_STORE, REPRISE_MODE),
then reprise.toml, here or in a directory above, then the user's config.toml.`
