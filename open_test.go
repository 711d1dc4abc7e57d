package reprise_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
)

func TestOpenRefusesURLs(t *testing.T) {
	for url, words := range map[string][]string{
		"mongodb://u:secret@host":    {"unknown scheme", "mongodb", "sqlite", "redis", "postgres", "memory"},
		"cache.db":                   {"no scheme", "sqlite:cache.db"},
		"sqlite:":                    {"names no file"},
		"sqlite://host/x.db":         {"host", "sqlite:///PATH"},
		"sqlite:x.db?durability=max": {"durability=max", "durability=full"},
		"sqlite:x.db?cache=1":        {"unknown setting", "cache=1"},
		"sqlite:%zz":                 {"malformed"},
		"://":                        {"malformed URL"},
	} {
		for _, policy := range []reprise.StoreErrorPolicy{reprise.FailOpen, reprise.FailClosed} {
			c, err := reprise.Open(t.Context(), url, &reprise.Config{OnStoreError: policy})
			says(t, err, append(words, "open")...)
			if c != nil {
				t.Errorf("%s: a cache beside an error", url)
			}
		}
	}
}

func TestOpenRefusesConfig(t *testing.T) {
	none := reprise.Mode(9)
	for name, c := range map[string]struct {
		cfg  reprise.Config
		says []string
	}{
		"Mode":              {reprise.Config{Mode: &none}, []string{"Config.Mode", "9"}},
		"OnStoreError":      {reprise.Config{OnStoreError: 7}, []string{"Config.OnStoreError", "7"}},
		"StoreTimeout":      {reprise.Config{StoreTimeout: -1}, []string{"Config.StoreTimeout", "negative"}},
		"CloseTimeout":      {reprise.Config{CloseTimeout: -1}, []string{"Config.CloseTimeout", "negative"}},
		"CoherenceInterval": {reprise.Config{CoherenceInterval: -1}, []string{"Config.CoherenceInterval", "negative"}},
		"MemoryBytes":       {reprise.Config{MemoryBytes: -1}, []string{"Config.MemoryBytes", "negative"}},
		"Secret":            {reprise.Config{Secret: []byte("short")}, []string{"Config.Secret", "at least 16"}},
		"SigningKey":        {reprise.Config{SigningKey: []byte{}}, []string{"Config.SigningKey", "at least 16"}},
		"two at once":       {reprise.Config{StoreTimeout: -1, MemoryBytes: -1}, []string{"StoreTimeout", "MemoryBytes"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := reprise.Open(t.Context(), "memory:", &c.cfg)
			says(t, err, c.says...)
			if name == "Secret" && strings.Contains(err.Error(), "short") {
				t.Error("the message tells the secret")
			}
		})
	}
}

func TestOpenDefault(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", dir)
	t.Setenv("HOME", dir)
	fn, _ := counting[string]()
	c := open(t, "")
	calls(t, t.Context(), wrap(t, c, fn, reprise.Options[string, int]{}), "a", 1)
	closeNow(t, c)
	does(t, t.Context(), wrap(t, open(t, ""), fn, reprise.Options[string, int]{}), "a", reprise.HitStore, reprise.NoReason)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(cache, "reprise", "cache.db")); err != nil {
		t.Error(err)
	}
}

func TestOpenSpellings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b", "cache.db")
	fn, _ := counting[string]()
	for i, url := range []string{"sqlite:" + path, "sqlite://" + path, "sqlite:" + strings.ReplaceAll(path, " ", "%20"), "sqlite:" + path + "?durability=full"} {
		c := open(t, url)
		r, err := wrap(t, c, fn, reprise.Options[string, int]{}).Do(t.Context(), "a")
		if want := []reprise.Outcome{reprise.Populated, reprise.HitStore}[min(i, 1)]; err != nil || r.Outcome != want {
			t.Errorf("%s: %v, %v", url, r.Outcome, err)
		}
		closeNow(t, c)
	}
}

// badFiles are databases that cannot be opened, and the sentinel of each.
func badFiles(t *testing.T) map[string]struct {
	path string
	is   error
} {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	sound := filepath.Join(dir, "sound.db")
	closeNow(t, open(t, "sqlite:"+sound))
	b, err := os.ReadFile(sound)
	if err != nil {
		t.Fatal(err)
	}
	newer, foreign := append([]byte(nil), b...), append([]byte(nil), b...)
	binary.BigEndian.PutUint32(newer[60:], binary.BigEndian.Uint32(b[60:])+1) // user_version
	binary.BigEndian.PutUint32(foreign[68:], 0x12345678)                      // application_id
	return map[string]struct {
		path string
		is   error
	}{
		"garbage":   {write("garbage.db", []byte(strings.Repeat("no database ", 100))), store.ErrCorrupt},
		"truncated": {write("truncated.db", b[:len(b)/2]), store.ErrCorrupt},
		"foreign":   {write("foreign.db", foreign), store.ErrCorrupt},
		"newer":     {write("newer.db", newer), store.ErrNewerSchema},
		"directory": {dir, nil},
	}
}

func TestOpenBadFile(t *testing.T) {
	for name, bad := range badFiles(t) {
		t.Run(name, func(t *testing.T) {
			before, _ := os.ReadFile(bad.path)
			_, err := reprise.Open(t.Context(), "sqlite:"+bad.path, &reprise.Config{OnStoreError: reprise.FailClosed})
			says(t, err, "open", bad.path)
			if bad.is != nil && !errors.Is(err, bad.is) {
				t.Errorf("%v is not %v", err, bad.is)
			}
			c := openWith(t, "sqlite:"+bad.path, nil)
			fn, _ := counting[string]()
			f := wrap(t, c, fn, reprise.Options[string, int]{Name: "f", Residency: reprise.Transient})
			for want := 1; want <= 5; want++ { // through the breaker's opening
				r := does(t, t.Context(), f, "a", reprise.LookupFailed, reprise.StoreError)
				if r.Value != want || !errors.Is(r.Err, reprise.ErrStore) {
					t.Errorf("run %d, %v", r.Value, r.Err)
				}
			}
			if st := c.Stats(); !st.StoreFailing || st.StoreError == nil {
				t.Errorf("stats do not tell: %+v", st)
			}
			closed := wrap(t, c, fn, reprise.Options[string, int]{Name: "g", Residency: reprise.Transient, OnStoreError: reprise.FailClosed})
			r, err := closed.Do(t.Context(), "a")
			expect(t, &r, reprise.Failed, reprise.StoreError)
			says(t, err, "call g", "store unavailable")
			if !errors.Is(err, reprise.ErrStore) {
				t.Errorf("%v is no ErrStore", err)
			}
			says(t, f.Set(t.Context(), "a", 1), "set f")
			if after, _ := os.ReadFile(bad.path); string(after) != string(before) {
				t.Error("the file was altered")
			}
		})
	}
}

// A store that is mended is found without a restart.
func TestOpenLater(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // in the directory's place
		t.Fatal(err)
	}
	c := openWith(t, "sqlite:"+filepath.Join(dir, "cache.db"), nil)
	fn, _ := counting[string]()
	f := wrap(t, c, fn, reprise.Options[string, int]{Residency: reprise.Transient})
	does(t, t.Context(), f, "a", reprise.LookupFailed, reprise.StoreError)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := f.Set(t.Context(), "a", 7); err != nil { // asks whatever the breaker says
		t.Fatal(err)
	}
	deadline, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		r, err := f.Do(deadline, "a")
		if err != nil {
			t.Fatal(err)
		}
		if r.Outcome == reprise.HitStore && r.Value == 7 {
			return
		}
	}
}

func TestClosed(t *testing.T) {
	inEach(t, func(t *testing.T, c *reprise.Cache, r reprise.Residency) {
		fn, runs := counting[string]()
		f := wrap(t, c, fn, reprise.Options[string, int]{Name: "f", Residency: r})
		s, err := c.ExecutionStore("s", nil)
		if err != nil {
			t.Fatal(err)
		}
		calls(t, t.Context(), f, "a", 1)
		closeNow(t, c)
		closeNow(t, c) // again
		ctx := t.Context()
		ops := map[string]func() error{
			"call":           func() error { _, err := f.Call(ctx, "a"); return err },
			"call unseen":    func() error { _, err := f.Call(ctx, "b"); return err },
			"do":             func() error { _, err := f.Do(ctx, "a"); return err },
			"off":            func() error { _, err := f.Call(reprise.WithMode(ctx, reprise.Off), "a"); return err },
			"skipped":        func() error { _, err := f.Call(dataset(""), "a"); return err },
			"set":            func() error { return f.Set(ctx, "a", 1) },
			"clear":          func() error { return f.Clear(ctx, "a") },
			"clear all":      func() error { _, err := f.ClearAll(ctx, nil); return err },
			"peek":           func() error { _, err := f.Peek(ctx, "a"); return err },
			"explain":        func() error { _, err := f.Explain(ctx, "a"); return err },
			"cache clear":    func() error { _, err := c.ClearAll(ctx); return err },
			"tag":            func() error { _, err := c.InvalidateTag(ctx, "t"); return err },
			"dataset":        func() error { _, err := c.DeleteDataset(ctx, "d"); return err },
			"wrap":           func() error { _, err := reprise.Wrap(c, echo, nil); return err },
			"entry get":      func() error { var v int; return s.Get(ctx, "k", &v) },
			"entry set":      func() error { return s.Set(ctx, "k", 1, nil) },
			"entry has":      func() error { _, err := s.Has(ctx, "k"); return err },
			"entry delete":   func() error { _, err := s.Delete(ctx, "k"); return err },
			"entry list":     func() error { _, err := s.ListKeys(ctx, ""); return err },
			"entry watch":    func() error { _, err := s.Subscribe(ctx, func(reprise.Event) {}); return err },
			"entry clearing": func() error { _, err := s.Clear(ctx); return err },
		}
		for op, do := range ops {
			err := do()
			if !errors.Is(err, reprise.ErrClosed) {
				t.Errorf("%s: %v is no ErrClosed", op, err)
				continue
			}
			says(t, err, "closed")
		}
		if n := runs.count(); n != 1 {
			t.Errorf("%d runs, want 1", n)
		}
		if n, err := f.Uncached(ctx, "a"); n != runs.count() || err != nil {
			t.Error("the function itself has nothing to do with the cache:", n, err)
		}
	})
}
