package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/command"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
)

const runHelp = `Run a command, or replay what it did when it ran before with the same
arguments, inputs, variables and program.

The first time, its output appears as it comes. What it wrote to both streams,
its exit code and the files named by --output are stored when it ends by itself.
A replay gives them back. A command that a signal ends, and unless
--cache-failures one that fails, leaves nothing.

The exit code is the command's own, or 128+n where signal n ended it; 124 after
--timeout, 125 where reprise itself failed, 126 and 127 as shells have it.`

const runExample = `  reprise run --ttl 1h -- psql -c 'SELECT …'
  reprise run -i 'src/**' -i Makefile -o bin/app -- make bin/app
  reprise run -i data.csv -i train.py -o model.bin --serialize -- python train.py`

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use: "run [flags] -- command [args…]", GroupID: "run",
		Short: "Run a command, or replay what it did", Long: runHelp, Example: runExample,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(cmd, errors.New("no command to run"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.run(cmd, &f, args) },
	}
	f.addTo(cmd)
	f.addRunning(cmd.Flags())
	return cmd
}

func (a *app) run(cmd *cobra.Command, f *runFlags, args []string) error {
	here, _ := os.Getwd() // where a refresh begins; "" is nowhere
	spec, err := a.spec(f, args)
	if err != nil {
		return usage(cmd, err)
	}
	ctx := cmd.Context()
	r, err := a.runner(ctx, spec)
	if err != nil {
		return err
	}
	defer r.Close()
	signals, stop := command.Notify()
	defer stop()
	// A reader that left is the command's to notice, not this process's to die of.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	out := command.IO{Stdin: a.in, Stdout: a.out, Stderr: a.err, Signals: signals}
	if f.warm {
		out.Stdout, out.Stderr = io.Discard, io.Discard
	}
	res, err := r.Run(ctx, spec, out)
	if err != nil {
		return err
	}
	a.code = res.ExitCode
	if res.Stale {
		if _, err := r.Detach(res.Key, refreshing(), here); err != nil {
			a.note("reprise: the refresh did not start: %v", err)
		}
	}
	a.tell(f, &res)
	return nil
}

// refreshing is this command line, as the process in the background gets it.
func refreshing() []string {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	argv := []string{self}
	for i, arg := range os.Args[1:] {
		argv = append(argv, arg)
		if arg == "run" {
			return append(append(argv, "--refresh"), os.Args[i+2:]...)
		}
	}
	return argv
}

// tell says what became of a call, where that was asked for or is worth it.
func (a *app) tell(f *runFlags, res *command.Result) {
	switch {
	case f.verbose:
		fmt.Fprintln(a.err, verdict(res))
	case res.Err != nil && !a.flags.quiet:
		fmt.Fprintf(a.err, "reprise: not stored: %v\n", res.Err)
	}
}

// verdict is a line about a call.
func verdict(res *command.Result) string {
	s := fmt.Sprintf("reprise: %s", res.Outcome)
	if res.Reason != reprise.NoReason {
		s += fmt.Sprintf(" (%s)", res.Reason)
	}
	if res.Outcome.Hit() {
		s += fmt.Sprintf(", %s old, saved %s", span(seconds(res.Age)), span(seconds(res.Cost)))
	} else if res.Cost > 0 {
		s += fmt.Sprintf(", took %s", span(seconds(res.Cost)))
	}
	if n := len(res.Restored); n > 0 {
		s += fmt.Sprintf(", restored %s", plural(n, "output", "outputs"))
	}
	if res.Key != (store.Key{}) {
		s += ", key " + res.Key.Short()
	}
	if res.Err != nil {
		s += ": " + oneLine(res.Err.Error())
	}
	return s
}

// runner is a Runner with what is to be closed after it.
type runner struct {
	*command.Runner
	cache *reprise.Cache
}

// Close closes cache and store. What it waits for is done.
func (r *runner) Close() { _ = r.cache.Close() }

// runner opens cache and store. A store that cannot be opened is no reason not
// to run the command, unless the user says so.
func (a *app) runner(ctx context.Context, spec *command.Spec) (*runner, error) {
	cfg, err := a.cacheConfig()
	if err != nil {
		return nil, err
	}
	cfg.CloseTimeout, cfg.LedgerInterval = time.Second, -1 // the journal stands in for it
	s, err := reprise.OpenStore(ctx, a.conf.Store, cfg)
	if err != nil {
		if spec.FailClosed {
			return nil, err
		}
		fmt.Fprintf(a.err, "reprise: running without the cache: %s\n", oneLine(err.Error()))
		s, spec.Mode = memstore.New(nil), reprise.Off
	}
	c, err := reprise.New(s, cfg)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	o := &command.Options{Signing: cfg.SigningKey, Journal: command.JournalFile(a.conf.Store)}
	return &runner{command.New(c, s, o), c}, nil
}
