package pgstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/reprise-go/reprise/internal/servertest"
	"github.com/reprise-go/reprise/store"
)

// query returns the first column of the first row.
func query[T any](t testing.TB, url, sql string, args ...any) (v T) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if err := c.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func TestManyOpenersMakeOneSchema(t *testing.T) {
	t.Parallel()
	url := servertest.Postgres(t).Database(t)
	var wg sync.WaitGroup
	stores := make([]*Store, 8)
	for i := range stores {
		wg.Go(func() {
			s, err := Open(t.Context(), url, nil)
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			stores[i] = s
		})
	}
	wg.Wait()
	for _, s := range stores {
		if s == nil {
			continue
		}
		if s.id != stores[0].id {
			t.Error("two openers see different stores")
		}
		s.Close()
	}
	if n := query[int](t, url, "SELECT count(*) FROM reprise.reprise_schema"); n != 2 {
		t.Errorf("%d migrations are noted, want each once", n)
	}
}

func TestNewerSchemaIsLeftAlone(t *testing.T) {
	t.Parallel()
	url := servertest.Postgres(t).Database(t)
	open(t, url, Options{}).Close()
	run(t, url, "INSERT INTO reprise.reprise_schema (version) VALUES (99)")
	objects := query[int](t, url, "SELECT count(*) FROM pg_class")
	meta := query[string](t, url, "SELECT m::text || m.xmin::text FROM reprise.meta m")
	_, err := Open(t.Context(), url, nil)
	if !errors.Is(err, store.ErrNewerSchema) || !strings.Contains(err.Error(), "upgrade") {
		t.Errorf("Open = %v, want ErrNewerSchema and advice", err)
	}
	if n := query[int](t, url, "SELECT count(*) FROM pg_class"); n != objects {
		t.Errorf("%d objects became %d", objects, n)
	}
	if m := query[string](t, url, "SELECT m::text || m.xmin::text FROM reprise.meta m"); m != meta {
		t.Errorf("the meta row was written: %s, then %s", meta, m)
	}
}

func TestLivesBesideAnApplication(t *testing.T) {
	t.Parallel()
	url := servertest.Postgres(t).Database(t)
	run(t, url, "CREATE TABLE entries (mine text); ")
	run(t, url, "INSERT INTO entries VALUES ('kept')")
	a, b := open(t, url+"&reprise_schema=one", Options{}), open(t, url, Options{Schema: "two"})
	key := benchKey(1)
	if _, err := a.Put(t.Context(), benchRecord(1, 10, 0, 0), store.PutSet); err != nil {
		t.Fatal(err)
	}
	if l, err := b.Get(t.Context(), key); err != nil || l.Found {
		t.Errorf("the other schema's store has it: %t, %v", l.Found, err)
	}
	if l, err := a.Get(t.Context(), key); err != nil || !l.Found {
		t.Errorf("found %t, %v", l.Found, err)
	}
	if got := query[string](t, url, "SELECT mine FROM entries"); got != "kept" {
		t.Errorf("the application's row is %q", got)
	}
	// In the application's schema there is a table of that name already.
	_, err := Open(t.Context(), url, &Options{Schema: "public"})
	if err == nil || !strings.Contains(err.Error(), "another schema") {
		t.Errorf("Open in a schema with a table entries = %v, want advice", err)
	}
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	p := servertest.Postgres(t)
	url := p.Database(t)
	run(t, url, "CREATE ROLE guest"+fmt.Sprint(schemas.Add(1))+" LOGIN PASSWORD 'secret'")
	guest := "guest" + fmt.Sprint(schemas.Load())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	l.Close()
	for what, c := range map[string]struct {
		url  string
		o    *Options
		want string
	}{
		"wrong password":   {strings.Replace(url, ":secret@", ":hunter2@", 1), nil, "password"},
		"unknown database": {p.URL("nowhere"), nil, "create the database"},
		"no TLS":           {strings.Replace(url, "sslmode=disable", "sslmode=require", 1), nil, "TLS"},
		"nobody there":     {strings.Replace(url, p.Addr(), nobody, 1), nil, "refused"},
		"no rights":        {strings.Replace(url, "reprise:secret@", guest+":secret@", 1), nil, "GRANT CREATE ON DATABASE"},
		"not a URL":        {"postgres://me:hunter2@[::1/x", nil, "URL"},
		"bad escape":       {"postgres://me:hunter2%zz@host/x", nil, "%25"},
		"space":            {"postgres://me:hunter2 @host/x", nil, "URL"},
		"quote":            {"postgres://me:hunter2`: @host/x?sslmode=x", nil, "URL"},
		"pairs":            {"host=x password=hunter2 sslmode=x", nil, "sslmode"},
		"timeout":          {url, &Options{Timeout: -1}, "Options.Timeout"},
		"bad port":         {"postgres://me:hunter2@localhost:port/x", nil, "URL"},
		"reserved schema":  {url, &Options{Schema: "pg_mine"}, "PostgreSQL's own"},
		"long schema":      {url, &Options{Schema: strings.Repeat("x", 64)}, "63 bytes"},
		"huge values":      {url, &Options{MaxValue: 1 << 40}, "the most"},
		"durability":       {url, &Options{Durability: 7}, "Relaxed or Full"},
	} {
		s, err := Open(t.Context(), c.url, c.o)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "pgstore: ") {
			t.Errorf("%s: Open = %v, want an error with %q", what, err, c.want)
		} else if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error shows the password: %v", what, err)
		}
	}
}

func TestGrantedSchemaNeedsNoOtherRight(t *testing.T) {
	t.Parallel()
	p := servertest.Postgres(t)
	url := p.Database(t)
	guest := fmt.Sprint("guest", schemas.Add(1))
	run(t, url, "CREATE ROLE "+guest+" LOGIN PASSWORD 'secret'")
	run(t, url, "CREATE SCHEMA reprise AUTHORIZATION "+guest)
	defer run(t, url, "DROP OWNED BY "+guest+" CASCADE")
	s := open(t, strings.Replace(url, "reprise:secret@", guest+":secret@", 1), Options{})
	if _, err := s.Bump(t.Context(), store.All()); err != nil {
		t.Error(err)
	}
}

func TestOldServerIsRefused(t *testing.T) {
	for version, want := range map[string]int{"9.6.24": 9, "11.22": 11, "15.18 (Debian 15.18-0+deb12u1)": 15, "18beta1": 18} {
		if got, _, ok := cutVersion(version); !ok || got != want {
			t.Errorf("major version of %q = %d, %t", version, got, ok)
		}
	}
	if _, _, ok := cutVersion("CockroachDB"); ok {
		t.Error("a version without a number has one")
	}
}

// TestSchemaMadeAnew drops the tables under an open store. Numbers and fences
// go on above those that were given out.
func TestSchemaMadeAnew(t *testing.T) {
	t.Parallel()
	url := servertest.Postgres(t).Database(t)
	s := open(t, url, Options{})
	ctx := t.Context()
	before, err := s.Bump(ctx, store.All())
	if err != nil {
		t.Fatal(err)
	}
	g, err := s.Acquire(ctx, benchKey(1), store.Owner{1}, 1e9)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 { // so that statements are planned for good
		if _, err := s.Get(ctx, benchKey(1)); err != nil {
			t.Fatal(err)
		}
	}
	run(t, url, "DROP SCHEMA reprise CASCADE")
	if _, err := s.Get(ctx, benchKey(1)); err == nil || !strings.Contains(err.Error(), "open the store anew") {
		t.Errorf("Get without tables = %v, want advice", err)
	}
	again := open(t, url, Options{})
	for _, s := range []*Store{s, again} {
		if l, err := s.Get(ctx, benchKey(1)); err != nil || l.Found || l.Seq < before.Seq {
			t.Errorf("Get = found %t, number %d after %d, %v", l.Found, l.Seq, before.Seq, err)
		}
		if c, err := s.Changes(ctx, before.Seq); err != nil || !c.Flush {
			t.Errorf("Changes since the number of the old tables = %+v, %v, want a flush", c, err)
		}
	}
	if _, err := s.Info(ctx); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Info = %v, want to hear that the store is another", err)
	}
	if next, err := again.Acquire(ctx, benchKey(1), store.Owner{2}, 1e9); err != nil || next.Fence <= g.Fence {
		t.Errorf("fence %d after %d, %v", next.Fence, g.Fence, err)
	}
}
