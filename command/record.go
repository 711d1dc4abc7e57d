package command

import (
	"io/fs"
	"time"
)

// Run is the record of one run: the value that is stored. Nothing of it
// depends on the machine, except for what the command itself wrote. Treat it
// as read-only.
type Run struct {
	ExitCode int
	Began    time.Time // by the clock of the machine that ran it
	Took     time.Duration
	Recipe   Recipe
	Chunks   []Chunk // what it wrote, in order; neighbours differ in stream
	Outputs  []Output
	// Digest is the SHA-256 of all that justified the result, in hexadecimal
	// digits: by it Rerun knows whether the inputs are what they were.
	Digest string

	doubt error // why the run must not be stored; never encoded
}

// Recipe is how to run the command again.
type Recipe struct {
	Args         []string       `json:"args"`
	Dir          string         `json:"dir"`
	Cwd          CwdMode        `json:"cwd,omitempty"`
	Inputs       []string       `json:"inputs,omitempty"`
	AllowMissing bool           `json:"allow_missing,omitempty"`
	Gitignore    bool           `json:"gitignore,omitempty"`
	Env          []string       `json:"env,omitempty"` // names
	Stdin        bool           `json:"stdin,omitempty"`
	Executable   ExecutableMode `json:"executable,omitempty"`
	IgnoreArgs   []string       `json:"ignore_args,omitempty"`
	Outputs      []string       `json:"outputs,omitempty"`
}

// Chunk is a piece of one stream.
type Chunk struct {
	Stream int // 1 or 2
	Bytes  []byte
}

// Output is a file, link or directory that the command made.
type Output struct {
	Path   string      // relative to Dir, with slashes
	Mode   fs.FileMode // type (0, ModeDir or ModeSymlink) and permissions
	Size   int64       // of a file
	SHA256 [32]byte    // of a file's content
	Target string      // of a link
	Pieces []Piece     // of a file's content, in order
}

// Piece is a part of a file's content, stored once under its digest.
type Piece struct {
	SHA256 [32]byte
	Size   int64
}
