package pgstore

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/binary"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/store"
)

// migrations are run in the order of their names. One that was released is
// never edited; the next change is another file.
//
//go:embed migrations/*.sql
var migrations embed.FS

// nowSQL is the server's clock, not the start of the transaction, in
// microseconds.
const nowSQL = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

// migrate brings the schema to the version of this program. Where it is
// already, it reads one row.
func migrate(ctx context.Context, c *pgx.Conn, schema string) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	version, err := schemaVersion(ctx, c, schema)
	if err != nil || version == len(files) {
		return advised(err)
	}
	if version > len(files) {
		return newer(schema, version, len(files))
	}
	err = pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error { return migrateIn(ctx, tx, schema, files) })
	return migrationError(schema, c.Config(), err)
}

func newer(schema string, version, known int) error {
	return fmt.Errorf("%w: schema %q has version %d and this program knows up to %d: upgrade it, or choose another schema",
		store.ErrNewerSchema, schema, version, known)
}

// querier is what a connection and a transaction have in common.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// schemaVersion is 0 where there is nothing yet.
func schemaVersion(ctx context.Context, q querier, schema string) (version int, err error) {
	table := quote(schema) + ".reprise_schema"
	var there bool
	// to_regclass would need the right to use the schema.
	err = q.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = 'reprise_schema')`, schema).Scan(&there)
	if err != nil || !there {
		return 0, err
	}
	err = q.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM "+table).Scan(&version)
	return version, err
}

// migrateIn runs what is missing. The advisory lock ends with the transaction:
// so it needs no session, and those who wait find the work done.
func migrateIn(ctx context.Context, tx pgx.Tx, schema string, files []string) error {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", lockNumber("migrate", schema)); err != nil {
		return err
	}
	version, err := schemaVersion(ctx, tx, schema)
	if err != nil {
		return err
	}
	if version > len(files) {
		return newer(schema, version, len(files))
	}
	if version == 0 {
		if err := makeSchema(ctx, tx, schema); err != nil {
			return err
		}
	}
	for v, file := range files[version:] {
		script, err := migrations.ReadFile(file)
		if err != nil {
			return err
		}
		// Without parameters, so that one file may hold many statements.
		if _, err := tx.Conn().PgConn().Exec(ctx, fill(string(script), schema)).ReadAll(); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO "+quote(schema)+".reprise_schema (version) VALUES ($1)", version+v+1); err != nil {
			return err
		}
	}
	if version == 0 {
		return seed(ctx, tx, schema)
	}
	return nil
}

// makeSchema asks whether the schema exists first: to create one that does
// needs the right to create others.
func makeSchema(ctx context.Context, tx pgx.Tx, schema string) error {
	var there bool
	err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", schema).Scan(&there)
	if err == nil && !there {
		_, err = tx.Exec(ctx, "CREATE SCHEMA "+quote(schema))
	}
	if err == nil {
		_, err = tx.Exec(ctx, "CREATE TABLE "+quote(schema)+
			".reprise_schema (version int PRIMARY KEY, since timestamptz NOT NULL DEFAULT clock_timestamp())")
	}
	return err
}

// seed makes the first rows. Sequence numbers, fences and the numbers of label
// sets begin with the server's clock: so where the tables are dropped and made
// anew, they go on above those that programs remember.
func seed(ctx context.Context, tx pgx.Tx, schema string) error {
	id := make([]byte, 32)
	rand.Read(id) // never fails: crypto/rand ends the program instead
	s := quote(schema)
	literal := func(table string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "." + table + "'" }
	for _, stmt := range []struct {
		sql  string
		args []any
	}{
		{"INSERT INTO " + s + ".meta (id, seq, floor) SELECT $1, n, n FROM (SELECT " + nowSQL + " AS n) AS clock", []any{id}},
		{"INSERT INTO " + s + ".sweeps (at) VALUES (0)", nil},
		{"SELECT setval(" + literal("fences") + ", " + nowSQL + ")", nil},
		{"SELECT setval(pg_get_serial_sequence(" + literal("sets") + ", 'id'), " + nowSQL + ")", nil},
		{"ANALYZE " + s + ".meta", nil}, // so that Get's plan knows that it has one row
	} {
		if _, err := tx.Exec(ctx, stmt.sql, stmt.args...); err != nil {
			return err
		}
	}
	return nil
}

// fill puts the names of a schema into a script.
func fill(script, schema string) string {
	return strings.NewReplacer(
		"'{schema}.", "'"+strings.ReplaceAll(quote(schema), "'", "''")+".",
		"{schema}", quote(schema),
		"{channel}", channel(schema),
		"{names}", strconv.FormatInt(lockNumber("names", schema), 10),
		"{class}", strconv.FormatInt(int64(int32(lockNumber("key", schema))), 10),
		"{now}", nowSQL,
	).Replace(script)
}

// lockNumber is that of an advisory lock, which all users of a database share.
func lockNumber(of, schema string) int64 {
	sum := sha256.Sum256([]byte("reprise " + of + " " + schema))
	return int64(binary.BigEndian.Uint64(sum[:8]))
}

// migrationError says what a user without rights, or with tables of the same
// names, has to do.
func migrationError(schema string, cfg *pgx.ConnConfig, err error) error {
	switch codeOf(err) {
	case codePrivilege:
		return fmt.Errorf("user %q may not make the store's tables: as a superuser run CREATE SCHEMA %s AUTHORIZATION %s, "+
			"or GRANT CREATE ON DATABASE %s TO %s: %w",
			cfg.User, quote(schema), quote(cfg.User), quote(cfg.Database), quote(cfg.User), err)
	case codeDuplicateTable, codeDuplicateFunction:
		return fmt.Errorf("schema %q has tables of another program: choose another schema with the parameter %s: %w",
			schema, schemaParameter, err)
	}
	return advised(err)
}
