package pgstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// connectTimeout limits the making of a connection, where the URL does not.
const connectTimeout = 5 * time.Second

// schemaParameter is our own parameter of a URL.
const schemaParameter = "reprise_schema"

// minServer is the oldest server whose functions and upserts we use, as
// server_version_num tells it.
const minServer = 120000

// Open connects to the database at url, and makes the schema with its tables
// where they do not exist; any number of processes may do so at once. A nil o
// means the defaults. ctx limits the opening only.
//
// The URL begins with postgres:// or postgresql:// and may have every
// parameter that pgx and its pool know, as sslmode, connect_timeout,
// pool_max_conns or default_query_exec_mode, and reprise_schema.
//
// Tables that a newer version of reprise made are store.ErrNewerSchema, and
// left as they are. Errors say what to do, and never show the password.
func Open(ctx context.Context, url string, o *Options) (*Store, error) {
	opts, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	cfg, err := configure(url, &opts)
	if err != nil {
		return nil, err
	}
	lines := &lines{}
	cfg.ConnConfig.DialFunc = lines.dial(cfg.ConnConfig.DialFunc)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("pgstore: open: %s", redact(err.Error()))
	}
	id, err := prepareDatabase(ctx, pool, opts.Schema)
	if err != nil {
		pool.Close()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("pgstore: open: %w", ctx.Err())
		}
		return nil, fmt.Errorf("pgstore: open %s: %w", place(cfg.ConnConfig), err)
	}
	return newStore(opts, pool, lines, id), nil
}

// place names the database for messages, without the password.
func place(c *pgx.ConnConfig) string {
	return fmt.Sprintf("%s@%s:%d/%s", c.User, c.Host, c.Port, c.Database)
}

// configure reads the URL.
func configure(url string, o *Options) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("pgstore: open: the URL is wrong: %s", redact(err.Error()))
	}
	params := cfg.ConnConfig.RuntimeParams
	if o.Schema == "" {
		o.Schema = params[schemaParameter]
	}
	delete(params, schemaParameter)
	if o.Schema == "" {
		o.Schema = defaultSchema
	}
	if err := checkSchema(o.Schema); err != nil {
		return nil, err
	}
	if params["application_name"] == "" {
		params["application_name"] = "reprise"
	}
	if cfg.ConnConfig.ConnectTimeout == 0 || cfg.ConnConfig.ConnectTimeout > time.Hour { // pgx's default is two minutes
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
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
		return err
	})
	return id, connectError(err)
}

// checkServer refuses servers that are too old.
func checkServer(c *pgx.Conn) error {
	version := c.PgConn().ParameterStatus("server_version")
	major, _, ok := cutVersion(version)
	if ok && major < minServer/10000 {
		return fmt.Errorf("the server is PostgreSQL %s: version %d or newer is needed", version, minServer/10000)
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
