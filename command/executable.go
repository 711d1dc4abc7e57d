package command

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// find looks a program up as a shell would: in dir where its name has a slash,
// else in PATH. Its errors have the exit codes of shells.
func find(program, dir string, environ []string) (string, error) {
	if program == "" {
		return "", failure("the program's name is empty")
	}
	if hasSlash(program) {
		found, err := executableAt(program, absolute(dir, program))
		if err != nil {
			return "", err
		}
		return found, nil
	}
	path, _ := lookupEnv(environ, "PATH")
	var refused error
	for _, entry := range filepath.SplitList(path) {
		found, err := executableAt(program, absolute(dir, filepath.Join(entry, program)))
		if err == nil {
			return found, nil
		}
		if err.Code == ExitNotExecutable && refused == nil {
			refused = err
		}
	}
	if refused != nil {
		return "", refused
	}
	e := &Error{Code: ExitNotFound, Err: fmt.Errorf("%s: command not found", program)}
	if _, err := os.Stat(filepath.Join(dir, program)); err == nil {
		return "", e.hint("to run the file of that name in this directory, say ./" + program)
	}
	return "", e
}

func hasSlash(program string) bool {
	return strings.ContainsRune(program, '/') || runtime.GOOS == "windows" && strings.ContainsAny(program, `\:`)
}

func absolute(dir, p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(dir, p)
}

// executableAt checks that path, which program means, can be executed.
func executableAt(program, path string) (string, *Error) {
	var err error
	for _, suffix := range suffixes() {
		var info fs.FileInfo
		info, err = os.Stat(path + suffix)
		if err != nil {
			continue
		}
		if info.IsDir() {
			return "", &Error{Code: ExitNotExecutable, Err: fmt.Errorf("%s is a directory", program)}
		}
		if info.Mode().Perm()&0o111 == 0 && runtime.GOOS != "windows" {
			e := &Error{Code: ExitNotExecutable, Err: fmt.Errorf("%s may not be executed", program)}
			return "", e.hint("chmod +x " + program)
		}
		return path + suffix, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return "", &Error{Code: ExitNotExecutable, Err: fmt.Errorf("%s: %w", program, cause(err))}
	}
	return "", &Error{Code: ExitNotFound, Err: fmt.Errorf("%s: there is no such program", program)}
}

// suffixes are what the system leaves out of programs' names.
func suffixes() []string {
	if runtime.GOOS == "windows" {
		return []string{"", ".exe", ".bat", ".cmd", ".com"}
	}
	return []string{""}
}

// program gives what counts of the program at path: itself, and where it is a
// script the interpreters in its first line, and theirs.
func (s *scan) program(path string, mode ExecutableMode, project string, environ []string) ([]string, error) {
	if mode == ExecutableName || mode == ExecutableIgnore {
		return nil, nil
	}
	var parts []string
	for range maxInterpreters {
		part, err := s.oneProgram(path, mode, project)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		next := interpreter(path)
		if next == "" {
			break
		}
		found, err := find(next, s.dir, environ)
		if err != nil {
			return append(parts, "missing "+next), nil // the run will say so
		}
		path = found
	}
	return parts, nil
}

// maxInterpreters bounds scripts that scripts interpret; Linux has 4, too.
const maxInterpreters = 4

func (s *scan) oneProgram(path string, mode ExecutableMode, project string) (string, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", failure("program %s: %w", path, cause(err))
	}
	info, err := os.Stat(resolved)
	if err != nil {
		return "", failure("program %s: %w", path, cause(err))
	}
	inProject := resolved == project || strings.HasPrefix(resolved, strings.TrimSuffix(project, string(filepath.Separator))+string(filepath.Separator))
	if mode == ExecutableAuto && !inProject {
		return fmt.Sprintf("%s, %d bytes of %d", resolved, info.Size(), info.ModTime().UnixNano()), nil
	}
	c := &content{shard: s.digests.under(filepath.Dir(resolved)), path: resolved, info: info}
	if err := hashAll(s.ctx, []*content{c}); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return "", failure("program %s cannot be read, so its content cannot count", path).hint("let it count by its name, or not at all")
		}
		return "", failure("program %s: %w", path, err)
	}
	return "content " + hex.EncodeToString(c.sum[:]), nil
}

// maxFirstLine bounds the first line of a script, as Linux does.
const maxFirstLine = 256

// interpreter is the program in the first line of a script, "" where there is
// none. Of "#!/usr/bin/env NAME" it is NAME.
func interpreter(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, maxFirstLine)
	n, _ := io.ReadFull(f, head)
	line, script := strings.CutPrefix(string(head[:n]), "#!")
	if !script {
		return ""
	}
	line, _, _ = strings.Cut(line, "\n")
	words := strings.Fields(line)
	if len(words) == 0 {
		return ""
	}
	if filepath.Base(words[0]) == "env" {
		for _, w := range words[1:] {
			if !strings.HasPrefix(w, "-") && !strings.Contains(w, "=") {
				return w
			}
		}
	}
	return words[0]
}

// projectOf is the next directory upwards from dir, which is absolute and
// without links, that has a .git.
func projectOf(dir string) (string, bool) {
	for at := dir; ; {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return at, true
		}
		up := filepath.Dir(at)
		if up == at {
			return dir, false
		}
		at = up
	}
}
