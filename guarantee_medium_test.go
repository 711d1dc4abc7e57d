//go:build unix

package reprise_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/rueidis"

	"github.com/reprise-go/reprise/store"
)

// medium is where a store's bytes lie on a server, for those who go around the
// store. Its layout is specified in docs/redis.md and docs/postgres.md.
type medium interface {
	// sealed is the value under key as it lies there.
	sealed(t *testing.T, key store.Key) []byte
	// plant puts sealed in its place. honest has the driver's own fields state
	// the right size, as someone would who can write the store.
	plant(t *testing.T, key store.Key, sealed []byte, honest bool)
	// flips are the bits that the driver keeps of an entry beside its value.
	flips() []harm
	// losses are parts of an entry, and of what it hangs on, that go missing or
	// turn into junk, without which a result can still be stored.
	losses() []harm
	// ruins leave the store useless until somebody mends it.
	ruins() []harm
	// dump is all that the store keeps, in a text that differs where a bit does.
	dump(t *testing.T) string
	// bytes are all bytes that the store keeps, names included.
	bytes(t *testing.T) []byte
}

// harm is something that befalls what a store keeps of a key.
type harm struct {
	name string
	do   func(t *testing.T, key store.Key)
}

// mediumOf reaches the server behind a URL of onEveryStore.
func mediumOf(t *testing.T, rawURL string) medium {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	prefix, schema := q.Get("reprise_prefix"), q.Get("reprise_schema")
	q.Del("reprise_prefix")
	q.Del("reprise_schema")
	u.RawQuery = q.Encode()
	if u.Scheme == "redis" {
		return &redisMedium{redisClient(t, u.String()), prefix}
	}
	return &postgresMedium{postgresConn(t, u.String()), schema}
}

// onEveryServer runs a test on an empty store of each kind that is on a
// server, one after the other.
func onEveryServer(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(stores)) {
		if name != "sqlite" {
			t.Run(name, func(t *testing.T) { test(t, stores[name](t)) })
		}
	}
}

func redisClient(t *testing.T, url string) rueidis.Client {
	t.Helper()
	o, err := rueidis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	o.DisableCache = true
	c, err := rueidis.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// redisMedium is the keys with a prefix.
type redisMedium struct {
	client rueidis.Client
	prefix string
}

func (m *redisMedium) own(kind string) string { return "{" + m.prefix + "}:" + kind }

// of is the name of a key in the shard that key is in.
func (m *redisMedium) of(key store.Key, kind string) string {
	return fmt.Sprintf("{%s:%02x}:%s", m.prefix, key[0], kind)
}

func (m *redisMedium) entry(key store.Key) string { return m.of(key, "e:"+string(key[:])) }

// run sends a command whose second word is a key.
func (m *redisMedium) run(t *testing.T, command, key string, args ...string) rueidis.RedisResult {
	t.Helper()
	r := m.client.Do(context.Background(), m.client.B().Arbitrary(command).Keys(key).Args(args...).Build())
	if err := r.Error(); err != nil && !rueidis.IsRedisNil(err) {
		t.Fatalf("%s %q: %v", command, key, err)
	}
	return r
}

const redisHeader = 58

// take reads an entry: its header, labels and value.
func (m *redisMedium) take(t *testing.T, key store.Key) (head, labels, value []byte) {
	t.Helper()
	b, err := m.run(t, "GET", m.entry(key)).AsBytes()
	if err != nil || len(b) < redisHeader {
		t.Fatalf("the entry of %s: %d bytes, %v", key.Short(), len(b), err)
	}
	n := redisHeader + binary.BigEndian.Uint64(b[48:])
	return b[:redisHeader:redisHeader], b[redisHeader:n:n], b[n:]
}

// put keeps the time to live of the entry.
func (m *redisMedium) put(t *testing.T, key store.Key, parts ...[]byte) {
	t.Helper()
	m.run(t, "SET", m.entry(key), string(bytes.Join(parts, nil)), "KEEPTTL")
}

func (m *redisMedium) sealed(t *testing.T, key store.Key) []byte {
	t.Helper()
	_, _, value := m.take(t, key)
	return value
}

func (m *redisMedium) plant(t *testing.T, key store.Key, sealed []byte, honest bool) {
	t.Helper()
	head, labels, _ := m.take(t, key)
	if honest { // the labels begin with their version and the value's size
		_, n := binary.Uvarint(labels[1:])
		labels = append(binary.AppendUvarint(labels[:1:1], uint64(len(sealed))), labels[1+n:]...)
		binary.BigEndian.PutUint64(head[48:], uint64(len(labels)))
	}
	m.put(t, key, head, labels, sealed)
}

// each calls f with every key of the store and a command sender for its node.
func (m *redisMedium) each(t *testing.T, f func(key string, do func(args ...string) rueidis.RedisResult)) {
	t.Helper()
	ctx := context.Background()
	for _, node := range m.client.Nodes() {
		do := func(args ...string) rueidis.RedisResult {
			return node.Do(ctx, node.B().Arbitrary(args...).Build())
		}
		if facts, err := do("INFO", "replication").ToString(); err != nil || strings.Contains(facts, "role:slave") {
			continue
		}
		for cursor := uint64(0); ; {
			page, err := do("SCAN", fmt.Sprint(cursor), "MATCH", "{"+m.prefix+"[:}]*", "COUNT", "1000").AsScanEntry()
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range page.Elements {
				f(key, do)
			}
			if cursor = page.Cursor; cursor == 0 {
				break
			}
		}
	}
}

func (m *redisMedium) dump(t *testing.T) string {
	t.Helper()
	var lines []string
	m.each(t, func(key string, do func(...string) rueidis.RedisResult) {
		b, err := do("DUMP", key).ToString()
		until, err2 := do("PEXPIRETIME", key).ToInt64()
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		lines = append(lines, fmt.Sprintf("%q %x %d", key, b, until))
	})
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// bytes asks for contents by type: what DUMP says may be compressed.
func (m *redisMedium) bytes(t *testing.T) []byte {
	t.Helper()
	read := map[string][]string{"string": {"GET"}, "hash": {"HGETALL"}, "set": {"SMEMBERS"}, "zset": {"ZRANGE", "0", "-1", "WITHSCORES"}}
	var all bytes.Buffer
	m.each(t, func(key string, do func(...string) rueidis.RedisResult) {
		kind, err := do("TYPE", key).ToString()
		c, known := read[kind]
		if err != nil || !known {
			t.Fatalf("key %q is a %s; %v", key, kind, err)
		}
		dump, err := do("DUMP", key).ToString()
		if err != nil {
			t.Fatal(err)
		}
		content, err := do(slices.Insert(slices.Clone(c), 1, key)...).ToAny()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s\n%s\n%s\n", key, dump, content)
	})
	return all.Bytes()
}

func postgresConn(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) }) // the server may be gone
	return c
}

// postgresMedium is the tables of a schema.
type postgresMedium struct {
	conn   *pgx.Conn
	schema string
}

// run runs SQL in which {s} stands for the schema, and returns how many rows
// it was about.
func (m *postgresMedium) run(t *testing.T, sql string, args ...any) int64 {
	t.Helper()
	sql = strings.ReplaceAll(sql, "{s}", m.schema)
	tag, err := m.conn.Exec(context.Background(), sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return tag.RowsAffected()
}

// alter is run on exactly one row.
func (m *postgresMedium) alter(t *testing.T, sql string, args ...any) {
	t.Helper()
	if n := m.run(t, sql, args...); n != 1 {
		t.Fatalf("%s: %d rows, want 1", sql, n)
	}
}

func (m *postgresMedium) sealed(t *testing.T, key store.Key) (value []byte) {
	t.Helper()
	row := m.conn.QueryRow(context.Background(), "SELECT value FROM "+m.schema+".entries WHERE key = $1 AND present", key[:])
	if err := row.Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func (m *postgresMedium) plant(t *testing.T, key store.Key, sealed []byte, honest bool) {
	t.Helper()
	m.alter(t, "UPDATE {s}.entries SET value = $2 WHERE key = $1", key[:], sealed)
	if honest {
		m.alter(t, "UPDATE {s}.entries SET size = $2 WHERE key = $1", key[:], len(sealed))
	}
}

// tables are all of the schema, and its sequences.
func (m *postgresMedium) tables(t *testing.T) []string {
	t.Helper()
	rows, err := m.conn.Query(context.Background(), `SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relkind IN ('r', 'S') ORDER BY 1`, m.schema)
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) < 10 {
		t.Fatalf("tables %q, %v", names, err)
	}
	return names
}

// dump has the number of the transaction that wrote each row, so that a row
// that was written without being changed shows too.
func (m *postgresMedium) dump(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	objects := `SELECT coalesce(string_agg(c.oid || ' ' || c.relname, ',' ORDER BY c.oid), '') FROM pg_class c JOIN pg_namespace n
		ON n.oid = c.relnamespace WHERE n.nspname = '` + m.schema + `'`
	queries := []string{objects}
	for _, table := range m.tables(t) {
		queries = append(queries, "SELECT coalesce(string_agg(t.xmin || ' ' || t.ctid || ' ' || row(t.*)::text, ',' ORDER BY t.ctid), '') FROM "+m.schema+"."+table+" t")
	}
	for _, sql := range queries {
		var text string
		if err := m.conn.QueryRow(context.Background(), sql).Scan(&text); err != nil {
			t.Fatal(sql, err)
		}
		all.WriteString(text + "\n")
	}
	return all.String()
}

func (m *postgresMedium) bytes(t *testing.T) []byte {
	t.Helper()
	var all bytes.Buffer
	for _, table := range m.tables(t) {
		rows, err := m.conn.Query(context.Background(), "SELECT * FROM "+m.schema+"."+table)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			for _, column := range rows.RawValues() {
				fmt.Fprintf(&all, "%s\n", column)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all.Bytes()
}
