package command

import (
	"path"
	"path/filepath"
	"strings"
)

// inside reports a clean path with slashes that stays in the directory it is
// relative to, by its text; "." is the directory itself.
func inside(p string) bool {
	return p != "" && path.Clean(p) == p && filepath.IsLocal(filepath.FromSlash(p)) && !strings.ContainsRune(p, 0)
}

// parent is the directory of a path relative to some directory, "." at last.
func parent(p string) string { return path.Dir(p) }

// comparePaths orders paths so that a directory comes right before what is in
// it.
func comparePaths(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] == b[i] {
			continue
		}
		switch {
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		case a[i] < b[i]:
			return -1
		}
		return 1
	}
	return len(a) - len(b)
}

// within reports whether the path p, relative and with slashes, is dir or lies
// in it.
func within(p, dir string) bool {
	return dir == "." || p == dir || strings.HasPrefix(p, dir+"/")
}

// join makes one path with slashes of two, of which the first may be ".".
func join(dir, name string) string {
	if dir == "." {
		return name
	}
	return dir + "/" + name
}
