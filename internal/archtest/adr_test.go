package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

var (
	decisionFile = regexp.MustCompile(`^\d{4}-[a-z0-9-]+\.md$`)
	decisionLink = regexp.MustCompile(`\]\((\d{4}-[a-z0-9-]+\.md)\)`)
)

func TestEveryDecisionIsListed(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, "docs", "adr")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var listed, written []string
	for _, link := range decisionLink.FindAllStringSubmatch(read(t, filepath.Join(dir, "README.md")), -1) {
		listed = append(listed, link[1])
	}
	for _, e := range entries {
		if e.Name() == "README.md" {
			continue
		}
		if !decisionFile.MatchString(e.Name()) {
			t.Errorf("docs/adr/%s is not called NNNN-what-it-says.md", e.Name())
		}
		if n := len(written); n > 0 && written[n-1][:4] == e.Name()[:min(4, len(e.Name()))] {
			t.Errorf("docs/adr/%s and %s have the same number", written[n-1], e.Name())
		}
		written = append(written, e.Name())
	}
	for _, name := range written {
		if !slices.Contains(listed, name) {
			t.Errorf("docs/adr/README.md does not list %s", name)
		}
	}
	for _, name := range listed {
		if !slices.Contains(written, name) {
			t.Errorf("docs/adr/README.md lists %s, which does not exist", name)
		}
	}
}
