package version

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Files is the policy that covers the content of files below the working
// directory: configuration, models, templates, whatever the function reads
// that is not an input. A pattern is a slash-separated path with *, ?, [a-z],
// {a,b} and ** for any number of directories; it is relative and has no "..".
// Symbolic links are followed. Names count as well as content, modes and times
// do not; order and overlap of patterns do not matter. Files are read anew at
// each call.
//
// A pattern that matches no file is an error, for it is a typing error or a
// wrong working directory; so is a file that cannot be read.
func Files(patterns ...string) Policy { return filesPolicy(os.DirFS("."), patterns) }

// FilesIn is Files for the files of fsys: an embed.FS, or os.DirFS for a
// directory that is not the working directory. fsys must allow concurrent
// use. A nil fsys is an error.
func FilesIn(fsys fs.FS, patterns ...string) Policy { return filesPolicy(fsys, patterns) }

func filesPolicy(fsys fs.FS, patterns []string) Policy {
	patterns = sortedSet(patterns)
	return Named("Files", func(ctx context.Context, salt string, _ Params) (Part, error) {
		files, err := hashFiles(ctx, fsys, patterns)
		if err != nil {
			return Part{}, err
		}
		part := Part{Policy: "Files"}
		parts := []string{salt}
		for _, f := range files {
			parts = append(parts, f.name, f.sum)
			part.Detail = append(part.Detail, Component{f.name, f.sum[:shortDigits]})
		}
		part.Value = digest("Files", parts...)
		return part, nil
	})
}

// hashedFile is a file by its slash-separated name and the hex SHA-256 of its
// content.
type hashedFile struct{ name, sum string }

// hashFiles hashes the files that any of patterns matches, sorted by name.
func hashFiles(ctx context.Context, fsys fs.FS, patterns []string) ([]hashedFile, error) {
	if fsys == nil {
		return nil, errors.New("the file system is nil")
	}
	if len(patterns) == 0 {
		return nil, errors.New("no pattern is given: name the files, such as \"config/**/*.yaml\"")
	}
	var names []string
	for _, p := range patterns {
		matched, err := match(ctx, fsys, p)
		if err != nil {
			return nil, err
		}
		names = append(names, matched...)
	}
	names = sortedSet(names)
	files := make([]hashedFile, 0, len(names))
	for _, name := range names {
		sum, err := hashFile(ctx, fsys, name)
		if err != nil {
			return nil, fmt.Errorf("file %q: %w", name, err)
		}
		files = append(files, hashedFile{name, sum})
	}
	return files, nil
}

func hashFile(ctx context.Context, fsys fs.FS, name string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	// Opening a named pipe would wait for a writer.
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("is no regular file (%s)", info.Mode().Type())
	}
	f, err := fsys.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, readerWithin{ctx, f}); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// readerWithin stops reading a large file when its ctx ends.
type readerWithin struct {
	ctx context.Context
	r   io.Reader
}

func (r readerWithin) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
