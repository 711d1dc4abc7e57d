-- One function for each operation that decides before it writes: so it is one
-- round trip, each statement in it sees what was committed before it, and no
-- client that stalls keeps a lock. Locks are taken in this order: names, key,
-- lease, entry, meta, tallies by their key.
--
-- All but the simplest are in PL/pgSQL, which keeps plans for a session:
-- PostgreSQL plans the others anew at each call, which costs milliseconds.

-- hidden is the newest bump of a label that all entries of a set carry.
CREATE FUNCTION {schema}.hidden(p_set bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN (
		SELECT coalesce(max(l.seq), 0)
		FROM {schema}.set_labels sl JOIN {schema}.labels l ON l.id = sl.label_id
		WHERE sl.set_id = p_set
	);
END $$;

-- later is a time plus nanoseconds, rounded up.
CREATE FUNCTION {schema}.later(p_at bigint, p_ns bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT p_at + p_ns / 1000 + (p_ns % 1000 > 0)::int
$$;

-- bucket_of is the bucket of 2^width microseconds that expires falls in: its
-- end and its width in one number. Entries that never expire are in bucket 0.
CREATE FUNCTION {schema}.bucket_of(p_expires bigint, p_width int) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN p_expires = 0 THEN 0 ELSE ((p_expires >> p_width) + 1) * 64 + p_width END
$$;
CREATE FUNCTION {schema}.bucket_end(p_bucket bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT (p_bucket >> 6) << (p_bucket & 63)::int
$$;
CREATE FUNCTION {schema}.bucket_start(p_bucket bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT ((p_bucket >> 6) - 1) << (p_bucket & 63)::int
$$;

-- tally_add counts an entry. A tally counts as live what no bump up to its
-- hidden hides; whoever knows of a newer bump, p_hidden, starts it anew.
CREATE FUNCTION {schema}.tally_add(p_set bigint, p_bucket bigint, p_shard smallint, p_hidden bigint, p_begun bigint, p_size bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO {schema}.tallies AS t (set_id, bucket, shard, hidden, live, entries, bytes)
	VALUES (p_set, p_bucket, p_shard, p_hidden, (p_begun >= p_hidden)::int, 1, p_size)
	ON CONFLICT (set_id, bucket, shard) DO UPDATE SET
		live = CASE WHEN t.hidden < excluded.hidden THEN excluded.live
			WHEN t.hidden = excluded.hidden THEN t.live + excluded.live ELSE t.live END,
		hidden = greatest(t.hidden, excluded.hidden),
		entries = t.entries + 1,
		bytes = t.bytes + excluded.bytes;
END $$;

CREATE FUNCTION {schema}.tally_remove(p_set bigint, p_bucket bigint, p_shard smallint, p_begun bigint, p_size bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE {schema}.tallies SET live = live - (p_begun >= hidden)::int, entries = entries - 1, bytes = bytes - p_size
	WHERE set_id = p_set AND bucket = p_bucket AND shard = p_shard;
END $$;

-- tally_replace counts an entry in place of another in the same tally. Mostly
-- nothing changes; then nothing is written.
CREATE FUNCTION {schema}.tally_replace(p_set bigint, p_bucket bigint, p_shard smallint, p_hidden bigint,
	p_old_begun bigint, p_old_size bigint, p_begun bigint, p_size bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	UPDATE {schema}.tallies t SET
		live = CASE WHEN t.hidden < p_hidden THEN (p_begun >= p_hidden)::int
			ELSE t.live - (p_old_begun >= t.hidden)::int + (t.hidden = p_hidden AND p_begun >= p_hidden)::int END,
		hidden = greatest(t.hidden, p_hidden),
		bytes = t.bytes + p_size - p_old_size
	WHERE t.set_id = p_set AND t.bucket = p_bucket AND t.shard = p_shard
		AND NOT (t.hidden = p_hidden AND p_size = p_old_size AND (p_old_begun >= p_hidden) = (p_begun >= p_hidden));
END $$;

-- tally_move counts an entry that another replaces, in the order in which
-- everybody locks tallies.
CREATE FUNCTION {schema}.tally_move(p_shard smallint,
	p_old_set bigint, p_old_bucket bigint, p_old_begun bigint, p_old_size bigint,
	p_set bigint, p_bucket bigint, p_begun bigint, p_size bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	v_hidden bigint := {schema}.hidden(p_set);
BEGIN
	IF (p_old_set, p_old_bucket) = (p_set, p_bucket) THEN
		PERFORM {schema}.tally_replace(p_set, p_bucket, p_shard, v_hidden, p_old_begun, p_old_size, p_begun, p_size);
	ELSIF (p_old_set, p_old_bucket) < (p_set, p_bucket) THEN
		PERFORM {schema}.tally_remove(p_old_set, p_old_bucket, p_shard, p_old_begun, p_old_size);
		PERFORM {schema}.tally_add(p_set, p_bucket, p_shard, v_hidden, p_begun, p_size);
	ELSE
		PERFORM {schema}.tally_add(p_set, p_bucket, p_shard, v_hidden, p_begun, p_size);
		PERFORM {schema}.tally_remove(p_old_set, p_old_bucket, p_shard, p_old_begun, p_old_size);
	END IF;
END $$;

CREATE FUNCTION {schema}.lock_key(p_key bytea) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock({class}, ('x' || encode(substr(p_key, 1, 4), 'hex'))::bit(32)::int);
END $$;

CREATE FUNCTION {schema}.tell(p_what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_notify('{channel}', p_what);
END $$;

-- put stores an entry. o_status is 0, or why nothing was changed: 1 the label
-- set is not known yet, 2 superseded, 3 over the quota.
CREATE FUNCTION {schema}.put(
	p_key bytea, p_set bytea, p_mode int, p_begun bigint, p_ttl bigint, p_width int, p_grace bigint, p_cost bigint,
	p_fence bigint, p_entry bytea, p_value bytea, p_manifest bytea, p_quota bigint, p_relaxed boolean,
	OUT o_status int, OUT o_created bigint, OUT o_expires bigint, OUT o_seq bigint)
LANGUAGE plpgsql AS $$
DECLARE
	v_set     bigint;
	v_old     record;
	v_found   boolean;
	v_floor   bigint;
	v_begun   bigint := p_begun;
	v_changed bigint := 0;
	v_bucket  bigint;
	v_dead    bigint := 0;
	v_shard   smallint := get_byte(p_key, 0) & 7;
	v_size    bigint := length(p_value);
BEGIN
	IF p_relaxed THEN
		PERFORM set_config('synchronous_commit', 'off', true);
	END IF;
	PERFORM pg_advisory_xact_lock_shared({names});
	PERFORM {schema}.lock_key(p_key);
	SELECT id INTO v_set FROM {schema}.sets WHERE digest = p_set;
	IF NOT FOUND THEN
		o_status := 1;
		RETURN;
	END IF;
	SELECT present, set_id, bucket, begun, length(value)::bigint AS size, cleared, changed INTO v_old
		FROM {schema}.entries WHERE key = p_key FOR UPDATE;
	v_found := FOUND;
	IF p_mode = 0 THEN
		SELECT seq, floor INTO o_seq, v_floor FROM {schema}.meta;
	ELSE
		SELECT seq, floor INTO o_seq, v_floor FROM {schema}.meta FOR NO KEY UPDATE;
	END IF;
	IF p_mode <> 2 THEN
		IF p_begun < v_floor OR p_begun > o_seq THEN
			o_status := 2;
			RETURN;
		END IF;
		IF v_found THEN
			-- A number that the store has not reached is damaged.
			IF p_begun < v_old.cleared AND v_old.cleared <= o_seq
				OR v_old.present AND p_begun < v_old.begun AND v_old.begun <= o_seq THEN
				o_status := 2;
				RETURN;
			END IF;
		END IF;
	END IF;
	IF p_quota > 0 THEN
		IF (SELECT coalesce(sum(bytes), 0) FROM {schema}.tallies) + v_size
			- (CASE WHEN v_found THEN v_old.size ELSE 0 END) > p_quota THEN
			o_status := 3;
			RETURN;
		END IF;
	END IF;
	IF v_found THEN
		v_changed := v_old.changed;
	END IF;
	IF p_mode <> 0 THEN
		UPDATE {schema}.meta SET seq = seq + 1 RETURNING seq INTO o_seq;
		v_changed := o_seq;
	END IF;
	IF p_mode = 2 THEN
		v_begun := o_seq;
	END IF;
	o_created := {now};
	o_expires := 0;
	IF p_ttl > 0 THEN
		o_expires := {schema}.later(o_created, p_ttl);
		v_dead := {schema}.later(o_expires, p_grace);
	END IF;
	v_bucket := {schema}.bucket_of(o_expires, p_width);
	IF v_found THEN
		UPDATE {schema}.entries SET present = true, set_id = v_set, bucket = v_bucket, begun = v_begun, created = o_created,
			expires = o_expires, grace = p_grace, dead = v_dead, cost = p_cost, size = v_size, fence = p_fence,
			changed = v_changed, entry = p_entry, value = p_value, manifest = p_manifest
			WHERE key = p_key;
	ELSE
		INSERT INTO {schema}.entries (present, set_id, bucket, begun, created, expires, grace, dead, cost, size, fence,
			cleared, changed, key, entry, value, manifest)
			VALUES (true, v_set, v_bucket, v_begun, o_created, o_expires, p_grace, v_dead, p_cost, v_size, p_fence,
			0, v_changed, p_key, p_entry, p_value, p_manifest);
	END IF;
	IF v_found AND v_old.present THEN
		PERFORM {schema}.tally_move(v_shard, v_old.set_id, v_old.bucket, v_old.begun, v_old.size,
			v_set, v_bucket, v_begun, v_size);
	ELSE
		PERFORM {schema}.tally_add(v_set, v_bucket, v_shard, {schema}.hidden(v_set), v_begun, v_size);
	END IF;
	IF p_mode <> 2 THEN
		-- A sweep raises the floor before it forgets clears: if it forgot one
		-- that would have refused us, we see its floor here.
		SELECT floor INTO v_floor FROM {schema}.meta;
		IF p_begun < v_floor THEN
			RAISE EXCEPTION 'superseded by clears that are forgotten' USING ERRCODE = 'RP001';
		END IF;
	END IF;
	PERFORM {schema}.tell(CASE WHEN p_mode = 0 THEN '' ELSE o_seq::text END || 'k' || encode(p_key, 'hex'));
	o_status := 0;
END $$;

-- clear hides one entry and remembers when.
CREATE FUNCTION {schema}.clear(p_key bytea, OUT o_seq bigint, OUT o_entries int) LANGUAGE plpgsql AS $$
DECLARE
	v_old record;
	v_found boolean;
	v_now bigint;
BEGIN
	PERFORM {schema}.lock_key(p_key);
	SELECT present, set_id, bucket, begun, length(value)::bigint AS size, expires INTO v_old
		FROM {schema}.entries WHERE key = p_key FOR UPDATE;
	v_found := FOUND;
	UPDATE {schema}.meta SET seq = seq + 1 RETURNING seq INTO o_seq;
	v_now := {now};
	o_entries := 0;
	IF NOT v_found THEN
		INSERT INTO {schema}.entries (present, set_id, bucket, begun, created, expires, grace, dead, cost, size, fence,
			cleared, changed, key, entry, value, manifest)
			VALUES (false, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0, o_seq, o_seq, p_key, '', '', '');
	ELSE
		IF v_old.present THEN
			o_entries := ((v_old.expires = 0 OR v_old.expires > v_now) AND v_old.begun >= {schema}.hidden(v_old.set_id))::int;
			PERFORM {schema}.tally_remove(v_old.set_id, v_old.bucket, (get_byte(p_key, 0) & 7)::smallint, v_old.begun, v_old.size);
			DELETE FROM {schema}.uses WHERE key = p_key;
		END IF;
		UPDATE {schema}.entries SET present = false, cleared = o_seq, changed = o_seq, bucket = -1, begun = 0, created = 0,
			expires = 0, grace = 0, dead = 0, cost = 0, size = 0, fence = 0, value = '', manifest = ''
			WHERE key = p_key;
	END IF;
	PERFORM {schema}.tell(o_seq || 'k' || encode(p_key, 'hex'));
END $$;

-- live_with counts the live entries that carry any of the labels. Only what
-- is in a bucket that is expiring now is looked at one by one.
CREATE FUNCTION {schema}.live_with(p_digests bytea[], p_now bigint) RETURNS bigint LANGUAGE plpgsql STABLE SET jit = off AS $$
BEGIN
	RETURN (
		WITH s AS MATERIALIZED (
			SELECT DISTINCT sl.set_id FROM {schema}.labels l JOIN {schema}.set_labels sl ON sl.label_id = l.id
			WHERE l.digest = ANY (p_digests)
		), t AS MATERIALIZED (
			SELECT t.set_id, t.bucket, t.hidden, t.live FROM s JOIN {schema}.tallies t ON t.set_id = s.set_id
			WHERE t.live > 0 AND t.hidden = {schema}.hidden(t.set_id)
				AND (t.bucket = 0 OR {schema}.bucket_end(t.bucket) > p_now)
		)
		SELECT (SELECT coalesce(sum(live), 0)::bigint FROM t WHERE bucket = 0 OR {schema}.bucket_start(bucket) > p_now)
			+ (SELECT count(*) FROM (SELECT DISTINCT set_id, bucket, hidden FROM t
					WHERE bucket > 0 AND {schema}.bucket_start(bucket) <= p_now) b
				JOIN {schema}.entries e ON e.set_id = b.set_id AND e.bucket = b.bucket
				WHERE e.present AND e.expires > p_now AND e.begun >= b.hidden)
	);
END $$;

-- bump hides all entries with any of the labels, which come in the order of
-- their digests.
CREATE FUNCTION {schema}.bump(p_kinds smallint[], p_values bytea[], p_digests bytea[], OUT o_seq bigint, OUT o_entries bigint)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock_shared({names});
	UPDATE {schema}.meta SET seq = seq + 1 RETURNING seq INTO o_seq;
	o_entries := {schema}.live_with(p_digests, {now});
	INSERT INTO {schema}.labels AS l (kind, value, digest, seq)
		SELECT u.kind, u.value, u.digest, o_seq
		FROM unnest(p_kinds, p_values, p_digests) WITH ORDINALITY AS u (kind, value, digest, n) ORDER BY u.n
		ON CONFLICT (digest) DO UPDATE SET seq = excluded.seq;
	PERFORM {schema}.tell(o_seq::text);
END $$;

-- know makes a label set, with its labels in the order of their digests.
CREATE FUNCTION {schema}.know(p_digest bytea, p_kind smallint, p_policy smallint, p_collection bytea, p_function bytea,
	p_dataset bytea, p_version bytea, p_tags bytea, p_kinds smallint[], p_values bytea[], p_digests bytea[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	v_set bigint;
BEGIN
	PERFORM pg_advisory_xact_lock_shared({names});
	INSERT INTO {schema}.labels (kind, value, digest, seq)
		SELECT u.kind, u.value, u.digest, 0
		FROM unnest(p_kinds, p_values, p_digests) WITH ORDINALITY AS u (kind, value, digest, n) ORDER BY u.n
		ON CONFLICT (digest) DO NOTHING;
	INSERT INTO {schema}.sets (digest, kind, policy, collection, function, dataset, version, tags)
		VALUES (p_digest, p_kind, p_policy, p_collection, p_function, p_dataset, p_version, p_tags)
		ON CONFLICT (digest) DO NOTHING RETURNING id INTO v_set;
	IF v_set IS NOT NULL THEN
		INSERT INTO {schema}.set_labels (set_id, label_id)
			SELECT v_set, l.id FROM {schema}.labels l WHERE l.digest = ANY (p_digests);
	END IF;
END $$;

-- update changes expiry, where p_ttl is not null, and moves the entry to
-- another label set, where p_set is not null. o_status is 0, or 1 the label
-- set is not known yet, 2 the entry is in another set than p_from, 3 there is
-- no live entry.
CREATE FUNCTION {schema}.update(p_key bytea, p_ttl bigint, p_width int, p_from bytea, p_set bytea, OUT o_status int)
LANGUAGE plpgsql AS $$
DECLARE
	v_old     record;
	v_now     bigint;
	v_set     bigint;
	v_seq     bigint;
	v_expires bigint;
	v_dead    bigint;
	v_bucket  bigint;
BEGIN
	PERFORM pg_advisory_xact_lock_shared({names});
	PERFORM {schema}.lock_key(p_key);
	SELECT e.set_id, e.bucket, e.begun, length(e.value)::bigint AS size, e.expires, e.grace, e.dead, s.digest INTO v_old
		FROM {schema}.entries e JOIN {schema}.sets s ON s.id = e.set_id
		WHERE e.key = p_key AND e.present FOR UPDATE OF e;
	v_now := {now};
	IF NOT FOUND THEN
		o_status := 3;
		RETURN;
	END IF;
	IF v_old.expires > 0 AND v_old.expires <= v_now OR v_old.begun < {schema}.hidden(v_old.set_id) THEN
		o_status := 3;
		RETURN;
	END IF;
	v_set := v_old.set_id;
	IF p_set IS NOT NULL THEN
		IF v_old.digest <> p_from THEN
			o_status := 2;
			RETURN;
		END IF;
		SELECT id INTO v_set FROM {schema}.sets WHERE digest = p_set;
		IF NOT FOUND THEN
			o_status := 1;
			RETURN;
		END IF;
	END IF;
	v_expires := v_old.expires;
	v_dead := v_old.dead;
	v_bucket := v_old.bucket;
	IF p_ttl IS NOT NULL THEN
		v_expires := 0;
		v_dead := 0;
		IF p_ttl > 0 THEN
			v_expires := {schema}.later(v_now, p_ttl);
			v_dead := {schema}.later(v_expires, v_old.grace);
		END IF;
		v_bucket := {schema}.bucket_of(v_expires, p_width);
	END IF;
	UPDATE {schema}.meta SET seq = seq + 1 RETURNING seq INTO v_seq;
	UPDATE {schema}.entries SET set_id = v_set, bucket = v_bucket, expires = v_expires, dead = v_dead, changed = v_seq
		WHERE key = p_key;
	PERFORM {schema}.tally_move((get_byte(p_key, 0) & 7)::smallint, v_old.set_id, v_old.bucket, v_old.begun, v_old.size,
		v_set, v_bucket, v_old.begun, v_old.size);
	PERFORM {schema}.tell(v_seq || 'k' || encode(p_key, 'hex'));
	o_status := 0;
END $$;

-- free deletes entries that still are what the caller saw. Those whose last
-- clear or change is still told leave their key behind. p_wait is false for
-- sweeps, which leave alone what somebody is writing.
CREATE FUNCTION {schema}.free(p_keys bytea[], p_created bigint[], p_changed bigint[], p_wait boolean,
	OUT o_entries int, OUT o_bytes bigint, OUT o_live int)
LANGUAGE plpgsql AS $$
DECLARE
	v_keys  bytea[];
	v_floor bigint;
	v_now   bigint;
BEGIN
	IF p_wait THEN
		v_keys := ARRAY(SELECT e.key FROM unnest(p_keys, p_created, p_changed) AS u (key, created, changed)
			JOIN {schema}.entries e ON e.key = u.key AND e.created = u.created AND e.changed = u.changed
			WHERE e.present ORDER BY e.key FOR UPDATE OF e);
	ELSE
		v_keys := ARRAY(SELECT e.key FROM unnest(p_keys, p_created, p_changed) AS u (key, created, changed)
			JOIN {schema}.entries e ON e.key = u.key AND e.created = u.created AND e.changed = u.changed
			WHERE e.present FOR UPDATE OF e SKIP LOCKED);
	END IF;
	PERFORM 1 FROM {schema}.tallies t WHERE (t.set_id, t.bucket, t.shard) IN (
			SELECT e.set_id, e.bucket, (get_byte(e.key, 0) & 7)::smallint FROM {schema}.entries e WHERE e.key = ANY (v_keys))
		ORDER BY t.set_id, t.bucket, t.shard FOR UPDATE;
	UPDATE {schema}.tallies t SET live = t.live - g.live, entries = t.entries - g.entries, bytes = t.bytes - g.bytes
		FROM (SELECT e.set_id, e.bucket, (get_byte(e.key, 0) & 7)::smallint AS shard, count(*) AS entries, sum(e.size) AS bytes,
				count(*) FILTER (WHERE e.begun >= t.hidden) AS live
			FROM {schema}.entries e JOIN {schema}.tallies t
				ON t.set_id = e.set_id AND t.bucket = e.bucket AND t.shard = get_byte(e.key, 0) & 7
			WHERE e.key = ANY (v_keys) GROUP BY 1, 2, 3) g
		WHERE t.set_id = g.set_id AND t.bucket = g.bucket AND t.shard = g.shard;
	SELECT floor INTO v_floor FROM {schema}.meta;
	v_now := {now};
	SELECT count(*), coalesce(sum(e.size), 0),
			count(*) FILTER (WHERE (e.expires = 0 OR e.expires > v_now) AND e.begun >= {schema}.hidden(e.set_id))
		INTO o_entries, o_bytes, o_live
		FROM {schema}.entries e WHERE e.key = ANY (v_keys);
	DELETE FROM {schema}.uses WHERE key = ANY (v_keys);
	DELETE FROM {schema}.entries WHERE key = ANY (v_keys) AND greatest(cleared, changed) <= v_floor;
	UPDATE {schema}.entries SET present = false, bucket = -1, begun = 0, created = 0, expires = 0, grace = 0, dead = 0,
		cost = 0, size = 0, fence = 0, value = '', manifest = ''
		WHERE key = ANY (v_keys);
END $$;

-- acquire takes a lease or says who is in the way. The fence is drawn under
-- the row's lock: so it is higher than those before it.
CREATE FUNCTION {schema}.acquire(p_key bytea, p_owner bytea, p_ttl bigint,
	OUT o_granted boolean, OUT o_fence bigint, OUT o_left bigint, OUT o_cooling boolean)
LANGUAGE plpgsql AS $$
DECLARE
	v_lease record;
	v_now   bigint;
BEGIN
	INSERT INTO {schema}.leases (key, state, fence, until, owner) VALUES (p_key, 0, 0, 0, '') ON CONFLICT (key) DO NOTHING;
	LOOP
		SELECT state, fence, until, owner INTO v_lease FROM {schema}.leases WHERE key = p_key FOR UPDATE;
		EXIT WHEN FOUND;
		INSERT INTO {schema}.leases (key, state, fence, until, owner) VALUES (p_key, 0, 0, 0, '') ON CONFLICT (key) DO NOTHING;
	END LOOP;
	v_now := {now};
	o_granted := true;
	o_cooling := false;
	o_left := p_ttl;
	IF v_lease.state = 0 OR v_lease.until <= v_now THEN
		o_fence := nextval('{schema}.fences');
	ELSIF v_lease.state = 1 AND v_lease.owner = p_owner THEN
		o_fence := v_lease.fence;
	ELSE
		o_granted := false;
		o_fence := v_lease.fence;
		o_left := (v_lease.until - v_now) * 1000;
		o_cooling := v_lease.state = 2;
		RETURN;
	END IF;
	UPDATE {schema}.leases SET state = 1, fence = o_fence, owner = p_owner, until = {schema}.later(v_now, p_ttl)
		WHERE key = p_key;
END $$;

-- held locks the lease and reports whether owner and fence hold it.
CREATE FUNCTION {schema}.held(p_key bytea, p_owner bytea, p_fence bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	v_lease record;
BEGIN
	SELECT state, fence, until, owner INTO v_lease FROM {schema}.leases WHERE key = p_key FOR UPDATE;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	RETURN v_lease.state = 1 AND v_lease.fence = p_fence AND v_lease.owner = p_owner AND v_lease.until > {now};
END $$;

CREATE FUNCTION {schema}.renew(p_key bytea, p_owner bytea, p_fence bigint, p_ttl bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF NOT {schema}.held(p_key, p_owner, p_fence) THEN
		RETURN false;
	END IF;
	UPDATE {schema}.leases SET until = {schema}.later({now}, p_ttl) WHERE key = p_key;
	RETURN true;
END $$;

CREATE FUNCTION {schema}.release(p_key bytea, p_owner bytea, p_fence bigint, p_cooldown bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF {schema}.held(p_key, p_owner, p_fence) THEN
		UPDATE {schema}.leases SET state = CASE WHEN p_cooldown > 0 THEN 2 ELSE 0 END, until = {schema}.later({now}, p_cooldown)
			WHERE key = p_key;
		PERFORM {schema}.tell('k' || encode(p_key, 'hex'));
	END IF;
END $$;

-- publish puts an entry and releases the lease under which it was computed.
-- o_status is that of put, or 4: the lease is lost.
CREATE FUNCTION {schema}.publish(p_owner bytea,
	p_key bytea, p_set bytea, p_mode int, p_begun bigint, p_ttl bigint, p_width int, p_grace bigint, p_cost bigint,
	p_fence bigint, p_entry bytea, p_value bytea, p_manifest bytea, p_quota bigint,
	OUT o_status int, OUT o_created bigint, OUT o_expires bigint, OUT o_seq bigint)
LANGUAGE plpgsql AS $$
DECLARE
	v_lease record;
BEGIN
	PERFORM pg_advisory_xact_lock_shared({names});
	PERFORM {schema}.lock_key(p_key);
	SELECT pub_fence, pub_owner, pub_created, pub_expires, pub_seq INTO v_lease
		FROM {schema}.leases WHERE key = p_key FOR UPDATE;
	IF FOUND AND v_lease.pub_fence = p_fence AND v_lease.pub_owner = p_owner THEN
		o_status := 0;
		o_created := v_lease.pub_created;
		o_expires := v_lease.pub_expires;
		o_seq := v_lease.pub_seq;
		RETURN;
	END IF;
	IF NOT {schema}.held(p_key, p_owner, p_fence) THEN
		o_status := 4;
		RETURN;
	END IF;
	SELECT * INTO o_status, o_created, o_expires, o_seq FROM {schema}.put(p_key, p_set, p_mode, p_begun, p_ttl, p_width,
		p_grace, p_cost, p_fence, p_entry, p_value, p_manifest, p_quota, false);
	IF o_status = 0 THEN
		UPDATE {schema}.leases SET state = 0, pub_fence = p_fence, pub_owner = p_owner, pub_created = o_created,
			pub_expires = o_expires, pub_seq = o_seq WHERE key = p_key;
	END IF;
END $$;
