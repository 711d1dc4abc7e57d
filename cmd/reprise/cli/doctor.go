package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/inspect"
)

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", GroupID: "act", Args: cobra.NoArgs,
		Short: "Try out whether the store does what a cache needs of it",
		Long:  "Try out the store, with a real write, lease and watch. The exit code is 1 where something fails.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			checks, err := a.examine(ctx)
			if err != nil {
				return err
			}
			return a.diagnosis(checks)
		},
	}
}

// examine gives the checks. A store that cannot be opened is one of them.
func (a *app) examine(ctx context.Context) ([]inspect.Check, error) {
	cfg, err := a.cacheConfig()
	if err != nil {
		return nil, err
	}
	s, err := reprise.OpenStore(ctx, a.conf.Store, cfg)
	if err != nil {
		return []inspect.Check{{Name: "open", Status: inspect.Fail, Detail: err.Error(),
			Advice: "see --store, REPRISE_STORE and " + configName}}, ctx.Err()
	}
	defer s.Close()
	i, err := inspect.New(s, &inspect.Options{Signing: cfg.SigningKey})
	if err != nil {
		return nil, err
	}
	return i.Doctor(ctx)
}

func (a *app) diagnosis(checks []inspect.Check) error {
	failed := false
	rows := [][]string{{"", "CHECK", "FOUND"}}
	for _, c := range checks {
		failed = failed || c.Status == inspect.Fail
		found := shown(c.Detail, 0)
		if c.Advice != "" {
			found += "; " + shown(c.Advice, 0)
		}
		rows = append(rows, []string{a.style(statusStyle(c.Status), string(c.Status)), c.Name, found})
	}
	var err error
	if a.flags.json {
		err = a.printJSON(orEmpty(checks))
	} else {
		err = a.table(rows)
	}
	if err == nil && failed {
		return errProblems
	}
	return err
}

func statusStyle(s inspect.Status) string {
	switch s {
	case inspect.OK:
		return styleGood
	case inspect.Warn:
		return styleWarn
	case inspect.Fail:
		return styleRed
	}
	return "0"
}
