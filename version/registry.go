package version

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// ErrNotRegistered is wrapped by FunctionBody's error for a function of which
// no generated code told the version.
var ErrNotRegistered = errors.New("no code version is registered")

// Registration is what generated code knows of one cached function.
type Registration struct {
	// Name is the constant name under which the function is cached. Names of
	// functions at run time do not serve: the compiler renames closures and
	// folds instantiations. Required.
	Name string
	// Version identifies the code that the function can reach inside the main
	// module, on this platform. Required.
	Version string
	// Package is the import path whose generated file this is, for messages.
	Package string
	// Modules are the paths of the modules that the function reaches. Their
	// versions are not noted but read from the running program, so that a new
	// one counts without generating again.
	Modules []string
	// Std says that the function reaches the standard library, so that the
	// version of Go counts.
	Std bool
	// Manifest lists the reachable code for people to compare, one line for
	// each declaration: what it is called, a space and the hash of it. Lines
	// that begin with # are the generator's own. It does not enter the
	// version, and may be empty. It is read only when it is asked for.
	Manifest []byte
}

// Register makes the code version of a function known to FunctionBody and
// Auto. Generated code calls it from init, before or after the function is
// wrapped: registrations are looked up at the first call. It never fails; a
// registration that is incomplete, or contradicts another of the same name, is
// an error when that name is looked up. Safe for concurrent use.
func Register(r Registration) { registered.add(r) }

// Registered returns the registration under name. It returns an error that
// wraps ErrNotRegistered where there is none, and one that names both
// versions where two registrations contradict each other. Safe for concurrent
// use.
func Registered(name string) (Registration, error) { return registered.lookup(name) }

// registry holds registrations by name. The zero registry is empty and ready.
type registry struct {
	mu     sync.RWMutex // protects byName
	byName map[string][]Registration
}

var registered registry

func (g *registry) add(r Registration) {
	r.Modules = sortedSet(r.Modules)
	g.mu.Lock()
	defer g.mu.Unlock()
	if slices.ContainsFunc(g.byName[r.Name], r.agrees) {
		return // said twice, but no contradiction
	}
	if g.byName == nil {
		g.byName = make(map[string][]Registration)
	}
	g.byName[r.Name] = append(g.byName[r.Name], r)
}

// agrees reports whether r and other stand for the same version.
func (r Registration) agrees(other Registration) bool {
	return r.Version == other.Version && r.Std == other.Std && slices.Equal(r.Modules, other.Modules)
}

func (g *registry) lookup(name string) (Registration, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	found := g.byName[name]
	switch {
	case name == "":
		return Registration{}, fmt.Errorf("%w: the function has no name", ErrNotRegistered)
	case len(found) == 0:
		return Registration{}, fmt.Errorf("%w under %q%s: generate its code version, or use Auto or BuildID", ErrNotRegistered, name, g.hint())
	case len(found) > 1:
		return Registration{}, fmt.Errorf("%q is registered with different code versions, %s: two functions need two names, or one package was generated for other sources than it was built from", name, describe(found))
	case found[0].Version == "":
		return Registration{}, fmt.Errorf("%q is registered without a version%s: generate it again", name, found[0].by())
	}
	r := found[0]
	r.Modules = slices.Clone(r.Modules)
	return r, nil
}

// hint tells of registrations that nothing can find.
func (g *registry) hint() string {
	if n := len(g.byName[""]); n > 0 {
		return fmt.Sprintf(" (but %d without a name%s)", n, g.byName[""][0].by())
	}
	return ""
}

func (r Registration) by() string {
	if r.Package == "" {
		return ""
	}
	return " by " + r.Package
}

// describe lists contradicting registrations.
func describe(rs []Registration) string {
	list := make([]string, len(rs))
	for i, r := range rs {
		list[i] = r.Version + r.by()
		if i > 0 && r.Version == rs[0].Version {
			list[i] += " (the same code, other modules)"
		}
	}
	return strings.Join(list, " and ")
}

// components parses the manifest.
func (r Registration) components() ([]Component, error) {
	var list []Component
	n := 0
	for line := range strings.Lines(string(r.Manifest)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		if at <= 0 || at == len(line)-1 {
			return nil, fmt.Errorf("manifest of %q, line %d: want a name, a space and a hash: generate it again", r.Name, n)
		}
		list = append(list, Component{line[:at], line[at+1:]})
	}
	return list, nil
}
