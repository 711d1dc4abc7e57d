package version

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

type podSpec struct {
	Image  string
	Limits map[string]string
	Labels *[]string
}

func podPart(t *testing.T, p Params) Part {
	t.Helper()
	part, err := PodTemplate().Version(t.Context(), "", p)
	if err != nil {
		t.Fatal(err)
	}
	return part
}

func TestPodTemplate_whatCounts(t *testing.T) {
	labels := []string{"a", "b"}
	full := podSpec{"app:v1", map[string]string{"cpu": "1", "memory": "1Gi"}, &labels}
	base := podPart(t, Params{PodTemplate: full, PodTemplateName: "gpu"})
	if diff := cmp.Diff([]string{"template", "name"}, names(base.Detail)); diff != "" {
		t.Errorf("components:\n%s", diff)
	}
	copied := []string{"a", "b"}
	same := podSpec{"app:v1", map[string]string{"memory": "1Gi", "cpu": "1"}, &copied}
	if again := podPart(t, Params{PodTemplate: same, PodTemplateName: "gpu"}); again.Value != base.Value {
		t.Error("an equal template has another version")
	}
	less := full
	less.Limits = map[string]string{"cpu": "1"}
	for name, p := range map[string]Params{
		"limits":       {PodTemplate: less, PodTemplateName: "gpu"},
		"other name":   {PodTemplate: full, PodTemplateName: "cpu"},
		"no name":      {PodTemplate: full},
		"no template":  {PodTemplateName: "gpu"},
		"another type": {PodTemplate: struct{ Image string }{"app:v1"}, PodTemplateName: "gpu"},
		"text":         {PodTemplate: `{"image":"app:v1"}`, PodTemplateName: "gpu"},
	} {
		if podPart(t, p).Value == base.Value {
			t.Errorf("%s: does not count", name)
		}
	}
}

func TestPodTemplate_none(t *testing.T) {
	for _, v := range []any{nil, (*podSpec)(nil), map[string]string(nil), []byte(nil)} {
		_, err := PodTemplate().Version(t.Context(), "", Params{PodTemplate: v})
		wantError(t, err, "neither Params.PodTemplate nor Params.PodTemplateName")
	}
}

func TestPodTemplate_notEncodable(t *testing.T) {
	type quantity struct{ amount int64 }
	for _, v := range []any{struct{ F func() }{func() {}}, struct{ Q quantity }{quantity{1}}, make(chan int)} {
		_, err := PodTemplate().Version(t.Context(), "", Params{PodTemplate: v})
		wantError(t, err, "Params.PodTemplate", "JSON or YAML")
	}
}
