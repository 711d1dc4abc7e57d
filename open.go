package reprise

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/pgstore"
	"github.com/reprise-go/reprise/store/redisstore"
	"github.com/reprise-go/reprise/store/sqlitestore"
)

// Open returns a Cache over the store at a URL:
//
//	""                     the embedded store, a SQLite file in the user's cache directory
//	"sqlite:PATH"          a SQLite file; also "sqlite:///absolute/path". "?durability=full"
//	                       makes each result survive a power failure
//	"redis://HOST:PORT"    Redis, a single server or a cluster; "rediss" for TLS,
//	                       with "?reprise_ca=FILE" for an authority of your own
//	"postgres://HOST/DB"   PostgreSQL; "?reprise_schema=NAME" for a schema of its own
//	"memory:"              this process only, for tests
//
// Directories are made as needed. The file belongs to the user alone. User and
// password go into the URL as usual, and the password appears in no message.
// What happens with a store that cannot be opened, Config.OnStoreError says. A
// server has Config.StoreTimeout to answer, unless ctx ends first.
func Open(ctx context.Context, rawURL string, o *Config) (*Cache, error) {
	cfg, err := o.complete()
	if err != nil {
		return nil, err
	}
	open, err := opener(rawURL, &cfg)
	rawURL = withoutPassword(rawURL)
	if err != nil {
		return nil, fmt.Errorf("reprise: open %q: %w", rawURL, err)
	}
	s, err := open(ctx)
	if err == nil {
		return newCache(ctx, s, &cfg, false)
	}
	if cfg.OnStoreError == FailClosed || ctx.Err() != nil || isBadURL(err) {
		return nil, fmt.Errorf("reprise: %w", err) // which tells the place
	}
	if cfg.Logger != nil {
		cfg.Logger.Warn("reprise: store cannot be opened; calls run uncached until it can", "url", rawURL, "error", err)
	}
	return newCache(ctx, newReopening(open), &cfg, true)
}

// isBadURL tells errors that no server mends.
func isBadURL(err error) bool {
	return errors.Is(err, redisstore.ErrBadURL) || errors.Is(err, pgstore.ErrBadURL)
}

// OpenStore opens the store at a URL as Open does, for programs that look into
// it, or build a Cache over it by New. Of o, which may be nil, it takes what
// concerns stores: Quota, StoreTimeout and Logger. A store that cannot be
// opened is always an error.
func OpenStore(ctx context.Context, rawURL string, o *Config) (store.Store, error) {
	cfg, err := o.complete()
	if err != nil {
		return nil, err
	}
	open, err := opener(rawURL, &cfg)
	if err != nil {
		return nil, fmt.Errorf("reprise: open %q: %w", withoutPassword(rawURL), err)
	}
	s, err := open(ctx)
	if err != nil {
		return nil, fmt.Errorf("reprise: %w", err) // which tells the place
	}
	return s, nil
}

// opener knows how to open the store at a URL, or what is wrong with the URL.
func opener(rawURL string, cfg *Config) (func(context.Context) (store.Store, error), error) {
	if rawURL == "" {
		return defaultOpener(cfg), nil
	}
	u, err := url.Parse(rawURL)
	switch {
	case err != nil && strings.Contains(rawURL, "@"):
		// The error repeats a part of the URL, and it may be the password that is wrong.
		return nil, errors.New("malformed URL; want SCHEME://USER:PASSWORD@HOST:PORT/DATABASE, " +
			"where characters of user and password such as @, /, : and % are written as %40, %2F, %3A and %25")
	case err != nil:
		return nil, fmt.Errorf("malformed URL: %w", errors.Unwrap(err))
	}
	switch u.Scheme {
	case "memory":
		return memoryOpener(cfg), nil
	case "sqlite":
		return parseSQLite(u, cfg)
	case "redis", "rediss":
		return redisOpener(rawURL, cfg), nil
	case "postgres", "postgresql":
		return postgresOpener(rawURL, cfg), nil
	case "":
		return nil, fmt.Errorf("the URL has no scheme; for a file say %q", "sqlite:"+rawURL)
	}
	return nil, fmt.Errorf("unknown scheme %q; known are sqlite, redis, rediss, postgres and memory", u.Scheme)
}

// withoutPassword is the URL as it may be told. Of servers' URLs it tells host
// and path: a password may stand as the user, or among the settings, too.
func withoutPassword(rawURL string) string {
	scheme, _, _ := strings.Cut(rawURL, ":")
	u, err := url.Parse(rawURL)
	switch {
	case err == nil && u.User == nil && (u.Scheme == "sqlite" || u.Scheme == "memory" || u.Scheme == ""):
		return rawURL
	case err == nil && u.Opaque == "" && (u.User != nil || !strings.Contains(u.Path, "@")):
		return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
	case strings.ContainsAny(rawURL, "@?") || err == nil:
		return scheme + ":…"
	}
	return rawURL
}

// defaultOpener opens the embedded store of this user.
func defaultOpener(cfg *Config) func(context.Context) (store.Store, error) {
	return func(ctx context.Context) (store.Store, error) {
		path, err := defaultPath()
		if err != nil {
			return nil, fmt.Errorf("open: %w", err)
		}
		return sqliteOpener(path, sqlitestore.Relaxed, cfg)(ctx)
	}
}

func memoryOpener(cfg *Config) func(context.Context) (store.Store, error) {
	return func(context.Context) (store.Store, error) {
		return memstore.New(&memstore.Options{Quota: max(0, cfg.Quota)}), nil
	}
}

func redisOpener(rawURL string, cfg *Config) func(context.Context) (store.Store, error) {
	return func(ctx context.Context) (store.Store, error) {
		s, err := redisstore.Open(ctx, rawURL, &redisstore.Options{Timeout: cfg.StoreTimeout, Logger: cfg.Logger})
		if err != nil {
			return nil, err
		}
		return s, nil
	}
}

func postgresOpener(rawURL string, cfg *Config) func(context.Context) (store.Store, error) {
	return func(ctx context.Context) (store.Store, error) {
		s, err := pgstore.Open(ctx, rawURL, &pgstore.Options{Quota: cfg.Quota, Timeout: cfg.StoreTimeout, ProbeTimeout: cfg.StoreTimeout})
		if err != nil {
			return nil, err
		}
		return s, nil
	}
}

func parseSQLite(u *url.URL, cfg *Config) (func(context.Context) (store.Store, error), error) {
	path := u.Opaque
	if path == "" {
		path = u.Path
	}
	path, err := url.PathUnescape(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("malformed path: %w", err)
	case u.Host != "":
		return nil, fmt.Errorf("%q stands where a host would; write sqlite:PATH, or sqlite:///PATH for an absolute path", u.Host)
	case path == "":
		return nil, fmt.Errorf("the URL names no file; write sqlite:PATH")
	}
	durability := sqlitestore.Relaxed
	for name, values := range u.Query() {
		switch v := values[len(values)-1]; {
		case name == "durability" && v == "full":
			durability = sqlitestore.Full
		case name == "durability" && v == "relaxed":
		default:
			return nil, fmt.Errorf("unknown setting %s=%s; known are durability=relaxed and durability=full", name, v)
		}
	}
	return sqliteOpener(filepath.FromSlash(path), durability, cfg), nil
}

func sqliteOpener(path string, d sqlitestore.Durability, cfg *Config) func(context.Context) (store.Store, error) {
	return func(ctx context.Context) (store.Store, error) {
		s, err := sqlitestore.Open(ctx, path, &sqlitestore.Options{Quota: cfg.Quota, Durability: d})
		if err != nil {
			return nil, err // not s: a nil *Store is no nil Store
		}
		return s, nil
	}
}

// defaultPath is where the embedded store of this user is.
func defaultPath() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache directory for this user: %w; name a file as sqlite:PATH", err)
	}
	return filepath.Join(dir, "reprise", "cache.db"), nil
}
