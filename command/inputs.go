package command

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// A scan finds the files of Spec.Inputs and what counts of each.
type scan struct {
	ctx     context.Context
	dir     string // absolute; what entries are relative to
	digests *digests
	missing bool // entries may name nothing
	ignored bool // git's ignored files are left out
	exclude []string
	outputs []string // declared; what lies in them is no input, unless an entry names it

	states   map[string]string // what counts, by name; names are as in the key
	contents []*content        // to be hashed
	names    []string          // of contents
	kinds    []string          // of contents: what comes before the digest
}

// What counts of a file begins with one of these.
const (
	stateFile = "file" // then the digest
	stateExec = "executable"
	stateLink = "link" // then its text and, where it leads to a file, that file's state
	stateDir  = "empty directory"
	stateNone = "missing"
)

// inputs gives what counts of each input, by its path relative to the
// directory, with slashes; paths given as absolute stay so.
func (s *scan) inputs(entries []string) (map[string]string, error) {
	s.states = make(map[string]string)
	var include []string
	for _, e := range entries {
		if pattern, not := strings.CutPrefix(e, "!"); not {
			if !doublestar.ValidatePattern(pattern) {
				return nil, failure("input %q: malformed pattern", e)
			}
			s.exclude = append(s.exclude, path.Clean(filepath.ToSlash(pattern)))
		} else {
			include = append(include, e)
		}
	}
	for _, e := range include {
		if err := s.entry(e); err != nil {
			return nil, s.named(e, err)
		}
	}
	if err := hashAll(s.ctx, s.contents); err != nil {
		return nil, failure("inputs: %w", err)
	}
	for i, c := range s.contents {
		s.states[s.names[i]] = s.kinds[i] + " " + hex.EncodeToString(c.sum[:])
	}
	return s.states, nil
}

func (s *scan) named(entry string, err error) error {
	var own *Error
	if errors.As(err, &own) || s.ctx.Err() != nil {
		return err
	}
	return failure("input %q: %w", entry, err)
}

// entry adds what one entry names.
func (s *scan) entry(e string) error {
	if e == "" {
		return errors.New("it is empty; \".\" is the directory itself")
	}
	name := path.Clean(filepath.ToSlash(e))
	abs := s.abs(name)
	info, err := os.Stat(abs)
	switch {
	case err == nil && info.IsDir():
		return s.directory(name)
	case err == nil:
		s.file(name, abs, info, stateOf(info), s.digests.under(filepath.Dir(abs)))
		return regular(info)
	case isGlob(name):
		return s.glob(name)
	case !errors.Is(err, fs.ErrNotExist):
		return cause(err)
	case s.missing:
		s.states[name] = stateNone
		return nil
	}
	return failure("input %q: there is no such file below %s", e, s.dir).hint("allow missing inputs, if the command does without")
}

func (s *scan) abs(name string) string {
	if p := filepath.FromSlash(name); filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(s.dir, filepath.FromSlash(name))
}

func isGlob(name string) bool { return strings.ContainsAny(name, "*?[{") }

// glob adds the files that a pattern matches.
func (s *scan) glob(pattern string) error {
	if !doublestar.ValidatePattern(pattern) {
		return errors.New("malformed pattern")
	}
	base, rest := doublestar.SplitPattern(pattern)
	before := len(s.names) + len(s.states)
	err := s.tree(base, func(rel string) bool { return doublestar.MatchUnvalidated(rest, rel) }, !strings.Contains(rest, "**"), depth(rest))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(s.names)+len(s.states) > before {
		return nil
	}
	if s.missing {
		s.states[pattern] = stateNone
		return nil
	}
	return failure("input %q matches no file below %s", pattern, s.dir).hint("quote the pattern, so that the shell leaves it alone; or allow missing inputs, if the command does without")
}

// depth is how many directories deep a pattern without ** can match.
func depth(pattern string) int { return strings.Count(pattern, "/") }

// directory adds all that is in a directory.
func (s *scan) directory(name string) error {
	before := len(s.names) + len(s.states)
	err := s.tree(name, func(string) bool { return true }, false, 0)
	if err == nil && len(s.names)+len(s.states) == before {
		s.states[name] = stateDir
	}
	return err
}

// tree adds the files below name that match, by their path relative to it.
func (s *scan) tree(name string, match func(rel string) bool, shallow bool, levels int) error {
	root, err := filepath.EvalSymlinks(s.abs(name))
	if err != nil {
		return err
	}
	w := &walk{scan: s, name: name, root: root, match: match, shard: s.digests.under(root), levels: -1}
	for _, o := range s.outputs {
		if !declares([]string{o}, name) {
			w.made = append(w.made, o)
		}
	}
	if shallow {
		w.levels = levels
	}
	if s.ignored {
		return w.visible()
	}
	return w.directory(root, ".", 0)
}

// excluded reports whether an exclusion matches a name or a directory it is in.
func (s *scan) excluded(name string) bool {
	for _, pattern := range s.exclude {
		for p := name; p != "." && p != "/" && p != ""; p = path.Dir(p) {
			if doublestar.MatchUnvalidated(pattern, p) {
				return true
			}
		}
	}
	return false
}

// file adds a file that is to be hashed.
func (s *scan) file(name, abs string, info fs.FileInfo, kind string, in *shard) {
	if _, again := s.states[name]; again || s.excluded(name) || !info.Mode().IsRegular() {
		return
	}
	s.states[name] = ""
	s.names = append(s.names, name)
	s.kinds = append(s.kinds, kind)
	s.contents = append(s.contents, &content{shard: in, path: abs, info: info})
}

func stateOf(info fs.FileInfo) string {
	if info.Mode().Perm()&0o111 != 0 {
		return stateExec
	}
	return stateFile
}

// regular is an error where something cannot be read as a file.
func regular(info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return fmt.Errorf("it is neither file, directory nor link (%s); leave it out", info.Mode().Type())
}
