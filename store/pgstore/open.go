package pgstore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// schemaParameter is our own parameter of a URL.
const schemaParameter = "reprise_schema"

// minServer is the oldest server whose functions and upserts we use, as
// server_version_num tells it.
const minServer = 120000

// Open connects to the database at rawURL, and makes the schema with its tables
// where they do not exist; any number of processes may do so at once. A nil o
// means the defaults. ctx and Options.Timeout limit the opening only.
//
// The URL begins with postgres:// or postgresql:// and may have every
// parameter that pgx and its pool know, as sslmode, connect_timeout,
// pool_max_conns or default_query_exec_mode, and reprise_schema.
//
// Errors say what to do, and never show the password. They wrap ErrBadURL where
// the URL itself is wrong, and store.ErrNewerSchema where a newer version of
// reprise made the tables, which are left as they are.
func Open(ctx context.Context, rawURL string, o *Options) (*Store, error) {
	opts, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	cfg, err := configure(rawURL, &opts)
	if err != nil {
		return nil, fmt.Errorf("pgstore: open %q: %w", redacted(rawURL), err)
	}
	s, err := connect(ctx, cfg, &opts)
	if err != nil {
		return nil, fmt.Errorf("pgstore: open %s: %w", place(cfg.ConnConfig), err)
	}
	return s, nil
}

func connect(ctx context.Context, cfg *pgxpool.Config, o *Options) (*Store, error) {
	lines := &lines{}
	cfg.ConnConfig.DialFunc = lines.dial(cfg.ConnConfig.DialFunc)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	opening, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	id, err := prepareDatabase(opening, pool, o.Schema)
	switch {
	case err == nil:
		return newStore(*o, pool, lines, id), nil
	case ctx.Err() != nil:
		err = ctx.Err()
	case opening.Err() != nil, pgconn.Timeout(err):
		limit := min(o.Timeout, cfg.ConnConfig.ConnectTimeout)
		err = fmt.Errorf("no answer within %v: check host, port and firewall: %w", limit, context.DeadlineExceeded)
	}
	pool.Close()
	return nil, err
}

// place names the database for messages, without the password.
func place(c *pgx.ConnConfig) string {
	return fmt.Sprintf("%s@%s/%s", c.User, net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))), c.Database)
}

// configure reads the URL, and completes the options by what it says.
func configure(rawURL string, o *Options) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(rawURL)
	if u, _ := url.Parse(rawURL); err == nil && u != nil && misread(u) {
		err = errors.New("misread")
	}
	if err != nil {
		return nil, badURL(rawURL, err)
	}
	params := cfg.ConnConfig.RuntimeParams
	if o.Schema == "" {
		o.Schema = cmp.Or(params[schemaParameter], defaultSchema)
		if err := checkSchema(o.Schema); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBadURL, err)
		}
	} else if err := checkSchema(o.Schema); err != nil {
		return nil, fmt.Errorf("Options.Schema: %w", err)
	}
	delete(params, schemaParameter)
	for name := range params {
		if strings.HasPrefix(name, "reprise_") {
			return nil, fmt.Errorf("%w: unknown parameter %s; of ours there is %s", ErrBadURL, name, schemaParameter)
		}
	}
	params["application_name"] = cmp.Or(params["application_name"], "reprise")
	cfg.ConnConfig.ConnectTimeout = cmp.Or(cfg.ConnConfig.ConnectTimeout, o.Timeout)
	return cfg, nil
}

// prepareDatabase checks the server, sees to the schema, and returns the id of
// the store.
func prepareDatabase(ctx context.Context, pool *pgxpool.Pool, schema string) (id [32]byte, err error) {
	err = pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		if err := checkServer(c.Conn()); err != nil {
			return err
		}
		if err := migrate(ctx, c.Conn(), schema); err != nil {
			return err
		}
		var b []byte
		err := c.QueryRow(ctx, "SELECT id FROM "+quote(schema)+".meta").Scan(&b)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && len(b) != len(id) {
			err = fmt.Errorf("%w: the row of table meta is missing", errDamaged)
		}
		copy(id[:], b)
		return advised(err)
	})
	return id, connectError(err)
}

// checkServer refuses servers that are too old.
func checkServer(c *pgx.Conn) error {
	version := c.PgConn().ParameterStatus("server_version")
	major, _, ok := cutVersion(version)
	if ok && major < minServer/10000 {
		return fmt.Errorf("the server is too old: it is PostgreSQL %s, and version %d or later is needed", version, minServer/10000)
	}
	return nil
}

// cutVersion reads the major version of "15.18 (Debian …)".
func cutVersion(s string) (major int, rest string, ok bool) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	major, err := strconv.Atoi(s[:i])
	return major, s[i:], err == nil
}

// quote makes an identifier of any name.
func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// channel is the notification channel of a schema. Channels belong to a
// database, and their names have at most 63 bytes.
func channel(schema string) string {
	sum := sha256.Sum256([]byte(schema))
	return "reprise_" + hex.EncodeToString(sum[:8])
}
