package pgstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reprise-go/reprise/store"
)

// Store is a store.Store in PostgreSQL. Make one with Open.
type Store struct {
	o    Options
	pool *pgxpool.Pool
	sql  *statements
	id   [32]byte

	names names
	uses  uses
	spent atomic.Int64 // bytes put since the quota was last looked at

	closing sync.RWMutex // held for reading by every method at work
	closed  bool         // guarded by closing

	life       context.Context // until Close
	stop       context.CancelFunc
	lines      *lines         // which Close cuts when it has lost patience with methods under way
	background sync.WaitGroup // the sweeper and watches
}

var _ store.Store = (*Store)(nil)

func newStore(o Options, pool *pgxpool.Pool, lines *lines, id [32]byte) *Store {
	s := &Store{o: o, pool: pool, lines: lines, sql: newStatements(o.Schema), id: id}
	s.life, s.stop = context.WithCancel(context.Background())
	if o.SweepEvery > 0 {
		s.background.Go(func() { s.sweepEvery(s.life, o.SweepEvery) })
	}
	return s
}

// closePatience is how long Close waits for methods under way, before it
// breaks their connections.
const closePatience = 5 * time.Second

// Close ends watches and the sweeper, writes down which entries were used,
// waits for methods under way, both within 5 s, and closes all connections.
func (s *Store) Close() error {
	s.stop()
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	impatience := time.AfterFunc(closePatience, s.lines.cutAll)
	defer impatience.Stop()
	// Which entries were used is worth one try, not an error.
	_ = s.flushUses(ctx)
	if s.shut() {
		s.background.Wait()
		s.pool.Close()
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

// repeat says whether a method may run a second time where the connection
// broke and nobody knows whether the first had an effect.
type repeat bool

const (
	once  repeat = false
	again repeat = true
)

// do runs f with a connection of the pool. Connections that had died in the
// pool are tried again with others: all at once die when the server restarts.
func (s *Store) do(ctx context.Context, doing string, r repeat, f func(context.Context, *pgx.Conn) error) error {
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		return fmt.Errorf("pgstore: %s: %w", doing, store.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("pgstore: %s: %w", doing, err)
	}
	err := s.attempts(ctx, r, f)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && !answered(err) {
		return fmt.Errorf("pgstore: %s: %w", doing, ctx.Err())
	}
	if s.lines.isCut() {
		return fmt.Errorf("pgstore: %s: %w", doing, store.ErrClosed)
	}
	return explain(doing, err)
}

// answered reports whether err is what the store has to say, whatever became
// of the context meanwhile.
func answered(err error) bool {
	return errors.Is(err, store.ErrSuperseded) || errors.Is(err, store.ErrLeaseLost) || errors.Is(err, store.ErrFull)
}

func (s *Store) attempts(ctx context.Context, r repeat, f func(context.Context, *pgx.Conn) error) error {
	const most = 3
	for try := 1; ; try++ {
		var ran bool
		err := s.pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
			ran = true
			return f(ctx, c.Conn())
		})
		switch {
		case err == nil, try == most, ctx.Err() != nil, !ran, s.lines.isCut():
			return err
		case codeOf(err) == codeDeadlock, isStale(err), pgconn.SafeToRetry(err):
		case r == again && isBroken(err):
		default:
			return err
		}
		if isBroken(err) {
			s.pool.Reset() // where one connection died, most have
		}
	}
}

// isStale reports whether the statement was prepared before the tables were
// made anew. pgx prepares it again.
func isStale(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == codeStaleResult && strings.Contains(pg.Message, "cached plan")
}

func isClosedConn(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "conn closed")
}

// Info describes the store. Entries and Bytes count everything that takes
// space, also entries that are expired or hidden until a sweep.
func (s *Store) Info(ctx context.Context) (store.Info, error) {
	info := store.Info{Driver: "postgres", ID: s.id, Quota: s.o.Quota, MaxValue: s.o.MaxValue, Shared: true}
	err := s.do(ctx, "info", again, func(ctx context.Context, c *pgx.Conn) error {
		var id []byte
		var now int64
		err := c.QueryRow(ctx, s.sql.info).Scan(&id, &info.Seq, &now, &info.Entries, &info.Bytes)
		info.Now = asTime(now)
		if err == nil && string(id) != string(s.id[:]) {
			err = fmt.Errorf("%w: the tables were made anew while the store was open", errDamaged)
		}
		return err
	})
	if err != nil {
		return store.Info{}, err
	}
	return info, nil
}
