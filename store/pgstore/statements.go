package pgstore

import "strings"

// statements are the SQL texts of a schema; pgx prepares each once a
// connection.
type statements struct {
	get, info, put, publish, clear, bump, know, held, update, set           string
	acquire, renew, release                                                 string
	changes, free, dead, hidden, hiddenIn, evict, persistent, uses, claim   string
	mark, raise, tombs, idleSets, dropSets, dropLabels, dropTallies, leases string
	schema                                                                  string // quoted
}

// labelColumns are those from which a record's labels and policy are made, of
// a row s of sets and e of entries.
const labelColumns = "s.kind, s.policy, s.collection, s.function, s.dataset, s.version, s.tags, e.entry"

// joinHidden is entries e with their sets s and h.hidden, the newest bump of
// their labels.
const joinHidden = ` FROM {schema}.entries e JOIN {schema}.sets s ON s.id = e.set_id CROSS JOIN LATERAL (SELECT max(l.seq) AS hidden FROM {schema}.set_labels sl
	JOIN {schema}.labels l ON l.id = sl.label_id WHERE sl.set_id = s.id) h`

func newStatements(schema string) *statements {
	st := &statements{
		// The join returns the number of the same snapshot, with or without an
		// entry.
		get: `SELECT m.seq, clock_timestamp(), e.set_id, e.begun, e.created, e.expires, e.grace, e.dead, e.cost, e.size, e.fence, e.entry, e.value
			FROM {schema}.meta m LEFT JOIN {schema}.entries e ON e.key = $1 AND e.present`,
		set: `SELECT ` + labelColumns + ` FROM {schema}.sets s, (SELECT ''::bytea AS entry) e WHERE s.id = $1`,
		info: `SELECT m.id, m.seq, {now}, t.entries, t.bytes FROM {schema}.meta m,
			(SELECT coalesce(sum(entries), 0)::bigint AS entries, coalesce(sum(bytes), 0)::bigint AS bytes FROM {schema}.tallies) t`,
		put:     `SELECT o_status, o_created, o_expires, o_seq FROM {schema}.put($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		publish: `SELECT o_status, o_created, o_expires, o_seq FROM {schema}.publish($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		clear:   `SELECT o_seq, o_entries FROM {schema}.clear($1)`,
		bump:    `SELECT o_seq, o_entries FROM {schema}.bump($1, $2, $3)`,
		know:    `SELECT {schema}.know($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		held:    `SELECT ` + labelColumns + ` FROM {schema}.entries e JOIN {schema}.sets s ON s.id = e.set_id WHERE e.key = $1 AND e.present`,
		update:  `SELECT {schema}.update($1, $2, $3, $4, $5)`,
		acquire: `SELECT o_granted, o_fence, o_left, o_cooling FROM {schema}.acquire($1, $2, $3)`,
		renew:   `SELECT {schema}.renew($1, $2, $3, $4)`,
		release: `SELECT {schema}.release($1, $2, $3, $4)`,
		// One statement is one snapshot. The first row is of meta alone.
		changes: `SELECT 0 AS what, m.seq, m.floor, 0::smallint AS kind, ''::bytea AS value, false AS gone,
				0::smallint AS set_kind, ''::bytea, ''::bytea, ''::bytea, ''::bytea, ''::bytea, ''::bytea FROM {schema}.meta m
			UNION ALL SELECT 1, l.seq, 0, l.kind, l.value, false, 0::smallint, '', '', '', '', '', ''
				FROM {schema}.labels l WHERE l.seq > 0 AND l.seq > $1::bigint
			UNION ALL (SELECT 2, e.changed, 0, 0::smallint, e.key, e.changed = e.cleared, coalesce(s.kind, 0::smallint),
				s.collection, s.function, s.dataset, s.version, s.tags, e.entry
				FROM {schema}.entries e LEFT JOIN {schema}.sets s ON s.id = e.set_id
				WHERE e.changed > 0 AND e.changed > $1::bigint AND $1::bigint > 0 ORDER BY e.changed LIMIT $2)
			ORDER BY 1, 2`,
		free: `SELECT o_entries, o_bytes, o_live FROM {schema}.free($1, $2, $3, $4)`,
		dead: `SELECT key, created, changed FROM {schema}.entries WHERE dead > 0 AND dead <= {now} LIMIT $1`,
		// Sets that a bump hides something of: their tallies are older than it,
		// or a late put found it there.
		hidden: `SELECT s.set_id, h.hidden FROM (SELECT DISTINCT set_id FROM {schema}.tallies WHERE entries > 0) s
			CROSS JOIN LATERAL (SELECT {schema}.hidden(s.set_id) AS hidden) h
			WHERE h.hidden > 0 AND EXISTS (SELECT FROM {schema}.tallies t WHERE t.set_id = s.set_id AND t.entries > 0
				AND (t.hidden < h.hidden OR t.live < t.entries))`,
		hiddenIn: `SELECT key, created, changed FROM {schema}.entries WHERE set_id = $1 AND present AND begun < $2 LIMIT $3`,
		// Least useful first: the seconds that an entry saves for each byte,
		// fading with the time since it was last used (to a half after an
		// hour). Only as many as free $1 bytes.
		evict: `SELECT key, created, changed FROM (
				SELECT r.*, sum(size) OVER (ORDER BY score, created, key ROWS UNBOUNDED PRECEDING) - size AS before FROM (
					SELECT e.key, e.created, e.changed, e.size, greatest(e.cost, 1000) / (greatest(e.size, 1)::float8
						* (1 + greatest({now} - greatest(e.created, coalesce(u.at, 0)), 0) / 3.6e9)) AS score
					FROM {schema}.sets s JOIN {schema}.entries e ON e.set_id = s.id AND e.present
					LEFT JOIN {schema}.uses u ON u.key = e.key
					WHERE s.policy = 0 AND e.key <> $3) r) x
			WHERE before < $1 ORDER BY score, created, key LIMIT $2`,
		persistent: `SELECT coalesce(sum(t.bytes), 0)::bigint,
				(coalesce(sum(t.bytes) FILTER (WHERE s.policy <> 0), 0) - coalesce((SELECT e.size FROM {schema}.entries e
					JOIN {schema}.sets s ON s.id = e.set_id WHERE e.key = $1 AND e.present AND s.policy <> 0), 0))::bigint,
				coalesce((SELECT e.size FROM {schema}.entries e WHERE e.key = $1 AND e.present), 0)::bigint
			FROM {schema}.tallies t JOIN {schema}.sets s ON s.id = t.set_id`,
		uses: `INSERT INTO {schema}.uses AS u (key, at) SELECT n.key, n.at FROM unnest($1::bytea[], $2::bigint[]) AS n (key, at)
			JOIN {schema}.entries e ON e.key = n.key AND e.present ORDER BY n.key
			ON CONFLICT (key) DO UPDATE SET at = greatest(u.at, excluded.at)`,
		claim: `UPDATE {schema}.sweeps SET at = {now} WHERE at <= {now} - $1 OR at > {now} + $1 RETURNING at`,
		mark: `INSERT INTO {schema}.marks (at, seq) SELECT {now}, m.seq FROM {schema}.meta m
			WHERE NOT EXISTS (SELECT FROM {schema}.marks WHERE at > {now} - $1) ON CONFLICT DO NOTHING`,
		raise: `WITH old AS (SELECT max(at) AS at, max(seq) AS seq FROM {schema}.marks WHERE at <= {now} - $1),
				gone AS (DELETE FROM {schema}.marks USING old WHERE marks.at < old.at)
			UPDATE {schema}.meta SET floor = old.seq FROM old WHERE old.seq > floor`,
		tombs: `DELETE FROM {schema}.entries WHERE key IN (SELECT e.key FROM {schema}.entries e, {schema}.meta m
			WHERE e.changed > 0 AND e.changed <= m.floor AND NOT e.present LIMIT $1 FOR UPDATE OF e SKIP LOCKED)`,
		idleSets: `SELECT s.id FROM {schema}.sets s WHERE s.id > $1
			AND NOT EXISTS (SELECT FROM {schema}.entries e WHERE e.set_id = s.id) ORDER BY s.id LIMIT $2`,
		dropSets: `WITH idle AS (SELECT s.id FROM {schema}.sets s WHERE s.id = ANY ($1)
				AND NOT EXISTS (SELECT FROM {schema}.entries e WHERE e.set_id = s.id)),
			l AS (DELETE FROM {schema}.set_labels USING idle WHERE set_id = idle.id),
			t AS (DELETE FROM {schema}.tallies USING idle WHERE set_id = idle.id)
			DELETE FROM {schema}.sets USING idle WHERE sets.id = idle.id`,
		dropLabels: `DELETE FROM {schema}.labels WHERE id IN (SELECT l.id FROM {schema}.labels l, {schema}.meta m
			WHERE l.seq <= m.floor AND NOT EXISTS (SELECT FROM {schema}.set_labels sl WHERE sl.label_id = l.id) LIMIT $1)`,
		dropTallies: `DELETE FROM {schema}.tallies WHERE (set_id, bucket, shard) IN (SELECT set_id, bucket, shard FROM {schema}.tallies
			WHERE entries = 0 AND bucket > 0 AND {schema}.bucket_end(bucket) < {now} LIMIT $1 FOR UPDATE SKIP LOCKED)`,
		leases: `DELETE FROM {schema}.leases WHERE key IN (SELECT key FROM {schema}.leases WHERE until < {now} - $1
			LIMIT $2 FOR UPDATE SKIP LOCKED)`,
		schema: quote(schema),
	}
	for _, s := range []*string{
		&st.get, &st.info, &st.put, &st.publish, &st.clear, &st.bump, &st.know, &st.held, &st.update, &st.set, &st.acquire, &st.renew,
		&st.release, &st.changes, &st.free, &st.dead, &st.hidden, &st.hiddenIn, &st.evict, &st.persistent, &st.uses, &st.claim,
		&st.mark, &st.raise, &st.tombs, &st.idleSets, &st.dropSets, &st.dropLabels, &st.dropTallies, &st.leases,
	} {
		*s = fill(*s, schema)
	}
	return st
}

// in fills the schema into a statement made up as we go.
func (st *statements) in(sql string) string { return strings.ReplaceAll(sql, "{schema}", st.schema) }
