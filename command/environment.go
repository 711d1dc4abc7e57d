package command

import (
	"crypto/sha256"
	"encoding/hex"
	"runtime"
	"strings"
)

// environment gives variables each once, the last value winning, with PWD as
// the directory says.
func environment(environ []string, dir string) []string {
	last := make(map[string]int, len(environ))
	out := make([]string, 0, len(environ)+1)
	set := func(kv string) {
		name, _, ok := cutVariable(kv)
		if !ok {
			return // nothing can look it up
		}
		if i, again := last[name]; again {
			out[i] = kv
			return
		}
		last[name] = len(out)
		out = append(out, kv)
	}
	for _, kv := range environ {
		set(kv)
	}
	set("PWD=" + dir)
	return out
}

// cutVariable splits NAME=VALUE. Windows has names that begin with "=".
func cutVariable(kv string) (name, value string, ok bool) {
	i := strings.IndexByte(kv, '=')
	if i == 0 {
		if i = strings.IndexByte(kv[1:], '=') + 1; i == 0 {
			return "", "", false
		}
	}
	if i < 0 {
		return "", "", false
	}
	return kv[:i], kv[i+1:], true
}

// lookupEnv finds a variable, as the system compares names.
func lookupEnv(environ []string, name string) (string, bool) {
	for i := len(environ) - 1; i >= 0; i-- {
		n, value, ok := cutVariable(environ[i])
		if ok && (n == name || runtime.GOOS == "windows" && strings.EqualFold(n, name)) {
			return value, true
		}
	}
	return "", false
}

// What counts of a variable. Values stay out of keys' descriptions, which
// people read: they may be secrets. Their digests depend on the salt.
const (
	envUnset = "not set"
	envSet   = "set, " // then the digest
)

// variables gives what counts of each of the named variables.
func variables(names, environ []string, salt string) (map[string]string, error) {
	out := make(map[string]string, len(names))
	for _, name := range names {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return nil, failure("variable %q: no variable is called so", name).hint("name it alone, without its value")
		}
		value, set := lookupEnv(environ, name)
		if !set {
			out[name] = envUnset
			continue
		}
		h := sha256.New()
		for _, part := range []string{"reprise variable", salt, name, value} {
			sum := sha256.Sum256([]byte(part))
			h.Write(sum[:])
		}
		out[name] = envSet + hex.EncodeToString(h.Sum(nil))
	}
	return out, nil
}
