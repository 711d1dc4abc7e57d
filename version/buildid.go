package version

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
)

// BuildID is the policy that covers all of the program's code: its part is the
// content ID that the go command wrote into the running executable, so any
// change to the program, its dependencies or its toolchain is a new version.
// It is safe and coarse. Where the executable carries no such ID (it was
// built with -ldflags=-buildid=, or by another build system), it is the
// SHA-256 of the file.
//
// The executable is read once per process, at the first call. Plugins, shared
// libraries and programs that it starts are not covered; use a Salt. Go code
// that was itself built as a library (-buildmode=c-shared, c-archive, plugin)
// gets an error, for the executable is then another program.
func BuildID() Policy { return Named("BuildID", running.version) }

// version is the policy BuildID.
func (prog program) version(ctx context.Context, salt string, _ Params) (Part, error) {
	if err := ctx.Err(); err != nil {
		return Part{}, err
	}
	id, err := prog.buildID()
	if err != nil {
		return Part{}, err
	}
	return Part{
		Policy: "BuildID",
		Value:  digest("BuildID", salt, id),
		Detail: []Component{{Name: "executable", Digest: short("executable", id)}},
	}, nil
}

// runningID identifies the code of the running executable.
var runningID = sync.OnceValues(func() (string, error) {
	if info, ok := debug.ReadBuildInfo(); ok {
		if err := checkBuildMode(info); err != nil {
			return "", err
		}
	}
	f, err := openRunning()
	if err != nil {
		return "", fmt.Errorf("cannot open the running executable: %w", err)
	}
	defer f.Close()
	return executableID(f)
})

// checkBuildMode refuses modes in which this code is not in the executable.
func checkBuildMode(info *debug.BuildInfo) error {
	for _, s := range info.Settings {
		if s.Key == "-buildmode" && slices.Contains([]string{"c-shared", "c-archive", "plugin", "shared"}, s.Value) {
			return fmt.Errorf("the running executable does not hold this code, which was built with -buildmode=%s", s.Value)
		}
	}
	return nil
}

// openRunning opens the file that the process was started from. On Linux
// /proc/self/exe leads there even after a new build took its place.
func openRunning() (*os.File, error) {
	if runtime.GOOS == "linux" {
		if f, err := os.Open("/proc/self/exe"); err == nil {
			return f, nil
		}
	}
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

// executableID is the content ID in f, or a hash of all of f. The two are
// marked apart.
func executableID(f *os.File) (string, error) {
	if id, ok := contentID(goBuildID(f)); ok {
		return "go:" + id, nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("cannot read the running executable: %w", err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}
