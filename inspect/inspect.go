package inspect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/reprise-go/reprise/internal/envelope"
	"github.com/reprise-go/reprise/internal/ledger"
	"github.com/reprise-go/reprise/store"
)

// Errors of this package; compare with errors.Is.
var (
	// ErrNotFound means that no entry has the key, or the prefix of a key.
	ErrNotFound = errors.New("no such entry")
	// ErrAmbiguous means that several entries' keys begin so.
	// *AmbiguousError lists them.
	ErrAmbiguous = errors.New("ambiguous key")
	// ErrBadKey means that a key, or a prefix of one, is not hexadecimal
	// digits, or too short.
	ErrBadKey = errors.New("bad key")
	// ErrDamaged means that an entry's value is lost, or fails its checks.
	ErrDamaged = errors.New("damaged value")
	// ErrSelection means that a selection selects nothing that may be acted on:
	// it is empty, or names reprise's own entries.
	ErrSelection = errors.New("bad selection")
	// ErrBundle means that a bundle is truncated, damaged, of another format,
	// or not signed as asked.
	ErrBundle = errors.New("bad bundle")
)

// Options are how an Inspector works. Nil and the zero value are the defaults.
type Options struct {
	// Signing is the Config.SigningKey of the caches that use the store: values
	// that are not signed so are problems, and bundles are signed and have to
	// be. Nil: signatures are not looked at. Otherwise at least 16 bytes.
	Signing []byte
	// References lists the names of blobs, keys of the execution store Blobs in
	// the collection Commands, to which the recorded run of a command refers.
	// It gets the run as its codec made it, which may be anybody's bytes. GC
	// frees blobs to which no run refers, Export takes along those to which one
	// does, and Verify looks for those that are missing. Nil: GC leaves blobs
	// alone, and Export treats them like other entries.
	References func(value []byte) []string
	// Decode makes JSON, for Value to show, of a value whose codec is not JSON
	// or CBOR. Nil, or an error: the value is shown as text or bytes.
	Decode func(codec string, value []byte) ([]byte, error)
	// MaxValue is the largest value, in bytes and not compressed, that is
	// opened; 0: 256 MiB.
	MaxValue int64
	// Logger gets a line for what is passed over: entries that GC cannot read,
	// a watch that broke. Nil: silence.
	Logger *slog.Logger
}

// Where package command keeps things.
const (
	// Commands is the collection of cached commands.
	Commands = "commands"
	// Blobs is the execution store of their output files, in that collection.
	Blobs = "(outputs)"
)

// Inspector looks into one store. It is safe for concurrent use, keeps nothing
// between calls, and ends every goroutine that a method starts before the
// method returns. It does not own the store: the caller closes that, later.
type Inspector struct {
	store  store.Store
	o      Options
	sealer *envelope.Sealer
	whole  int // visitWhole, except in tests
}

// New returns an Inspector of a store.
func New(s store.Store, o *Options) (*Inspector, error) {
	i := &Inspector{store: s, whole: visitWhole}
	if o != nil {
		i.o = *o
	}
	if s == nil {
		return nil, errors.New("inspect: the store is nil")
	}
	if i.o.Signing != nil && len(i.o.Signing) == 0 {
		i.o.Signing = nil
	}
	var err error
	i.sealer, err = envelope.New(envelope.Options{MAC: i.o.Signing, MaxSize: i.o.MaxValue})
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	return i, nil
}

// reserved tells reprise's own entries, which are nobody's business but
// Savings' and GC's.
func reserved(l *store.Labels) bool { return l.Collection == ledger.Collection }

// warn tells the logger, if there is one.
func (i *Inspector) warn(msg string, args ...any) {
	if i.o.Logger != nil {
		i.o.Logger.Warn("inspect: "+msg, args...)
	}
}

// wrap puts the package and the operation before err, once.
func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("inspect: %s: %w", op, err)
}

// pages calls f with each page of what q selects, until f fails or ctx ends.
// errEnough from f ends the paging without being an error.
func (i *Inspector) pages(ctx context.Context, q store.Query, f func(*store.Page) error) error {
	for {
		page, err := i.store.List(ctx, q)
		if err != nil {
			return err
		}
		if err := f(&page); err != nil {
			return unless(err, errEnough)
		}
		if page.Next == "" {
			return nil
		}
		if q.Cursor = page.Next; ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// Seconds is a duration that is a number of seconds in JSON.
type Seconds time.Duration

// Duration is s as the time package has it.
func (s Seconds) Duration() time.Duration { return time.Duration(s) }

// String is the duration as the time package writes it.
func (s Seconds) String() string { return time.Duration(s).String() }

// errEnough ends pages early.
var errEnough = errors.New("enough")

// unless is err, or nil where that is one that is none.
func unless(err, none error) error {
	if errors.Is(err, none) {
		return nil
	}
	return err
}
