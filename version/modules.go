package version

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/bmatcuk/doublestar/v4"
)

// Modules is the policy that covers the modules that the program is built
// from, by the version and checksum in its build information. A pattern is a
// module path with *, ?, [a-z], {a,b} and ** for any number of path elements,
// such as "golang.org/x/*" or "github.com/acme/**"; "std" stands for the
// standard library. Without patterns all modules and the standard library
// count. A pattern that matches none is an error.
//
// The main module is never covered: it has no version while it is worked on.
// Use FunctionBody or BuildID for the program's own code.
//
// Where no checksum fixes the content of a module, BuildID stands in for it:
// a module replaced by a directory, of a workspace, or vendored. Likewise for
// all modules in test binaries, of which the go command does not record the
// modules. That is never wrong, but changes with every edit.
func Modules(patterns ...string) Policy {
	return modulesPolicy(running, sortedSet(patterns))
}

// program is what policies learn about the running executable.
type program struct {
	info    func() (*debug.BuildInfo, error)
	buildID func() (string, error)
}

var running = program{
	info: sync.OnceValues(func() (*debug.BuildInfo, error) {
		if info, ok := debug.ReadBuildInfo(); ok {
			return info, nil
		}
		return nil, errors.New("the executable carries no build information: build it with the go command in module mode, or use BuildID")
	}),
	buildID: runningID,
}

// std is the name by which patterns select the standard library.
const std = "std"

func modulesPolicy(prog program, patterns []string) Policy {
	return Named("Modules", func(ctx context.Context, salt string, _ Params) (Part, error) {
		if err := ctx.Err(); err != nil {
			return Part{}, err
		}
		info, err := prog.info()
		if err != nil {
			return Part{}, err
		}
		paths, err := selectModules(info, patterns)
		if err != nil {
			return Part{}, err
		}
		pins, err := prog.pins(info, paths)
		if err != nil {
			return Part{}, err
		}
		parts := []string{salt}
		for _, p := range pins {
			parts = append(parts, p.parts()...)
		}
		return Part{Policy: "Modules", Value: digest("Modules", parts...), Detail: details(pins)}, nil
	})
}

// selectModules returns the paths that patterns select, sorted. Where the go
// command did not note the modules, a pattern stands for those it might select
// and, being no path, is pinned by the build ID.
func selectModules(info *debug.BuildInfo, patterns []string) ([]string, error) {
	if len(patterns) == 0 {
		patterns = []string{"**"}
	}
	all := []string{std}
	for _, m := range info.Deps {
		all = append(all, m.Path)
	}
	var selected []string
	for _, pattern := range patterns {
		if !doublestar.ValidatePattern(pattern) {
			return nil, fmt.Errorf("pattern %q is malformed", pattern)
		}
		found := slices.DeleteFunc(slices.Clone(all), func(path string) bool {
			return !doublestar.MatchUnvalidated(pattern, path)
		})
		switch {
		case !recordsModules(info) && pattern != std:
			found = append(found, pattern)
		case len(found) == 0:
			return nil, noModule(info, pattern)
		}
		selected = append(selected, found...)
	}
	return sortedSet(selected), nil
}

// recordsModules reports whether the go command noted the modules. It does not
// for test binaries. This package has dependencies, so a complete list is
// never empty.
func recordsModules(info *debug.BuildInfo) bool { return len(info.Deps) > 0 }

func noModule(info *debug.BuildInfo, pattern string) error {
	if doublestar.MatchUnvalidated(pattern, info.Main.Path) {
		return fmt.Errorf("pattern %q matches the main module only, which has no version: use FunctionBody or BuildID for its code", pattern)
	}
	return fmt.Errorf("pattern %q matches no module of this program: see them with go version -m", pattern)
}

// pin is what fixes the code of one module.
type pin struct {
	path     string
	version  string
	checksum string
	buildID  string // stands in where there is no checksum
}

func (p pin) parts() []string { return []string{p.path, p.version, p.checksum, p.buildID} }

// details describes pins for people, as module@version.
func details(pins []pin) []Component {
	list := make([]Component, 0, len(pins))
	for _, p := range pins {
		name := strings.TrimSuffix(p.path+"@"+p.version, "@")
		list = append(list, Component{name, short("module", p.parts()...)})
	}
	return list
}

// pins fixes the modules at paths.
func (prog program) pins(info *debug.BuildInfo, paths []string) ([]pin, error) {
	pins := make([]pin, 0, len(paths))
	for _, path := range paths {
		p, err := prog.pin(info, path)
		if err != nil {
			return nil, err
		}
		pins = append(pins, p)
	}
	return pins, nil
}

// pin fixes the module at path. A replacement counts by its own path and
// version: it is the code that runs.
func (prog program) pin(info *debug.BuildInfo, path string) (pin, error) {
	if path == std {
		return pin{path: std, version: info.GoVersion}, nil
	}
	p := pin{path: path}
	if i := slices.IndexFunc(info.Deps, func(m *debug.Module) bool { return m.Path == path }); i >= 0 {
		m := info.Deps[i]
		if m.Replace != nil {
			m = m.Replace
		}
		p.version, p.checksum = m.Version, m.Sum
	}
	if p.version != "" && p.checksum != "" {
		return p, nil
	}
	var err error
	p.buildID, err = prog.buildID()
	return p, err
}
