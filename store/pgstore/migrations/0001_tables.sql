-- The tables are explained in docs/postgres.md. Names in braces are filled in
-- by migrate.go. Times are microseconds since 1970 in the server's clock;
-- grace and cost are nanoseconds. Strings are bytea: they may hold any bytes.

CREATE TABLE {schema}.meta (
	one   boolean PRIMARY KEY DEFAULT true CHECK (one),
	id    bytea   NOT NULL,
	seq   bigint  NOT NULL,
	floor bigint  NOT NULL
);

CREATE TABLE {schema}.sweeps (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	at  bigint  NOT NULL
);

CREATE TABLE {schema}.marks (
	at  bigint PRIMARY KEY,
	seq bigint NOT NULL
);

CREATE TABLE {schema}.labels (
	id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	seq    bigint   NOT NULL,
	kind   smallint NOT NULL,
	digest bytea    NOT NULL UNIQUE,
	value  bytea    NOT NULL
);
CREATE INDEX labels_seq ON {schema}.labels (seq) WHERE seq > 0;

CREATE TABLE {schema}.sets (
	id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	kind       smallint NOT NULL,
	policy     smallint NOT NULL,
	digest     bytea NOT NULL UNIQUE,
	collection bytea NOT NULL,
	function   bytea NOT NULL,
	dataset    bytea NOT NULL,
	version    bytea NOT NULL,
	tags       bytea NOT NULL
);
CREATE INDEX sets_function ON {schema}.sets USING hash (function);
CREATE INDEX sets_dataset ON {schema}.sets USING hash (dataset);

CREATE TABLE {schema}.set_labels (
	set_id   bigint NOT NULL,
	label_id bigint NOT NULL,
	PRIMARY KEY (set_id, label_id)
);
CREATE INDEX set_labels_label ON {schema}.set_labels (label_id, set_id);

CREATE TABLE {schema}.entries (
	set_id   bigint  NOT NULL,
	bucket   bigint  NOT NULL,
	begun    bigint  NOT NULL,
	created  bigint  NOT NULL,
	expires  bigint  NOT NULL,
	grace    bigint  NOT NULL,
	dead     bigint  NOT NULL,
	cost     bigint  NOT NULL,
	size     bigint  NOT NULL,
	fence    bigint  NOT NULL,
	cleared  bigint  NOT NULL,
	changed  bigint  NOT NULL,
	present  boolean NOT NULL,
	key      bytea   PRIMARY KEY,
	entry    bytea   NOT NULL,
	value    bytea   NOT NULL,
	manifest bytea   NOT NULL
);
-- Sealed values are compressed already.
ALTER TABLE {schema}.entries ALTER COLUMN value SET STORAGE EXTERNAL;
CREATE INDEX entries_set ON {schema}.entries (set_id, bucket, expires);
CREATE INDEX entries_dead ON {schema}.entries (dead) WHERE dead > 0;
CREATE INDEX entries_changed ON {schema}.entries (changed) WHERE changed > 0;

CREATE TABLE {schema}.tallies (
	set_id  bigint   NOT NULL,
	bucket  bigint   NOT NULL,
	hidden  bigint   NOT NULL,
	live    bigint   NOT NULL,
	entries bigint   NOT NULL,
	bytes   bigint   NOT NULL,
	shard   smallint NOT NULL,
	PRIMARY KEY (set_id, bucket, shard)
) WITH (fillfactor = 50);

CREATE TABLE {schema}.uses (
	key bytea  PRIMARY KEY,
	at  bigint NOT NULL
);

CREATE SEQUENCE {schema}.fences;

CREATE TABLE {schema}.leases (
	key         bytea PRIMARY KEY,
	state       smallint NOT NULL,
	fence       bigint NOT NULL,
	until       bigint NOT NULL,
	owner       bytea  NOT NULL,
	pub_fence   bigint NOT NULL DEFAULT 0,
	pub_created bigint NOT NULL DEFAULT 0,
	pub_expires bigint NOT NULL DEFAULT 0,
	pub_seq     bigint NOT NULL DEFAULT 0,
	pub_owner   bytea  NOT NULL DEFAULT ''
);
CREATE INDEX leases_until ON {schema}.leases (until);
