package inspect

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/reprise-go/reprise/internal/canon"
	"github.com/reprise-go/reprise/store"
)

// partsOf reads a manifest. Entries of execution stores have none.
func partsOf(rec *store.Record) ([]Part, error) {
	parts, err := manifestOf(rec)
	if err != nil || parts == nil {
		return nil, err
	}
	out := make([]Part, len(parts))
	for i := range parts {
		p := &parts[i]
		out[i] = Part{Name: canonical(p.Name), Digest: hex.EncodeToString(p.Digest[:]), Preview: shown(p), Private: p.Private}
	}
	return out, nil
}

func manifestOf(rec *store.Record) ([]canon.Part, error) {
	if len(rec.Manifest) == 0 {
		return nil, nil
	}
	parts, err := canon.ParseParts(rec.Manifest)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return parts, nil
}

// shown is a part's preview. One that claims to be private and has a preview
// all the same is not believed.
func shown(p *canon.Part) string {
	if p.Private {
		return ""
	}
	return canon.Printable(p.Preview)
}

// canonical is a part's name as it may be shown: it may hold a file's name.
func canonical(name string) string { return strings.ToValidUTF8(name, "\uFFFD") }

// scoped tells whether the key holds who may see the value.
func scoped(parts []Part) bool {
	for i := range parts {
		if strings.HasPrefix(parts[i].Name, "scope.") {
			return true
		}
	}
	return false
}

// privateNames are the names of private inputs. What a value calls by such a
// name is not shown either: a function often returns what it was given.
func privateNames(parts []Part) map[string]bool {
	names := map[string]bool{}
	for i := range parts {
		path, isInput := strings.CutPrefix(parts[i].Name, "input.")
		if !isInput || !parts[i].Private {
			continue
		}
		names[folded(path[strings.LastIndexByte(path, '.')+1:])] = true
	}
	return names
}

// folded makes APIToken, api_token and apiToken one name.
func folded(name string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name))
}
