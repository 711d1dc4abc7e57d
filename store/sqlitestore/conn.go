package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// conn is one connection with the statements it has prepared. It belongs to
// one goroutine at a time.
type conn struct {
	db     *sqlite3.Conn
	get    *sqlite3.Stmt // the hot one, without a map lookup
	stmts  map[string]*sqlite3.Stmt
	broken bool // the driver panicked: not to be used again
}

// row is a result row, valid until the callback that received it returns.
type row = *sqlite3.Stmt

// maxStatements bounds the prepared statements that a connection keeps; only
// the queries of List and Count come in many shapes.
const maxStatements = 128

// dial opens the database at path, which must be absolute.
func dial(ctx context.Context, path string, o *Options, flags sqlite3.OpenFlag) (*conn, error) {
	db, err := openDriver(ctx, uri(path), flags|sqlite3.OPEN_URI)
	if err != nil {
		return nil, err
	}
	c := &conn{db: db, stmts: map[string]*sqlite3.Stmt{}}
	if err := c.configure(o); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func openDriver(ctx context.Context, uri string, flags sqlite3.OpenFlag) (db *sqlite3.Conn, err error) {
	defer recoverTo(&err, nil)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return sqlite3.OpenFlags(uri, flags)
}

// uri has SQLite make the write-ahead log with the mode of the database.
func uri(path string) string {
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	// SQLite takes a plus sign for itself, not for a space.
	mode := strings.ReplaceAll(url.QueryEscape(path), "+", "%20")
	u := url.URL{Scheme: "file", Path: p, RawQuery: "modeof=" + mode}
	return u.String()
}

// configure sets what SQLite does not remember in the file. A checkpoint every
// 10,000 pages instead of 1,000 saves a fifth of the cost of a put and bounds
// the log to about 40 MiB. Memory-mapped reading is left off: a file that is
// cut short under the map would kill the process.
func (c *conn) configure(o *Options) error {
	if err := c.db.BusyTimeout(min(o.BusyTimeout, math.MaxInt32*time.Millisecond)); err != nil {
		return err
	}
	sync := "NORMAL"
	if o.Durability == Full {
		sync = "FULL"
	}
	return c.script("PRAGMA synchronous = " + sync + "; PRAGMA wal_autocheckpoint = 10000; PRAGMA temp_store = MEMORY;" +
		"PRAGMA journal_size_limit = 67108864; PRAGMA cell_size_check = ON; PRAGMA cache_size = -8192;")
}

// script runs statements that return nothing.
func (c *conn) script(sql string) (err error) {
	defer recoverTo(&err, c)
	return c.db.Exec(sql)
}

// prepare returns the statement for sql, from those already prepared if it can.
func (c *conn) prepare(sql string) (*sqlite3.Stmt, error) {
	if st := c.stmts[sql]; st != nil {
		return st, nil
	}
	if len(c.stmts) >= maxStatements {
		for text, st := range c.stmts {
			if st.Busy() { // prepare may be called from a callback of each
				continue
			}
			st.Close()
			delete(c.stmts, text)
			break
		}
	}
	st, _, err := c.db.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, missing(err)
	}
	c.stmts[sql] = st
	return st, nil
}

// missing recognises a schema that has lost a table or a column.
func missing(err error) error {
	var e *sqlite3.Error
	if errors.As(err, &e) && e.Code() == sqlite3.ERROR && strings.Contains(e.Error(), "no such") {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return err
}

// exec runs one statement to its end.
func (c *conn) exec(sql string, args ...any) error {
	return c.each(sql, func(row) error { return nil }, args...)
}

// one calls f with the first row, and reports whether there was one.
func (c *conn) one(sql string, f func(row) error, args ...any) (found bool, err error) {
	err = c.each(sql, func(r row) error {
		found = true
		if err := f(r); err != nil {
			return err
		}
		return errStop
	}, args...)
	return found, err
}

// errStop ends each early, and is no error.
var errStop = errors.New("stop")

// each calls f with every row.
func (c *conn) each(sql string, f func(row) error, args ...any) (err error) {
	defer recoverTo(&err, c)
	st, err := c.prepare(sql)
	if err != nil {
		return err
	}
	for i, a := range args {
		if err := bind(st, i+1, a); err != nil {
			return err
		}
	}
	for st.Step() {
		if err = f(st); err != nil {
			break
		}
	}
	stepped := st.Err()
	reset := st.Reset()
	switch {
	case err == errStop:
		return nil
	case err != nil:
		return err
	case stepped != nil:
		return stepped
	}
	return reset
}

func bind(st *sqlite3.Stmt, i int, arg any) error {
	switch a := arg.(type) {
	case int64:
		return st.BindInt64(i, a)
	case int:
		return st.BindInt64(i, int64(a))
	case []byte:
		return st.BindBlob(i, a)
	case string: // every string is stored as the bytes it has
		return st.BindBlob(i, []byte(a))
	case nil:
		return st.BindNull(i)
	}
	return fmt.Errorf("cannot bind a %T", arg)
}

// binder binds parameters one after the other. Unlike the arguments of exec,
// they need not go to the heap.
type binder struct {
	st  *sqlite3.Stmt
	n   int
	err error // the first
}

func (b *binder) ints(values ...int64) {
	for _, v := range values {
		b.n++
		b.note(b.st.BindInt64(b.n, v))
	}
}

func (b *binder) blobs(values ...[]byte) {
	for _, v := range values {
		b.n++
		b.note(b.st.BindBlob(b.n, v))
	}
}

func (b *binder) note(err error) {
	if b.err == nil {
		b.err = err
	}
}

// run executes the statement, which returns no rows.
func (b *binder) run() error {
	if b.err != nil {
		return b.err
	}
	b.st.Step()
	err := b.st.Err()
	if reset := b.st.Reset(); err == nil {
		err = reset
	}
	return err
}

// int64s scans the first columns of r.
func int64s(r row, dst ...*int64) {
	for i, d := range dst {
		*d = r.ColumnInt64(i)
	}
}

// number is the first column of the first row.
func (c *conn) number(sql string, args ...any) (n int64, err error) {
	_, err = c.one(sql, func(r row) error { n = r.ColumnInt64(0); return nil }, args...)
	return n, err
}

// close frees the connection. A broken one may not be fit to be closed.
func (c *conn) close() (err error) {
	if c == nil {
		return nil
	}
	defer recoverTo(&err, c)
	for _, st := range c.stmts {
		st.Close()
	}
	c.stmts = nil
	c.get.Close()
	return c.db.Close()
}

// recoverTo turns a panic of the driver into an error: it is translated C
// code, for which a damaged database or want of memory can be too much.
func recoverTo(err *error, c *conn) {
	p := recover()
	if p == nil {
		return
	}
	if c != nil {
		c.broken = true
	}
	if text := fmt.Sprint(p); strings.Contains(text, "out of memory") {
		*err = fmt.Errorf("SQLite panicked: %s", text)
		return
	}
	*err = fmt.Errorf("%w: SQLite panicked: %v", errDamaged, p)
}
