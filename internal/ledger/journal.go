package ledger

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Journal is where short-lived processes note their calls: a file of this
// user with a line a call. Adding a line costs microseconds, where a page in
// the store would cost a look and a put. Somebody who has the time, such as the
// next process that runs what it calls anyway, folds the lines into pages.
//
// Processes may use a Journal at the same time. A line that is cut short or
// damaged is passed over. The file is bounded: calls beyond its bound are not
// noted.
type Journal struct {
	// File is the journal's path. Beside it, while they are folded, lie files
	// whose names begin with it.
	File string
}

// Note is a call of a function.
type Note struct {
	Time       time.Time     `json:"t"`
	Collection string        `json:"c"`
	Name       string        `json:"n"`
	Outcome    string        `json:"o"`
	Reason     string        `json:"r,omitempty"`
	Saved      time.Duration `json:"saved,omitempty"`  // nanoseconds
	Spent      time.Duration `json:"spent,omitempty"`  // nanoseconds
	Stored     int64         `json:"stored,omitempty"` // bytes
}

// maxJournal bounds a journal, in bytes: some 30,000 calls that nobody folds.
const maxJournal = 4 << 20

// Add appends a note. Without the directory it makes one.
func (j Journal) Add(n Note) error {
	line, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	f, err := j.open()
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if info, err := f.Stat(); err == nil && info.Size() < maxJournal {
		// One write: lines of several processes do not mix.
		_, err = f.Write(append(line, '\n'))
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

func (j Journal) open() (*os.File, error) {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	f, err := os.OpenFile(j.File, flags, 0o600)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	if err := os.MkdirAll(filepath.Dir(j.File), 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(j.File, flags, 0o600)
}

// folding comes between a journal's name and that of a part that is folded.
const folding = ".folding-"

// Fold takes the notes out of the journal and calls put with their pages, one
// for each hour, and for each other part of the journal that a process before
// began to fold and did not finish. Where put fails, the notes are kept for the
// next Fold. Pages of one part have the same keys and counts each time: putting
// them again does no harm.
func (j Journal) Fold(put func(*Page) error) error {
	if err := j.part(); err != nil {
		return fmt.Errorf("ledger: fold the journal: %w", err)
	}
	parts, err := filepath.Glob(literal(j.File) + folding + "*")
	if err != nil {
		return fmt.Errorf("ledger: fold the journal: %w", err)
	}
	for _, p := range parts {
		if err := foldPart(p, put); err != nil {
			return fmt.Errorf("ledger: fold the journal: %w", err)
		}
	}
	return nil
}

// Due reports whether it is time to fold: the journal has a note that is older
// than a minute. Who folds more often fills the ledger with pages.
func (j Journal) Due(now time.Time) bool {
	f, err := os.Open(j.File)
	if err != nil {
		return false
	}
	defer f.Close()
	line, _ := bufio.NewReader(f).ReadBytes('\n')
	var n Note
	return json.Unmarshal(line, &n) != nil || now.Sub(n.Time) > time.Minute
}

// part takes what the journal has aside, under a name that pages get, too. A
// process that has the file open still may add a line to it; one that comes
// after it was read is lost.
func (j Journal) part() error {
	err := os.Rename(j.File, j.File+folding+rand.Text())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func literal(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

func foldPart(file string, put func(*Page) error) error {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // another process was faster
	}
	if err != nil {
		return err
	}
	_, writer, _ := strings.Cut(filepath.Base(file), folding)
	for _, p := range pages(b, writer) {
		if err := put(p); err != nil {
			return err
		}
	}
	if err := os.Remove(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// pages adds the notes up.
func pages(b []byte, writer string) []*Page {
	var all []*Page
	byHour := make(map[time.Time]*Page)
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, maxJournal+1)
	for lines.Scan() {
		var n Note
		if json.Unmarshal(lines.Bytes(), &n) != nil || !n.sound() {
			continue
		}
		hour := n.Time.UTC().Truncate(time.Hour)
		p := byHour[hour]
		if p == nil {
			p = &Page{Start: hour, Span: time.Hour, Writer: writer}
			byHour[hour] = p
			all = append(all, p)
		}
		c := n.counts()
		p.Of(n.Collection, n.Name).Add(&c)
	}
	return all
}

func (n *Note) sound() bool { return !n.Time.IsZero() && n.Outcome != "" && n.Name != "" }

func (n *Note) counts() Counts {
	c := Counts{Outcomes: map[string]uint64{n.Outcome: 1}, Saved: n.Saved, Spent: n.Spent, Stored: n.Stored}
	if n.Reason != "" {
		c.Reasons = map[string]uint64{n.Reason: 1}
	}
	return c
}
