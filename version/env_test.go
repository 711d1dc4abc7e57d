package version

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func envPart(t *testing.T, salt string, names ...string) Part {
	t.Helper()
	part, err := Env(names...).Version(t.Context(), salt, Params{})
	if err != nil {
		t.Fatal(err)
	}
	return part
}

func TestEnv_unsetDiffersFromEmpty(t *testing.T) {
	const name = "REPRISE_TEST_ENV"
	t.Setenv(name, "") // so that it is restored
	empty := envPart(t, "", name)
	os.Unsetenv(name)
	unset := envPart(t, "", name)
	t.Setenv(name, "unset")
	text := envPart(t, "", name)
	if empty.Value == unset.Value || unset.Value == text.Value {
		t.Errorf("empty %s, unset %s, the text unset %s", empty.Value, unset.Value, text.Value)
	}
	if diff := cmp.Diff([]Component{{name, "unset"}}, unset.Detail); diff != "" {
		t.Errorf("unset:\n%s", diff)
	}
}

func TestEnv_eachVariableCounts(t *testing.T) {
	t.Setenv("REPRISE_A", "1")
	t.Setenv("REPRISE_B", "2")
	both := envPart(t, "", "REPRISE_B", "REPRISE_A", "REPRISE_B")
	if again := envPart(t, "", "REPRISE_A", "REPRISE_B"); again.Value != both.Value {
		t.Error("order or repetition of names counts")
	}
	t.Setenv("REPRISE_B", "3")
	changed := envPart(t, "", "REPRISE_A", "REPRISE_B")
	if changed.Value == both.Value {
		t.Error("a changed variable does not count")
	}
	if changed.Detail[0] != both.Detail[0] || changed.Detail[1] == both.Detail[1] {
		t.Errorf("detail %v became %v, want B alone to change", both.Detail, changed.Detail)
	}
	t.Setenv("REPRISE_A", "2")
	t.Setenv("REPRISE_B", "1")
	if swapped := envPart(t, "", "REPRISE_A", "REPRISE_B"); swapped.Value == both.Value {
		t.Error("swapped values share a version")
	}
}

func TestEnv_valuesStayOut(t *testing.T) {
	const secret = "canary-4711"
	t.Setenv("REPRISE_SECRET", secret)
	v, err := Resolve(t.Context(), Spec{Policies: []Policy{Env("REPRISE_SECRET")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{v.String(), v.Parts[0].Value, v.Parts[0].Detail[0].Digest, v.Parts[0].Detail[0].Name} {
		if strings.Contains(s, secret) {
			t.Errorf("%q shows the value", s)
		}
	}
	if a, b := envPart(t, "a", "REPRISE_SECRET"), envPart(t, "b", "REPRISE_SECRET"); a.Detail[0] == b.Detail[0] {
		t.Error("a secret salt does not protect the digest")
	}
}

func TestEnv_malformed(t *testing.T) {
	_, err := Env().Version(t.Context(), "", Params{})
	wantError(t, err, "no variable is named")
	for _, name := range []string{"", "A=1", "A\x00"} {
		_, err := Env("HOME", name).Version(t.Context(), "", Params{})
		wantError(t, err, "no name of an environment variable")
	}
}
