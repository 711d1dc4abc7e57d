package reprise_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
	"github.com/reprise-go/reprise/store/storetest"
)

// guarded has a field that counts and must not be seen.
type guarded struct {
	City  string
	Token string `reprise:"private"`
	Deep  struct {
		Pass []string `reprise:"private"`
	}
}

// canaries are secrets by where they are given to reprise.
var canaries = map[string]string{
	"user":     "canary-user-7d1f0b9a4c",
	"jwt":      "canary-jwt-55e0c2719d",
	"operator": "canary-operator-01ab67ce",
	"prompt":   "canary-prompt-9918dafe7b",
	"input":    "canary-input-3b3b41d2aa",
	"deep":     "canary-deep-77ff66ee55",
	"salt":     "canary-salt-1029384756",
	"secret":   "canary-secret-zyxwvutsrq0123",
	"signing":  "canary-signing-qwertzuiop456",
}

// spellings are the ways in which a secret can be written without being hidden.
func spellings(secret string) [][]byte {
	b := []byte(secret)
	all := [][]byte{b, []byte(hex.EncodeToString(b)), bytes.ToUpper([]byte(hex.EncodeToString(b))),
		[]byte(url.QueryEscape(secret)), []byte(strconv.Quote(secret))}
	for shift := range 3 { // base64 looks different at each offset
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := enc.EncodeToString(append(make([]byte, shift), b...))
			all = append(all, []byte(text[4:len(text)-4]))
		}
	}
	return all
}

// leaks expects no canary in what was found in a place.
func leaks(t *testing.T, place string, found []byte) {
	t.Helper()
	for where, secret := range canaries {
		for _, s := range spellings(secret) {
			if bytes.Contains(found, s) {
				t.Errorf("%s shows the secret given as %s, spelled %q", place, where, s)
			}
		}
	}
}

// TestGuarantee21_NoSecretInClear gives secrets to every place that takes one,
// uses everything, and looks into the store's files, the logs, the errors and
// everything that explains.
func TestGuarantee21_NoSecretInClear(t *testing.T) {
	var log, shown bytes.Buffer
	u := file(t)
	dir := filepath.Dir(database(u))
	cfg := secretConfig(&log)
	c := openWith(t, u, cfg)
	secretive(t, c, &shown)
	leaks(t, "what was shown", shown.Bytes())
	files(t, dir) // with the log of the database still there
	closeNow(t, c)
	files(t, dir)
	if !bytes.Contains(shown.Bytes(), []byte("Bergen")) {
		t.Error("not even what is no secret was shown: the test shows little")
	}

	faults := storetest.NewFaulty(memstore.New(nil))
	ill := over(t, faults.Store(), cfg)
	for _, m := range []storetest.Method{storetest.MethodGet, storetest.MethodPut, storetest.MethodChanges, storetest.MethodClear, storetest.MethodBump} {
		faults.Fail(m, 0, errDown)
	}
	shown.Reset()
	secretive(t, ill, &shown)
	if log.Len() == 0 {
		t.Error("nothing was logged: the test shows nothing of logs")
	}
	leaks(t, "what was shown of a failing store", shown.Bytes())
	leaks(t, "the log", log.Bytes())
}

func secretConfig(log io.Writer) *reprise.Config {
	return &reprise.Config{OnStoreError: reprise.FailClosed, Secret: []byte(canaries["secret"]), SigningKey: []byte(canaries["signing"]),
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
}

// secretive uses the cache with all the canaries and prints all there is.
func secretive(t *testing.T, c *reprise.Cache, shown *bytes.Buffer) {
	t.Helper()
	show := func(xs ...any) {
		for _, x := range xs {
			fmt.Fprintf(shown, "%v %+v %#v %s\n", x, x, x, x)
		}
	}
	f := wrap(t, c, func(_ context.Context, in guarded) ([]byte, error) {
		if in.City == "Nowhere" {
			return nil, errors.New("no such city")
		}
		return noise(1, 70<<10), nil
	}, reprise.Options[guarded, []byte]{Name: "f", Salt: canaries["salt"], Scope: everyScope})
	ctx := in(reprise.Execution{Dataset: "d", Operator: canaries["operator"], User: canaries["user"], Prompt: canaries["prompt"], JWT: canaries["jwt"]})
	input := guarded{City: "Oslo", Token: canaries["input"]}
	input.Deep.Pass = []string{canaries["deep"]}
	for _, city := range []string{"Oslo", "Bergen", "Nowhere", "Oslo"} {
		input.City = city
		r, err := f.Do(ctx, input)
		r.Value = nil
		show(r, err)
		x, err := f.Explain(ctx, input)
		show(x, x.String(), err)
	}
	r, err := f.Peek(ctx, input)
	r.Value = nil
	show(r, err, f.Set(ctx, input, []byte("set")), f.Clear(ctx, input), second(c.InvalidateTag(ctx, "t")))
	x, err := f.Explain(ctx, input)
	show(x, x.String(), err, f.Version(), f.Name(), f.IgnoredInputs(), c.Stats())
	_, err = f.Do(in(reprise.Execution{Dataset: "d", User: canaries["user"]}), input)
	show(err, f.Set(in(reprise.Execution{User: canaries["user"]}), input, nil))
}

// files expects no canary in any file of a store, and at least the database's.
func files(t *testing.T, dir string) {
	t.Helper()
	plain := false
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		leaks(t, filepath.Base(path), b)
		leaks(t, "the name "+path, []byte(path))
		plain = plain || bytes.Contains(b, []byte("Bergen"))
		return err
	})
	if err != nil || !plain {
		t.Errorf("what is no secret is in a file: %t, %v; the test shows little", plain, err)
	}
}

// TestGuarantee21_StoresNameUsersDifferently: without Config.Secret the hashes are keyed
// by a secret of the store, so two stores name the same user differently.
func TestGuarantee21_StoresNameUsersDifferently(t *testing.T) {
	keys := map[store.Key]bool{}
	for range 3 {
		fn, _ := counting[int]()
		f := wrap(t, open(t, file(t)), fn, reprise.Options[int, int]{Scope: reprise.ByUser})
		keys[does(t, in(reprise.Execution{Dataset: "d", User: "alice"}), f, 1, reprise.Populated, reprise.Absent).Key] = true
	}
	if len(keys) != 3 {
		t.Errorf("%d keys for one user in three stores, want 3", len(keys))
	}
}
