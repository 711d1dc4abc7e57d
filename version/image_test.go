package version

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func imageVersion(t *testing.T, i Image) (string, error) {
	t.Helper()
	part, err := ContainerImage().Version(t.Context(), "salt", Params{ContainerImage: i})
	return part.Value, err
}

func TestContainerImage_mutableTag(t *testing.T) {
	for _, s := range []string{"app", "app:latest", "localhost:5000/app", "ghcr.io/acme/app:latest"} {
		_, err := imageVersion(t, Ref(s))
		wantError(t, err, "Params.ContainerImage", s, "@sha256:", "Mutable()", "AllowMutableTag")
		if _, err := imageVersion(t, Ref(s).Mutable()); err != nil {
			t.Errorf("%q is meant to change: %v", s, err)
		}
		_, err = imageVersion(t, ImageSpec{BaseImage: s})
		wantError(t, err, "ImageSpec.BaseImage", s, "@sha256:")
		if _, err := imageVersion(t, ImageSpec{BaseImage: s, AllowMutableTag: true}); err != nil {
			t.Errorf("base %q is meant to change: %v", s, err)
		}
	}
	for _, s := range []string{"app:v1", "app:stable", "app:latest@" + sha256Digest, "app@" + sha256Digest} {
		if _, err := imageVersion(t, Ref(s)); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	_, err := imageVersion(t, ImageSpec{Name: "app", Tag: "latest"})
	wantError(t, err, "app:latest")
	for _, spec := range []ImageSpec{{Name: "app", Tag: "latest", AllowMutableTag: true}, {Name: "app"}, {Name: "app", Tag: "v1"}} {
		if _, err := imageVersion(t, spec); err != nil {
			t.Errorf("%+v: %v", spec, err)
		}
	}
}

func TestContainerImage_identity(t *testing.T) {
	other := strings.Replace(sha256Digest, "0", "1", 1)
	groups := [][]Image{ // one version within a group, another in each
		{Ref("app@" + sha256Digest), Ref("mirror.local/app:v1@" + sha256Digest), Ref("app:latest@" + sha256Digest).Mutable()},
		{Ref("app@" + other)},
		{Ref("app:v1"), Ref("app:v1").Mutable()},
		{Ref("app:v2")},
		{Ref("b.io/app:v1")},
		{Ref("app").Mutable()},
		{Ref("app:latest").Mutable()},
		{ImageSpec{Name: "app", Tag: "v1"}, &ImageSpec{Name: "app", Tag: "v1", AllowMutableTag: true}},
	}
	checkGroups(t, groups)
}

// checkGroups checks that images share a version exactly within their group.
func checkGroups(t *testing.T, groups [][]Image) {
	t.Helper()
	seen := map[string]int{}
	for n, group := range groups {
		first := ""
		for i, image := range group {
			v, err := imageVersion(t, image)
			if err != nil {
				t.Fatalf("group %d: %+v: %v", n, image, err)
			}
			if i == 0 {
				first = v
			} else if v != first {
				t.Errorf("group %d: %+v and %+v differ", n, group[0], image)
			}
		}
		if m, dup := seen[first]; dup {
			t.Errorf("groups %d and %d share a version", m, n)
		}
		seen[first] = n
	}
}

func TestImageSpec_everyFieldCounts(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, content := range map[string]string{"a.txt": "a", "b.txt": "b"} {
		if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	checkGroups(t, [][]Image{
		{ImageSpec{Name: "app"}, ImageSpec{Name: "app", Packages: []string{}, Env: map[string]string{}}},
		{ImageSpec{Name: "app", Registry: "ghcr.io/acme"}, ImageSpec{Name: "acme/app", Registry: "ghcr.io"}},
		{ImageSpec{Name: "app", Tag: "v1"}},
		{ImageSpec{BaseImage: "app:v1"}},
		{ImageSpec{Platform: "linux/arm64"}},
		{ImageSpec{Packages: []string{"a", "b"}}, ImageSpec{Packages: []string{"b", "a", "b"}}},
		{ImageSpec{Packages: []string{"ab"}}},
		{ImageSpec{AptPackages: []string{"a", "b"}}, ImageSpec{AptPackages: []string{"b", "a"}}},
		{ImageSpec{Packages: []string{"a"}, AptPackages: []string{"b"}}},
		{ImageSpec{Env: map[string]string{"A": "1", "B": "2"}}, ImageSpec{Env: map[string]string{"B": "2", "A": "1"}}},
		{ImageSpec{Env: map[string]string{"A": "1B", "B": ""}}},
		{ImageSpec{Env: map[string]string{"A": "1", "B": ""}}},
		{ImageSpec{Env: map[string]string{"A": "1"}}},
		{ImageSpec{Commands: []string{"a", "b"}}},
		{ImageSpec{Commands: []string{"b", "a"}}},
		{ImageSpec{Commands: []string{"a", "b", ""}}},
		{ImageSpec{Entrypoint: []string{"a", "b"}}},
		{ImageSpec{CopyFiles: []string{"*.txt"}}, ImageSpec{CopyFiles: []string{"b.txt", "a.txt"}}},
		{ImageSpec{CopyFiles: []string{"a.txt"}}},
	})
}

func TestImageSpec_copiedContentCounts(t *testing.T) {
	t.Chdir(t.TempDir())
	version := func(content string) string {
		if err := os.WriteFile("a.txt", []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		v, err := imageVersion(t, ImageSpec{CopyFiles: []string{"a.txt"}})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if version("1") == version("2") {
		t.Error("the content of a copied file does not count")
	}
}

func TestImageSpec_malformed(t *testing.T) {
	for _, c := range []struct {
		image Image
		says  string
	}{
		{nil, "is not set"},
		{(*ImageSpec)(nil), "is not set"},
		{(*Ref)(nil), "is not set"},
		{Ref("App"), "no image reference"},
		{ImageSpec{}, "empty"},
		{ImageSpec{AllowMutableTag: true}, "empty"},
		{ImageSpec{Registry: "ghcr.io"}, "no Name"},
		{ImageSpec{Tag: "v1"}, "no Name"},
		{ImageSpec{Name: "App"}, "no image reference"},
		{ImageSpec{Name: "app@" + sha256Digest, Tag: "v1"}, "no image reference"},
		{ImageSpec{BaseImage: "App"}, "ImageSpec.BaseImage"},
		{ImageSpec{Packages: []string{"a", " "}}, "ImageSpec.Packages"},
		{ImageSpec{AptPackages: []string{""}}, "ImageSpec.AptPackages"},
		{ImageSpec{Env: map[string]string{"A=B": ""}}, "ImageSpec.Env"},
		{ImageSpec{CopyFiles: []string{"absent/*"}}, "ImageSpec.CopyFiles"},
	} {
		_, err := imageVersion(t, c.image)
		wantError(t, err, "Params.ContainerImage", c.says)
	}
}

func TestContainerImage_detail(t *testing.T) {
	secret := "hunter2-in-the-image"
	spec := ImageSpec{
		Name: "app", Registry: "ghcr.io", BaseImage: "debian:12", Platform: "linux/arm64", Packages: []string{"a"},
		AptPackages: []string{"b"}, Env: map[string]string{"TOKEN": secret, "A": "1"}, Commands: []string{"c"}, Entrypoint: []string{"d"},
		CopyFiles: []string{"doc.go"},
	}
	part, err := ContainerImage().Version(t.Context(), "", Params{ContainerImage: spec})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"Name", "BaseImage", "Platform", "Packages", "AptPackages", "Env A", "Env TOKEN", "Commands", "Entrypoint", "CopyFiles doc.go"}
	if diff := cmp.Diff(want, names(part.Detail)); diff != "" {
		t.Errorf("components:\n%s", diff)
	}
	for _, c := range part.Detail {
		if len(c.Digest) != shortDigits || strings.Contains(c.Name+c.Digest, secret) {
			t.Errorf("component %+v, want a short digest", c)
		}
	}
	part, err = ContainerImage().Version(t.Context(), "", Params{ContainerImage: Ref("ghcr.io/app:v1@" + sha256Digest)})
	if err != nil || !slices.Equal(names(part.Detail), []string{"ghcr.io/app"}) {
		t.Errorf("a reference has components %v, %v", part.Detail, err)
	}
}

// TestImageSpec_leavesTheCallersSlices: sorting must not show outside.
func TestImageSpec_leavesTheCallersSlices(t *testing.T) {
	spec := ImageSpec{Packages: []string{"b", "a"}, Env: map[string]string{"A": "1"}}
	if _, err := imageVersion(t, spec); err != nil {
		t.Fatal(err)
	}
	if spec.Packages[0] != "b" || !maps.Equal(spec.Env, map[string]string{"A": "1"}) {
		t.Errorf("the spec became %+v", spec)
	}
}

func names(cs []Component) []string {
	var list []string
	for _, c := range cs {
		list = append(list, c.Name)
	}
	return list
}
