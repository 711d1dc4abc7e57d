package canon

import (
	"sync"
	"time"
)

// An identity is what stat tells of a file. Content does not change without
// it, except within the granularity of the clock.
type identity struct {
	size          int64
	mtime, ctime  int64 // nanoseconds; ctime is 0 where the system has none
	device, inode uint64
}

const (
	// racyWindow is the age under which a file may still change without
	// changing its times: file systems count in steps of up to two seconds.
	racyWindow = 2 * time.Second
	// maxRemembered files are remembered per half, about 200 bytes each.
	maxRemembered = 1 << 16
)

// A memo remembers content hashes by path. When the young half is full it
// becomes the old one, and the old one is forgotten; what is looked up moves
// to the young half. It is safe for concurrent use.
type memo struct {
	now   func() time.Time
	limit int

	mu         sync.Mutex
	young, old map[string]memoEntry // protected by mu
}

type memoEntry struct {
	id  identity
	sum digest
}

func newMemo(now func() time.Time, limit int) *memo {
	return &memo{now: now, limit: limit, young: map[string]memoEntry{}}
}

// contents is the memo of the process: file systems are shared by all of it.
var contents = newMemo(time.Now, maxRemembered)

// lookup finds the hash of the file at path if it is still the same file.
func (m *memo) lookup(path string, id identity) (digest, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.young[path]
	if !ok {
		if e, ok = m.old[path]; ok {
			m.insert(path, e)
		}
	}
	return e.sum, ok && e.id == id
}

// remember notes the hash of a file whose reading began at the given time,
// unless the file was touched too short before.
func (m *memo) remember(path string, id identity, sum digest, began time.Time) {
	if began.UnixNano()-max(id.mtime, id.ctime) < int64(racyWindow) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.insert(path, memoEntry{id, sum})
}

// insert wants mu held.
func (m *memo) insert(path string, e memoEntry) {
	if len(m.young) >= m.limit {
		m.old, m.young = m.young, make(map[string]memoEntry, m.limit/4)
	}
	m.young[path] = e
}
