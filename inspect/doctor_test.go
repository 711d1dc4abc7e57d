package inspect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reprise-go/reprise/internal/ledger"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/sqlitestore"
	"github.com/reprise-go/reprise/store/storetest"
)

// diagnose is what a Doctor says, by name.
func (r *rig) diagnose() map[string]Check {
	r.Helper()
	checks, err := r.i.Doctor(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	out := map[string]Check{}
	for _, c := range checks {
		if c.Detail == "" || (c.Advice == "") == (c.Status == Warn || c.Status == Fail) {
			r.Errorf("%+v: a detail always, advice where there is something to do", c)
		}
		out[c.Name] = c
	}
	return out
}

func TestDoctorFindsASoundStoreSound(t *testing.T) {
	s, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "s.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, s := range []store.Store{s, memstore.New(nil)} {
		r := newRig(t, s, nil, nil)
		for n := range 120 {
			r.put(spec{fn: "f", value: fmt.Sprint(n)})
		}
		r.write(hour(time.Now(), "w", nil))
		before := r.info().Entries
		checks := r.diagnose()
		if len(checks) != 12 {
			t.Errorf("%d checks", len(checks))
		}
		for name, c := range checks {
			if c.Status != OK && c.Status != Skip && name != "latency" {
				t.Errorf("%+v", c)
			}
		}
		if after := r.info().Entries; after != before {
			t.Errorf("%d entries before, %d after", before, after)
		}
	}
	if _, err := os.Stat(s.Path()); err != nil {
		t.Error(err)
	}
}

func TestDoctorFindsWhatIsWrong(t *testing.T) {
	broken := errors.New("no permission")
	for name, c := range map[string]struct {
		fault  func(f *storetest.Faulty)
		check  string
		status Status
	}{
		"down":           {func(f *storetest.Faulty) { f.Fail(storetest.MethodInfo, 0, broken) }, "reachable", Fail},
		"no reads":       {func(f *storetest.Faulty) { f.Fail(storetest.MethodGet, 0, broken) }, "latency", Fail},
		"read-only":      {func(f *storetest.Faulty) { f.Fail(storetest.MethodPut, 0, broken) }, "write", Fail},
		"full":           {func(f *storetest.Faulty) { f.Fail(storetest.MethodPut, 0, store.ErrFull) }, "write", Fail},
		"no clears":      {func(f *storetest.Faulty) { f.Fail(storetest.MethodClear, 0, broken) }, "write", Fail},
		"lies":           {func(f *storetest.Faulty) { f.CorruptValues(0, func(b []byte) []byte { b[5] ^= 1; return b }) }, "write", Fail},
		"no leases":      {func(f *storetest.Faulty) { f.Fail(storetest.MethodAcquire, 0, broken) }, "leases", Fail},
		"no renewals":    {func(f *storetest.Faulty) { f.Fail(storetest.MethodRenew, 0, broken) }, "leases", Fail},
		"no watch":       {func(f *storetest.Faulty) { f.Fail(storetest.MethodWatch, 0, broken) }, "watch", Warn},
		"cannot push":    {func(f *storetest.Faulty) { f.Fail(storetest.MethodWatch, 0, store.ErrNoWatch) }, "watch", Warn},
		"no listing":     {func(f *storetest.Faulty) { f.Fail(storetest.MethodList, 0, broken) }, "values", Fail},
		"no ledger":      {func(f *storetest.Faulty) { f.Fail(storetest.MethodList, 0, broken) }, "ledger", Fail},
		"no counting":    {func(f *storetest.Faulty) { f.Fail(storetest.MethodCount, 0, broken) }, "garbage", Fail},
		"damaged values": {func(f *storetest.Faulty) { f.CorruptValues(0, func(b []byte) []byte { return b[:10] }) }, "values", Warn},
	} {
		t.Run(name, func(t *testing.T) {
			base := memstore.New(nil)
			f := storetest.NewFaulty(base)
			newRig(t, base, nil, nil).put(spec{fn: "f", value: "1"})
			c.fault(f)
			got := newRig(t, f.Store(), nil, nil).diagnose()
			if got[c.check].Status != c.status {
				t.Errorf("%+v, want %s", got[c.check], c.status)
			}
			if name == "down" && len(got) != 1 {
				t.Errorf("%d checks of a store that is down", len(got))
			}
		})
	}
}

// described is a store that says other things of itself.
type described struct {
	*memstore.Store
	change   func(*store.Info)
	warnings []string
	path     string
}

func (d described) Info(ctx context.Context) (store.Info, error) {
	info, err := d.Store.Info(ctx)
	d.change(&info)
	return info, err
}

func (d described) Warnings() []string { return d.warnings }

func (d described) Path() string { return d.path }

func TestDoctorLooksAtSettings(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*store.Info)
		check  string
		want   Status
	}{
		"clock behind": {func(i *store.Info) { i.Now = i.Now.Add(-time.Minute) }, "clock", Warn},
		"clock ahead":  {func(i *store.Info) { i.Now = i.Now.Add(time.Minute) }, "clock", Warn},
		"nearly full":  {func(i *store.Info) { i.Quota, i.Bytes = 100, 95 }, "quota", Warn},
		"half full":    {func(i *store.Info) { i.Quota, i.Bytes = 100, 50 }, "quota", OK},
		"garbage":      {func(i *store.Info) { i.Entries = 5000 }, "garbage", Warn},
		"some garbage": {func(i *store.Info) { i.Entries = 500 }, "garbage", OK},
		"settings":     {func(*store.Info) {}, "settings", Warn},
		"no disk":      {func(*store.Info) {}, "disk", Fail},
	} {
		d := described{Store: memstore.New(nil), change: c.change, warnings: []string{"maxmemory-policy is allkeys-lru"}, path: "/nowhere/at/all/s.db"}
		got := newRig(t, d, nil, nil).diagnose()[c.check]
		if got.Status != c.want {
			t.Errorf("%s: %+v", name, got)
		}
		if name == "settings" && !strings.Contains(got.Detail, "allkeys-lru") {
			t.Errorf("%+v", got)
		}
	}
	plain := struct{ store.Store }{memstore.New(nil)}
	got := newRig(t, plain, nil, nil).diagnose()
	for check, want := range map[string]Status{"leases": Warn, "watch": Skip, "disk": Skip, "settings": Skip} {
		if got[check].Status != want {
			t.Errorf("a store that offers nothing beyond: %+v", got[check])
		}
	}
}

func TestDoctorSeesPagesThatAreDue(t *testing.T) {
	r := newRig(t, memstore.New(nil), nil, nil)
	r.write(hour(time.Now().Add(-20*ledger.Day), "w", nil))
	if c := r.diagnose()["ledger"]; c.Status != Warn {
		t.Errorf("%+v", c)
	}
}

// A store that hangs does not keep the doctor: each check has its time.
func TestDoctorDoesNotHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := storetest.NewFaulty(memstore.New(nil))
		f.Hang(storetest.MethodGet, 0)
		f.Hang(storetest.MethodWatch, 0)
		f.Hang(storetest.MethodAcquire, 0)
		got := newRig(t, f.Store(), nil, nil).diagnose()
		for check, want := range map[string]Status{"latency": Fail, "watch": Warn, "leases": Fail, "write": Fail} {
			if got[check].Status != want {
				t.Errorf("%+v", got[check])
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		i, err := New(f.Store(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := i.Doctor(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
