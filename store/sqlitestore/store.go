package sqlitestore

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/reprise-go/reprise/store"
)

// Store is a store.Store in an SQLite database. Make one with Open.
type Store struct {
	path string
	o    Options
	id   [32]byte

	readers *readers
	names   *names
	uses    uses
	files   files
	unused  atomic.Int64 // bytes that txn.unused has summed up since the last reap

	maxTail, maxTally int64 // the constants, except in tests

	writing chan struct{} // holds one token while somebody writes
	w       *conn         // guarded by writing
	tail    tail          // as of the last commit; guarded by writing

	closing sync.RWMutex // held for reading by every method at work
	closed  bool         // guarded by closing

	life       context.Context // until Close
	stop       context.CancelFunc
	background sync.WaitGroup // the sweeper and watches
}

var _ store.Store = (*Store)(nil)

// newStore takes over w, the first connection.
func newStore(path string, o Options, w *conn) (*Store, error) {
	s := &Store{
		path: path, o: o, names: newNames(), w: w, maxTail: maxTail, maxTally: maxTally,
		files: files{dir: path + ".values", sync: o.Durability == Full}, writing: make(chan struct{}, 1),
	}
	s.readers = newReaders(func(ctx context.Context) (*conn, error) {
		return dial(ctx, path, &s.o, sqlite3.OPEN_READWRITE)
	})
	_, err := w.one("SELECT id FROM meta WHERE one = 1", func(r row) error {
		copy(s.id[:], r.ColumnRawBlob(0))
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.life, s.stop = context.WithCancel(context.Background())
	if o.SweepEvery > 0 {
		s.background.Go(func() { s.sweepEvery(s.life, o.SweepEvery) })
	}
	return s, nil
}

// Close ends watches, waits for methods under way, writes down which entries
// were used, and closes the database. The last process to do so moves the log
// into the database, which can take a moment.
func (s *Store) Close() error {
	s.stop()
	// Which entries were used is worth one try, not an error.
	_ = s.flushUses(context.Background())
	if !s.shut() {
		return nil
	}
	s.background.Wait()
	err := s.readers.closeAll()
	if e := s.w.close(); err == nil {
		err = e
	}
	if err != nil {
		return explain(s.path, "close", err)
	}
	return nil
}

// shut waits for methods under way and turns others away. It reports whether
// it was the first to.
func (s *Store) shut() bool {
	s.closing.Lock()
	defer s.closing.Unlock()
	first := !s.closed
	s.closed = true
	return first
}

// now is the store's clock in Unix nanoseconds.
func (s *Store) now() int64 { return s.o.Now().UnixNano() }

const infoSQL = `SELECT seq, bytes + (SELECT ifnull(sum(size), 0) FROM entries WHERE id > counted),
	(SELECT ifnull(sum(entries), 0) FROM tallies) + (SELECT count(*) FROM entries WHERE id > counted AND present = 1), id
	FROM meta WHERE one = 1`

// Info describes the store. Entries and Bytes count everything that takes
// space, also entries that are expired or hidden until a sweep.
func (s *Store) Info(ctx context.Context) (store.Info, error) {
	info := store.Info{
		Driver: "sqlite", ID: s.id, Quota: s.o.Quota, MaxValue: s.o.MaxValue, Local: true, Shared: true,
	}
	err := s.read(ctx, "info", func(c *conn) error {
		info.Now = time.Unix(0, s.now())
		ok, err := c.one(infoSQL, func(r row) error {
			info.Seq, info.Bytes, info.Entries = uint64(r.ColumnInt64(0)), r.ColumnInt64(1), r.ColumnInt(2)
			if !bytes.Equal(r.ColumnRawBlob(3), s.id[:]) {
				return fmt.Errorf("%w: the database was replaced while it was open", errDamaged)
			}
			return nil
		})
		if err == nil && !ok {
			err = errDamaged
		}
		return err
	})
	return info, err
}
