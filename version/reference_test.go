package version

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	sha256Digest = "sha256:" + strings.Repeat("0123456789abcdef", 4)
	sha512Digest = "sha512:" + strings.Repeat("0123456789abcdef", 8)
)

func TestParseReference(t *testing.T) {
	for s, want := range map[string]reference{
		"alpine":                             {repository: "alpine"},
		"alpine:3.20":                        {"alpine", "3.20", ""},
		"library/alpine:latest":              {"library/alpine", "latest", ""},
		"ghcr.io/acme/re-size:v1":            {"ghcr.io/acme/re-size", "v1", ""},
		"localhost:5000/app":                 {"localhost:5000/app", "", ""},
		"localhost:5000/app:v1_2-3.x":        {"localhost:5000/app", "v1_2-3.x", ""},
		"[2001:db8::1]:5000/app:v1":          {"[2001:db8::1]:5000/app", "v1", ""},
		"REGISTRY.example.com/a/b__c/d":      {"REGISTRY.example.com/a/b__c/d", "", ""},
		"app@" + sha256Digest:                {"app", "", sha256Digest},
		"r.io:443/a/b:v1@" + sha512Digest:    {"r.io:443/a/b", "v1", sha512Digest},
		"app@x+y:" + strings.Repeat("A", 32): {"app", "", "x+y:" + strings.Repeat("A", 32)},
	} {
		got, err := parseReference(s)
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(reference{})); diff != "" {
			t.Errorf("%q:\n%s", s, diff)
		}
	}
}

func TestParseReference_malformed(t *testing.T) {
	for _, s := range []string{
		"", " ", ":v1", "App", "acme/App:v1", "app:", "app@", "app: v1", "app:v1 ", "app:v1:v2", "app:.v1",
		"app:" + strings.Repeat("x", 129), "/app", "app/", "a//b", "a..b", "https://ghcr.io/app:v1", "app\n", "app:v1\n",
		"app@sha256", "app@sha256:abc", "app@sha256:" + strings.Repeat("z", 64), "app@" + sha256Digest + ":v1",
		"app@" + sha256Digest + "00", "app@" + strings.Replace(sha256Digest, "abc", "Abc", 1), "app@sha512:" + strings.Repeat("0", 64),
		"-app", "app-", "ünicode", "-reg.io/app", "$APP:v1",
	} {
		if ref, err := parseReference(s); err == nil {
			t.Errorf("%q parses as %+v", s, ref)
		} else if !strings.Contains(err.Error(), "digest") && !strings.Contains(err.Error(), "no image reference") {
			t.Errorf("%q: unclear error %q", s, err)
		}
	}
}

// FuzzParseReference: no panic, and the parts put together are the reference.
func FuzzParseReference(f *testing.F) {
	for _, s := range []string{"alpine", "localhost:5000/app:v1", "r.io/a@" + sha256Digest, "a:b:c", "[::1]/x", "A/b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := parseReference(s)
		if err != nil {
			return
		}
		back := ref.repository
		if ref.tag != "" {
			back += ":" + ref.tag
		}
		if ref.digest != "" {
			back += "@" + ref.digest
		}
		if back != s || ref.repository == "" {
			t.Errorf("%q parses as %+v", s, ref)
		}
	})
}
