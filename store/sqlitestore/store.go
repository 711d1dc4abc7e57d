package sqlitestore

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reprise-go/reprise/store"
)

// Store is a store.Store in an SQLite database. Make one with Open.
type Store struct {
	path string
	o    Options
	id   storeID

	opened time.Time

	readers *readers
	names   *names
	uses    uses
	files   files
	unused  atomic.Int64 // bytes that txn.unused has summed up since the last reap

	maxTail, maxTally int64 // the constants, except in tests

	writing chan struct{} // holds one token while somebody writes
	w       *conn         // nil until somebody writes; guarded by writing
	tail    tail          // as of the last commit; guarded by writing

	closing sync.RWMutex // held for reading by every method at work
	closed  bool         // guarded by closing

	life       context.Context // until Close
	stop       context.CancelFunc
	sweeper    *time.Timer    // nil: no sweeps in the background
	background sync.WaitGroup // sweeps and watches
}

var _ store.Store = (*Store)(nil)

// newStore takes over the first connection, for reading. Others are opened
// when they are needed: many a process only looks up one thing.
func newStore(path string, o Options, id storeID, first *conn) *Store {
	s := &Store{
		path: path, o: o, id: id, opened: time.Now(), names: newNames(), maxTail: maxTail, maxTally: maxTally,
		files: files{dir: path + ".values", sync: o.Durability == Full}, writing: make(chan struct{}, 1),
	}
	s.readers = newReaders(first, s.dialAgain)
	s.life, s.stop = context.WithCancel(context.Background())
	s.sweepEvery(o.SweepEvery)
	return s
}

// Close ends watches, waits for methods under way, writes down which entries
// were used, and closes the database. A short log stays beside it; of a longer
// one the last process to close moves the content into the database, which can
// take a moment.
func (s *Store) Close() error {
	s.stop()
	// Which entries were used is worth one try, not an error.
	_ = s.flushUses(context.Background())
	if !s.shut() {
		return nil
	}
	s.background.Wait()
	if s.sweeper != nil {
		s.sweeper.Stop() // a sweep under way has set it again
	}
	end := (*conn).close
	if s.shortLog() {
		end = leave
	}
	err := s.readers.closeAll(end)
	if e := end(s.w); err == nil {
		err = e
	}
	if err != nil {
		return explain(s.path, "close", err)
	}
	return nil
}

// keepLog is the longest log, in bytes, that stays when all have closed: some
// sixty pages. To read it costs the next process to open less than half a
// millisecond; to move it into the database costs this one several syncs.
const keepLog = 256 << 10

func (s *Store) shortLog() bool {
	fi, err := os.Stat(s.path + "-wal")
	return err == nil && fi.Size() <= keepLog
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
