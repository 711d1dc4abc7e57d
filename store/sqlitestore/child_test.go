package sqlitestore_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"go.uber.org/goleak"

	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/sqlitestore"
)

// TestMain lets tests start this binary as another process: real processes,
// with locks and deaths of their own.
func TestMain(m *testing.M) {
	if mode := os.Getenv("REPRISE_CHILD"); mode != "" {
		if err := children[mode](os.Args[1], os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// children are the programs that child starts, by name. Each gets the path of
// the database and its own arguments.
var children = map[string]func(path string, args []string) error{
	"write": childWrite,
	"first": childFirst,
	"mixed": childMixed,
	"open":  childOpen,

	"nothing": childNothing,
	"hit":     childHit,
}

func child(t testing.TB, mode, path string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, append([]string{path}, args...)...)
	cmd.Env = append(os.Environ(), "REPRISE_CHILD="+mode)
	return cmd
}

func open(t testing.TB, path string, o *sqlitestore.Options) *sqlitestore.Store {
	t.Helper()
	s, err := sqlitestore.Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func quiet() *sqlitestore.Options { return &sqlitestore.Options{SweepEvery: -1} }

// numbered is a record that says by its key what its value must be. Some
// values are large enough for a file.
func numbered(n uint64) *store.Record {
	key := sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))
	r := rand.New(rand.NewChaCha8(key))
	size := r.IntN(3000)
	if n%17 == 0 {
		size += 64 << 10
	}
	value := make([]byte, size+len(key))
	for i := range value {
		value[i] = byte(r.Uint32())
	}
	sum := sha256.Sum256(value[len(key):])
	copy(value, sum[:])
	return &store.Record{
		Key: key, Value: value, Begun: 1, Manifest: []byte("manifest"),
		Labels: store.Labels{Collection: "c", Function: "f", Dataset: fmt.Sprint(n % 5), Tags: []string{"even", "odd"}[n%2 : n%2+1]},
	}
}

// wantNumbered fails unless the record is there and whole.
func wantNumbered(t testing.TB, s store.Store, n uint64) {
	t.Helper()
	want := numbered(n)
	l, err := s.Get(context.Background(), want.Key)
	if err != nil || !l.Found || string(l.Record.Value) != string(want.Value) {
		t.Fatalf("record %d: found %t, damaged %t, %d bytes, %v", n, l.Found, l.Damaged, len(l.Record.Value), err)
	}
}

// wantIntegrity has SQLite check every page and index.
func wantIntegrity(t testing.TB, path string) {
	t.Helper()
	db, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	st, _, err := db.Prepare("PRAGMA integrity_check")
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if !st.Step() || st.ColumnText(0) != "ok" {
		t.Fatalf("integrity check: %q %v", st.ColumnText(0), st.Err())
	}
}

// childWrite puts numbered records from the given number on, with two
// goroutines, and prints each number once its put returned.
func childWrite(path string, args []string) error {
	s, err := sqlitestore.Open(context.Background(), path, quiet())
	if err != nil {
		return err
	}
	from, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return err
	}
	var out sync.Mutex
	done := make(chan error)
	for g := range uint64(2) {
		go func() {
			for n := from + g; ; n += 2 {
				if _, err := s.Put(context.Background(), numbered(n), store.PutPublish); err != nil {
					done <- err
					return
				}
				out.Lock()
				fmt.Println(n)
				out.Unlock()
			}
		}()
	}
	return <-done
}

// childFirst waits for its standard input to end, opens a database that may
// not exist yet, puts one record and prints the store's id.
func childFirst(path string, args []string) error {
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	s, err := sqlitestore.Open(context.Background(), path, quiet())
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return err
	}
	if _, err := s.Put(context.Background(), numbered(n), store.PutPublish); err != nil {
		return err
	}
	info, err := s.Info(context.Background())
	fmt.Printf("%x\n", info.ID)
	return errors.Join(err, s.Close())
}

// childOpen opens the database and prints the error that it expects.
func childOpen(path string, _ []string) error {
	s, err := sqlitestore.Open(context.Background(), path, quiet())
	if err != nil {
		fmt.Println(err)
		return nil
	}
	return errors.Join(errors.New("opened"), s.Close())
}

// childMixed reads, writes, clears and sweeps with three goroutines.
func childMixed(path string, args []string) error {
	s, err := sqlitestore.Open(context.Background(), path, &sqlitestore.Options{SweepEvery: -1, Quota: 2 << 20})
	if err != nil {
		return err
	}
	seed, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return err
	}
	errs := make(chan error)
	for g := range uint64(3) {
		go func() { errs <- mixed(s, rand.New(rand.NewPCG(seed, g)), 120) }()
	}
	for range 3 {
		err = errors.Join(err, <-errs)
	}
	return errors.Join(err, s.Close())
}

func mixed(s *sqlitestore.Store, r *rand.Rand, ops int) error {
	ctx := context.Background()
	for range ops {
		rec := numbered(r.Uint64N(60))
		var err error
		switch r.IntN(12) {
		case 0:
			_, err = s.Clear(ctx, rec.Key)
		case 1:
			_, err = s.Bump(ctx, store.TagLabel(rec.Labels.Tags[0]))
		case 2:
			_, err = s.Sweep(ctx)
		case 3, 4, 5, 6:
			_, err = s.Put(ctx, rec, store.PutSet)
		default:
			var l store.Lookup
			l, err = s.Get(ctx, rec.Key)
			if err == nil && (l.Damaged || l.Found && string(l.Record.Value) != string(rec.Value)) {
				err = fmt.Errorf("wrong value of %v: damaged %t", rec.Key, l.Damaged)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readNumber reads one line that a child printed.
func readNumber(r *bufio.Reader) (uint64, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(line[:len(line)-1], 10, 64)
}
