//go:build unix

package command

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/sqlitestore"
)

func init() { plays["dying"] = playDying }

// playDying is playRun over a store that kills the process before its n-th
// operation.
func playDying(args []string) int {
	ctx := context.Background()
	var s Spec
	if err := json.Unmarshal([]byte(args[2]), &s); err != nil {
		panic(err)
	}
	db, err := sqlitestore.Open(ctx, args[0], nil)
	if err != nil {
		panic(err)
	}
	d := &deadly{Store: db}
	d.left.Store(1 << 30)
	cache, err := reprise.New(d, &reprise.Config{LedgerInterval: -1})
	if err != nil {
		panic(err)
	}
	var n int64
	if _, err := fmt.Sscan(os.Getenv("DIE"), &n); err != nil {
		panic(err)
	}
	d.left.Store(n)
	res, err := New(cache, d, &Options{StateDir: args[1]}).Run(ctx, &s, IO{Stdout: os.Stdout})
	if err != nil {
		panic(err)
	}
	return res.ExitCode
}

// A deadly store kills this process when a number of operations have been done.
type deadly struct {
	store.Store
	left atomic.Int64
}

func (d *deadly) count() {
	if d.left.Add(-1) == 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func (d *deadly) Get(ctx context.Context, k store.Key) (store.Lookup, error) {
	d.count()
	return d.Store.Get(ctx, k)
}

func (d *deadly) Put(ctx context.Context, rec *store.Record, m store.PutMode) (store.Stamp, error) {
	d.count()
	s, err := d.Store.Put(ctx, rec, m)
	d.count()
	return s, err
}

func (d *deadly) List(ctx context.Context, q store.Query) (store.Page, error) {
	d.count()
	return d.Store.List(ctx, q)
}

func (d *deadly) Update(ctx context.Context, k store.Key, c store.Change) (bool, error) {
	d.count()
	return d.Store.Update(ctx, k, c)
}

func (d *deadly) Changes(ctx context.Context, since uint64) (store.Changes, error) {
	d.count()
	return d.Store.Changes(ctx, since)
}

// Between the end of the command and that of reprise there is a record in full,
// with all its outputs, or none.
func TestGuarantee22_DeathWhileStoring(t *testing.T) {
	s := Spec{Args: []string{"sh", "-c", "echo said; echo one > one; echo two > two; echo one > three"}, Outputs: []string{"one", "two", "three"}}
	had := map[string]int{}
	for n := 1; ; n++ {
		d := newDesk(t)
		k := d.startAs("dying", s, fmt.Sprint("DIE=", n))
		code := k.end()
		if code != 0 && code != 128+int(syscall.SIGKILL) {
			t.Fatalf("dies at %d: exit code %d; %s", n, code, k.errs.String())
		}
		for _, f := range s.Outputs {
			_ = os.Remove(d.dir + "/" + f)
		}
		again := d.start(s)
		if code := again.end(); code != 0 {
			t.Errorf("died at %d: then exit code %d; %s", n, code, again.errs.String())
		}
		for _, f := range s.Outputs {
			want := strings.Replace(f, "three", "one", 1) + "\n"
			if b, err := os.ReadFile(d.dir + "/" + f); err != nil || string(b) != want {
				t.Errorf("died at %d: then output %s is %q, %v", n, f, b, err)
			}
		}
		had[strings.TrimSpace(again.errs.String())]++
		if code == 0 {
			break
		}
		if n > 200 {
			t.Fatal("it never comes to its end")
		}
	}
	t.Logf("after deaths at each operation: %v", had)
	if had["outcome populated"] < 5 || had["outcome hit-store"] < 2 || len(had) != 2 {
		t.Errorf("outcomes after a death: %v", had)
	}
}
