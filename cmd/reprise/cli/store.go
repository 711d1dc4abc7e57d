package cli

import (
	"context"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/command"
	"github.com/reprise-go/reprise/inspect"
	"github.com/reprise-go/reprise/store"
)

// cacheConfig is what caches and stores are opened with.
func (a *app) cacheConfig() (*reprise.Config, error) {
	c := &a.conf
	secret, err := c.key(c.SecretFile)
	if err != nil {
		return nil, err
	}
	signing, err := c.key(c.SigningKeyFile)
	if err != nil {
		return nil, err
	}
	mode := reprise.Use // `run` says otherwise where it is to
	return &reprise.Config{Mode: &mode, Quota: c.Quota, StoreTimeout: time.Duration(c.Timeout),
		Secret: secret, SigningKey: signing}, nil
}

// openStore opens the store for whoever insists on it.
func (a *app) openStore(ctx context.Context) (store.Store, *reprise.Config, error) {
	cfg, err := a.cacheConfig()
	if err != nil {
		return nil, nil, err
	}
	s, err := reprise.OpenStore(ctx, a.conf.Store, cfg)
	return s, cfg, err
}

// inspecting runs f with an inspector of the store, and closes the store.
func (a *app) inspecting(ctx context.Context, f func(context.Context, *inspect.Inspector) error) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	s, cfg, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	i, err := inspect.New(s, &inspect.Options{Signing: cfg.SigningKey, References: command.References, Decode: command.JSON})
	if err != nil {
		return err
	}
	return f(ctx, i)
}

// fold brings what this machine's runs noted into the ledger, for whoever is
// about to read it. Where that fails the notes stay, and wait.
func (a *app) fold(ctx context.Context, i *inspect.Inspector) {
	if err := i.FoldJournal(ctx, command.JournalFile(a.conf.Store)); err != nil {
		a.note("reprise: calls of this machine are not counted in yet: %s", oneLine(err.Error()))
	}
}
