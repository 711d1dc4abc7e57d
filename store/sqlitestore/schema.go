package sqlitestore

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/reprise-go/reprise/store"
)

const (
	// applicationID marks our databases in their header: "RPRS".
	applicationID = 0x52505253
	// schemaVersion is in the header's user version.
	schemaVersion = 1
)

// schema is explained column by column in docs/sqlite.md.
const schema = `
CREATE TABLE meta (
	one   INTEGER PRIMARY KEY CHECK (one = 1),
	seq   INTEGER NOT NULL,
	floor INTEGER NOT NULL,
	epoch INTEGER NOT NULL,
	fence INTEGER NOT NULL,
	bytes INTEGER NOT NULL,
	counted INTEGER NOT NULL,
	swept INTEGER NOT NULL,
	id    BLOB NOT NULL
) STRICT;
CREATE TABLE marks (
	at  INTEGER PRIMARY KEY,
	seq INTEGER NOT NULL
) STRICT;
CREATE TABLE labels (
	id    INTEGER PRIMARY KEY AUTOINCREMENT,
	kind  INTEGER NOT NULL,
	value BLOB NOT NULL,
	seq   INTEGER NOT NULL DEFAULT 0,
	UNIQUE (kind, value)
) STRICT;
CREATE INDEX labels_seq ON labels (seq) WHERE seq > 0;
CREATE TABLE sets (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	kind       INTEGER NOT NULL,
	collection BLOB NOT NULL,
	function   BLOB NOT NULL,
	dataset    BLOB NOT NULL,
	version    BLOB NOT NULL,
	policy     INTEGER NOT NULL,
	by_function INTEGER NOT NULL,
	by_link     INTEGER,
	by_dataset  INTEGER,
	UNIQUE (function, dataset, version, collection, kind, policy)
) STRICT;
CREATE INDEX sets_function ON sets (by_function);
CREATE INDEX sets_link ON sets (by_link) WHERE by_link IS NOT NULL;
CREATE INDEX sets_dataset ON sets (by_dataset) WHERE by_dataset IS NOT NULL;
CREATE TABLE entries (
	id       INTEGER PRIMARY KEY,
	prefix   INTEGER NOT NULL,
	present  INTEGER NOT NULL,
	set_id   INTEGER NOT NULL,
	begun    INTEGER NOT NULL,
	created  INTEGER NOT NULL,
	expires  INTEGER NOT NULL,
	grace    INTEGER NOT NULL,
	cost     INTEGER NOT NULL,
	size     INTEGER NOT NULL,
	fence    INTEGER NOT NULL,
	ntags    INTEGER NOT NULL,
	cleared  INTEGER NOT NULL,
	changed  INTEGER NOT NULL,
	key      BLOB NOT NULL,
	entry    BLOB NOT NULL,
	tags     BLOB NOT NULL,
	file     BLOB NOT NULL,
	value    BLOB NOT NULL,
	manifest BLOB NOT NULL
) STRICT;
CREATE INDEX entries_prefix ON entries (prefix);
CREATE INDEX entries_set ON entries (set_id, present, expires, begun, grace, ntags, created, size, cost);
CREATE INDEX entries_changed ON entries (changed) WHERE changed > 0;
CREATE TABLE tallies (
	set_id     INTEGER NOT NULL,
	upto       INTEGER NOT NULL,
	first      INTEGER NOT NULL,
	last       INTEGER NOT NULL,
	dead       INTEGER NOT NULL,
	entries    INTEGER NOT NULL,
	bytes      INTEGER NOT NULL,
	cost       INTEGER NOT NULL,
	live       INTEGER NOT NULL,
	live_bytes INTEGER NOT NULL,
	live_cost  INTEGER NOT NULL,
	PRIMARY KEY (set_id, upto)
) WITHOUT ROWID, STRICT;
CREATE INDEX tallies_dead ON tallies (dead) WHERE dead > 0;
CREATE INDEX tallies_hidden ON tallies (set_id) WHERE live < entries;
CREATE TABLE tags (
	entry INTEGER NOT NULL,
	label INTEGER NOT NULL,
	PRIMARY KEY (entry, label)
) WITHOUT ROWID, STRICT;
CREATE INDEX tags_label ON tags (label, entry);
CREATE TABLE uses (
	entry INTEGER PRIMARY KEY,
	at    INTEGER NOT NULL
) STRICT;
CREATE TABLE files (
	hash BLOB PRIMARY KEY,
	size INTEGER NOT NULL,
	refs INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX files_unused ON files (hash) WHERE refs = 0;
CREATE TABLE leases (
	key         BLOB PRIMARY KEY,
	state       INTEGER NOT NULL,
	fence       INTEGER NOT NULL,
	until       INTEGER NOT NULL,
	pub_fence   INTEGER NOT NULL,
	pub_created INTEGER NOT NULL,
	pub_expires INTEGER NOT NULL,
	pub_seq     INTEGER NOT NULL,
	owner       BLOB NOT NULL,
	pub_owner   BLOB NOT NULL
) WITHOUT ROWID, STRICT;
`

// labelAllID is the row of store.All, made with the schema.
const labelAllID = 1

// storeID is what tells one store from another.
type storeID = [32]byte

// ready creates the schema in an empty database, verifies it in any other, and
// returns the store's ID.
func ready(c *conn, path string, timeout time.Duration) (storeID, error) {
	virgin, err := isVirgin(c)
	if err != nil {
		return storeID{}, err
	}
	if virgin {
		if err := create(c, path); err != nil {
			return storeID{}, err
		}
	}
	if _, err := verify(c, path); err != nil {
		return storeID{}, err
	}
	if err := writeAhead(c, timeout); err != nil {
		return storeID{}, err
	}
	return identify(c) // once more: the first reading makes the log and its index
}

// marks are the two in the header.
func marks(c *conn) (app, version int64, err error) {
	if app, err = c.number("PRAGMA application_id"); err != nil {
		return 0, 0, err
	}
	version, err = c.number("PRAGMA user_version")
	return app, version, err
}

// isVirgin reports whether nobody has written to the database yet.
func isVirgin(c *conn) (bool, error) {
	app, version, err := marks(c)
	if err != nil || app != 0 || version != 0 {
		return false, err
	}
	n, err := c.number("SELECT count(*) FROM sqlite_schema")
	return n == 0, err
}

// create makes the schema in one exclusive transaction, so that of several
// processes that find the file empty one does it and the others wait. The
// space of deleted entries can be given back only where auto_vacuum is chosen
// before; to choose it writes a first page without our marks, so a database
// that has nothing else is as good as an empty file.
func create(c *conn, path string) (err error) {
	if err := c.script("PRAGMA auto_vacuum = INCREMENTAL; BEGIN EXCLUSIVE"); err != nil {
		return err
	}
	defer func() { err = finish(c, err) }()
	virgin, err := isVirgin(c)
	if err != nil || !virgin {
		return err
	}
	if err := c.script(schema); err != nil {
		return err
	}
	id := make([]byte, 32)
	rand.Read(id) // never fails: crypto/rand ends the program instead
	// The first sequence number is 1: Changes(0) tells no keys, so whoever had
	// seen 0 would miss the first clear.
	if err := c.exec("INSERT INTO meta VALUES (1, 1, 0, 0, 0, 0, 0, 0, ?)", id); err != nil {
		return err
	}
	if err := c.exec("INSERT INTO labels (id, kind, value) VALUES (?, ?, x'')", labelAllID, int(store.LabelAll)); err != nil {
		return err
	}
	return c.script(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, schemaVersion))
}

// finish commits where err is nil, and rolls back otherwise.
func finish(c *conn, err error) error {
	if c.broken {
		return err
	}
	if err == nil {
		err = c.script("COMMIT")
	}
	if err != nil {
		rollback(c)
	}
	return err
}

// verify refuses databases of others and of the future, and returns the ID of
// ours.
func verify(c *conn, path string) (id storeID, err error) {
	app, version, err := marks(c)
	if err != nil {
		return id, err
	}
	if err := accept(path, uint32(app), uint32(version)); err != nil {
		return id, err
	}
	return identify(c)
}

func identify(c *conn) (id storeID, err error) {
	n := 0
	_, err = c.one("SELECT id FROM meta WHERE one = 1", func(r row) error { n = copy(id[:], r.ColumnRawBlob(0)); return nil })
	if err == nil && n != len(id) {
		err = fmt.Errorf("%w: the meta row is missing", errDamaged)
	}
	return id, err
}

// accept judges by the two marks in the header.
func accept(path string, app, version uint32) error {
	switch {
	case app != applicationID:
		return fmt.Errorf("%w: %s is an SQLite database of another program (application id %#x): choose another path", store.ErrCorrupt, path, app)
	case version > schemaVersion:
		return fmt.Errorf("%w: %s has schema %d and this program knows up to %d: upgrade it, or choose another path",
			store.ErrNewerSchema, path, version, schemaVersion)
	case version < 1:
		return fmt.Errorf("%w: %s has no schema version", errDamaged, path)
	}
	return nil
}

// writeAhead switches the database to its write-ahead log, which the file
// remembers. SQLite does not wait for others here, so this does.
func writeAhead(c *conn, timeout time.Duration) error {
	mode := ""
	return retryBusy(timeout, func() error {
		_, err := c.one("PRAGMA journal_mode = WAL", func(r row) error { mode = r.ColumnText(0); return nil })
		if err == nil && mode != "wal" {
			err = fmt.Errorf("%w: journal mode is %s", sqlite3.BUSY, mode)
		}
		return err
	})
}
