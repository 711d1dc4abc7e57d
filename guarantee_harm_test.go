//go:build unix

package reprise_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/reprise-go/reprise/store"
)

// What can befall the parts of an entry that are the driver's own, and what
// hangs on them.

// someBits are samples of the bits of a field.
func someBits(n int) []int {
	all := rand.New(rand.NewPCG(7, uint64(n))).Perm(n)
	return all[:min(n, torture(2, 16))]
}

// redisFields are the parts of an entry's header by the byte where they begin.
var redisFields = []struct {
	name     string
	at, bits int
}{
	{"begun", 0, 64}, {"created", 8, 64}, {"expires", 16, 64}, {"dead", 24, 64}, {"fence", 32, 64},
	{"cleared", 40, 64}, {"length of labels", 48, 64}, {"policy", 56, 8}, {"presence", 57, 8},
}

func (m *redisMedium) flips() (all []harm) {
	flip := func(part int, bit int) func(*testing.T, store.Key) {
		return func(t *testing.T, key store.Key) {
			head, labels, value := m.take(t, key)
			b := [][]byte{head, labels}[part]
			b[bit/8%len(b)] ^= 0x80 >> (bit % 8)
			m.put(t, key, head, labels, value)
		}
	}
	for _, f := range redisFields {
		for _, bit := range someBits(f.bits) {
			// The servers of a cluster do not know each other's number: by a
			// clock they tell one that is more than a day ahead.
			if f.name == "begun" && 1<<(63-bit) < 24*time.Hour.Microseconds() && m.client.Mode() == rueidis.ClientModeCluster {
				continue
			}
			all = append(all, harm{fmt.Sprintf("bit %d of %s", bit, f.name), flip(0, 8*f.at+bit)})
		}
	}
	for _, bit := range someBits(600) {
		all = append(all, harm{fmt.Sprintf("bit %d of the labels", bit), flip(1, bit)})
	}
	return all
}

// cut leaves n bytes of an entry.
func (m *redisMedium) cut(n int) func(*testing.T, store.Key) {
	return func(t *testing.T, key store.Key) {
		head, labels, value := m.take(t, key)
		all := append(append(head, labels...), value...)
		m.put(t, key, all[:n])
	}
}

// claim writes a number into the header.
func (m *redisMedium) claim(at int, n uint64) func(*testing.T, store.Key) {
	return func(t *testing.T, key store.Key) {
		head, labels, value := m.take(t, key)
		for i := range 8 {
			head[at+i] = byte(n >> (56 - 8*i))
		}
		m.put(t, key, head, labels, value)
	}
}

// sizes has the labels claim that the value has n bytes.
func (m *redisMedium) sizes(varint string) func(*testing.T, store.Key) {
	return func(t *testing.T, key store.Key) {
		head, labels, value := m.take(t, key)
		copy(labels[1:], varint) // over what follows, too
		m.put(t, key, head, labels, value)
	}
}

func (m *redisMedium) losses() []harm {
	gone := func(kind string) func(*testing.T, store.Key) {
		return func(t *testing.T, key store.Key) { m.run(t, "DEL", m.of(key, kind)) }
	}
	ownGone := func(kind string) func(*testing.T, store.Key) {
		return func(t *testing.T, _ store.Key) { m.run(t, "DEL", m.own(kind)) }
	}
	junk := strings.Repeat("\xdb\x7f\xff", 100)
	return []harm{
		{"the entry is gone", func(t *testing.T, key store.Key) { m.run(t, "DEL", m.entry(key)) }},
		{"the manifest is gone", func(t *testing.T, key store.Key) { m.run(t, "DEL", m.of(key, "m:"+string(key[:]))) }},
		{"the entry is of another type", func(t *testing.T, key store.Key) {
			m.run(t, "DEL", m.entry(key))
			m.run(t, "RPUSH", m.entry(key), "junk")
		}},
		{"the entry is empty", m.cut(0)},
		{"half a header", m.cut(30)},
		{"a header alone", m.cut(redisHeader)},
		{"half the labels", m.cut(redisHeader + 7)},
		{"junk", func(t *testing.T, key store.Key) { m.put(t, key, []byte(junk)) }},
		{"zeros", func(t *testing.T, key store.Key) { m.put(t, key, make([]byte, 1000)) }},
		{"labels of 1 GiB", m.claim(48, 1<<30)},
		{"labels of 2^64-1", m.claim(48, 1<<64-1)},
		{"begun at 2^64-1", m.claim(0, 1<<64-1)},
		{"cleared at 2^64-1", m.claim(40, 1<<64-1)},
		{"a value of 1 GiB", m.sizes("\x80\x80\x80\x80\x04")},
		{"a value of 2^64-1", m.sizes("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
		{"the index is gone", gone("x")},
		{"the index is junk", func(t *testing.T, key store.Key) { m.run(t, "HSET", m.of(key, "x"), string(key[:]), "junk") }},
		{"the sum is gone", gone("n")},
		{"the times are gone", func(t *testing.T, key store.Key) {
			m.run(t, "DEL", m.of(key, "t"))
			m.run(t, "DEL", m.of(key, "d"))
		}},
		{"the entry is in no set", func(t *testing.T, key store.Key) {
			m.eachSet(t, func(id string) { m.run(t, "DEL", m.of(key, "s:"+id)) })
		}},
		{"the sets are gone", ownGone("s")},
		{"the sets are junk", func(t *testing.T, _ store.Key) {
			m.eachSet(t, func(id string) { m.run(t, "HSET", m.own("s"), id, junk) })
		}},
		{"the log of changes is gone", ownGone("c")},
		{"the log of changes is junk", func(t *testing.T, key store.Key) { m.run(t, "HSET", m.own("c"), string(key[:]), junk) }},
		{"the log of changes is of another kind", func(t *testing.T, key store.Key) {
			m.run(t, "HSET", m.own("c"), string(key[:]), "\x93\xa1x\xa1y\xa1z") // as cmsgpack: three strings
		}},
		{"the order of changes is gone", ownGone("k")},
		{"the occupied shards are gone", ownGone("o")},
		{"a lease is junk", func(t *testing.T, key store.Key) { m.run(t, "HSET", m.of(key, "l"), string(key[:]), junk) }},
		{"a lock is held by nobody", func(t *testing.T, key store.Key) {
			m.run(t, "SET", m.of(key, "o:"+string(key[:])), "nobody", "PX", "200")
		}},
	}
}

func (m *redisMedium) eachSet(t *testing.T, f func(id string)) {
	t.Helper()
	ids, err := m.run(t, "HKEYS", m.own("s")).AsStrSlice()
	if err != nil || len(ids) == 0 {
		t.Fatalf("%d sets, %v", len(ids), err)
	}
	for _, id := range ids {
		f(id)
	}
}

func (m *redisMedium) ruins() []harm {
	return []harm{
		{"the store's own keys are of another type", func(t *testing.T, _ store.Key) { m.run(t, "SET", m.own("m"), "junk") }},
		{"the index is of another type", func(t *testing.T, key store.Key) {
			m.cut(30)(t, key)
			m.run(t, "SET", m.of(key, "x"), "junk")
		}},
	}
}

func (m *postgresMedium) flips() (all []harm) {
	for _, column := range []string{"set_id", "bucket", "begun", "created", "expires", "grace", "dead", "cost", "size", "fence", "cleared", "changed"} {
		for _, bit := range someBits(64) {
			all = append(all, harm{fmt.Sprintf("bit %d of %s", bit, column), func(t *testing.T, key store.Key) {
				m.alter(t, "UPDATE {s}.entries SET "+column+" = "+column+" # (1::bigint << $2) WHERE key = $1", key[:], bit)
			}})
		}
	}
	return all
}

func (m *postgresMedium) losses() (all []harm) {
	of := func(sql string) func(*testing.T, store.Key) {
		return func(t *testing.T, key store.Key) { m.run(t, sql, key[:]) }
	}
	const set = "(SELECT set_id FROM {s}.entries WHERE key = $1)"
	for name, sql := range map[string]string{
		"the entry is gone":        "DELETE FROM {s}.entries WHERE key = $1",
		"the entry is not present": "UPDATE {s}.entries SET present = false WHERE key = $1",
		"the entry's name is junk": `UPDATE {s}.entries SET entry = '\xdb7fff' WHERE key = $1`,
		"the manifest is gone":     "UPDATE {s}.entries SET manifest = '' WHERE key = $1",
		"a value of 1 GiB":         "UPDATE {s}.entries SET size = 1 << 30 WHERE key = $1",
		"a value of 2^63-1":        "UPDATE {s}.entries SET size = 9223372036854775807 WHERE key = $1",
		"a value of -2^63":         "UPDATE {s}.entries SET size = -9223372036854775808 WHERE key = $1",
		"its set is gone":          "DELETE FROM {s}.sets WHERE id = " + set,
		"its set is another's":     `UPDATE {s}.sets SET function = 'x', dataset = 'y' WHERE id = ` + set,
		"its set has another name": `UPDATE {s}.sets SET digest = sha256('junk ' || digest) WHERE id = ` + set,
		"its labels are gone":      "DELETE FROM {s}.set_labels WHERE set_id = " + set,
		"its tallies are gone":     "DELETE FROM {s}.tallies WHERE set_id = " + set,
		"its tallies are junk":     "UPDATE {s}.tallies SET entries = -7, live = 1::bigint << 62, bytes = -1 WHERE set_id = " + set,
		"all labels are gone":      "DELETE FROM {s}.labels WHERE $1::bytea IS NOT NULL",
		"a lease is junk": `INSERT INTO {s}.leases (key, state, fence, until, owner) VALUES ($1, 77, -1, -1, 'nobody')
			ON CONFLICT (key) DO UPDATE SET state = 77, fence = -1, until = -1`,
		"its use is in the future": "INSERT INTO {s}.uses VALUES ($1, 9223372036854775807) ON CONFLICT DO NOTHING",
	} {
		all = append(all, harm{name, of(sql)})
	}
	return all
}

func (m *postgresMedium) ruins() []harm {
	of := func(sql string) func(*testing.T, store.Key) {
		return func(t *testing.T, _ store.Key) { m.run(t, sql) }
	}
	return []harm{
		{"the tags of a set are junk", of(`UPDATE {s}.sets SET tags = '\xffffffffffffffffff7f'`)},
		{"the store's own row is gone", of("DELETE FROM {s}.meta")},
		{"a table is gone", of("DROP TABLE {s}.entries")},
		{"a function is gone", of("DROP FUNCTION {s}.tell CASCADE; DELETE FROM {s}.entries")},
	}
}
