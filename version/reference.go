package version

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// reference is a parsed image reference.
type reference struct {
	repository string // with the registry, where one is given
	tag        string
	digest     string // algorithm:hex
}

// The grammar is that of the container registries: a registry, which has a
// dot, a port or the name localhost, then a path in lower case, a tag and a
// digest. Compiling it takes longer than most uses of this package, so only
// programs that have images pay for it.
var referenceGrammar = sync.OnceValue(func() *regexp.Regexp {
	const (
		label    = `(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])`
		registry = `(?:(?:` + label + `(?:\.` + label + `)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?)`
		piece    = `[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*`
		name     = `(?:` + registry + `/)?` + piece + `(?:/` + piece + `)*`
		tag      = `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`
		digest   = `[A-Za-z][A-Za-z0-9]*(?:[+._-][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}`
	)
	return regexp.MustCompile(`^(` + name + `)(?::(` + tag + `))?(?:@(` + digest + `))?$`)
})

// hexDigits are the lengths of the digests that registries use.
var hexDigits = map[string]int{"sha256": 64, "sha384": 96, "sha512": 128}

func parseReference(s string) (reference, error) {
	m := referenceGrammar().FindStringSubmatch(s)
	if m == nil {
		return reference{}, fmt.Errorf("%q is no image reference: want [registry[:port]/]repository[:tag][@sha256:…], the repository in lower case", s)
	}
	ref := reference{repository: m[1], tag: m[2], digest: m[3]}
	algorithm, sum, _ := strings.Cut(ref.digest, ":")
	if n, known := hexDigits[algorithm]; known && (len(sum) != n || sum != strings.ToLower(sum)) {
		return reference{}, fmt.Errorf("%q: a %s digest has %d hexadecimal digits in lower case", s, algorithm, n)
	}
	return ref, nil
}

// identity is what the image is known by: its digest, else the reference.
func (r reference) identity(mutable bool) (string, error) {
	if r.digest != "" {
		return r.digest, nil
	}
	named := r.repository
	if r.tag != "" {
		named += ":" + r.tag
	}
	if (r.tag == "" || r.tag == "latest") && !mutable {
		return "", fmt.Errorf("%q may be another image tomorrow: pin it by digest (%s@sha256:…), or say that it is meant with Ref(…).Mutable() or ImageSpec.AllowMutableTag", named, named)
	}
	return named, nil
}
