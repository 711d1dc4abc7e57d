package sqlitestore

import (
	"context"
	"fmt"

	"github.com/reprise-go/reprise/store"
)

// maxFindings bounds what Check lists.
const maxFindings = 100

// sumsSQL compares the sums that counts and the quota go by with the entries.
const sumsSQL = `SELECT
	(SELECT ifnull(sum(entries), 0) FROM tallies), (SELECT count(*) FROM entries WHERE present = 1 AND id <= m.counted),
	m.bytes, (SELECT ifnull(sum(size), 0) FROM entries WHERE present = 1 AND id <= m.counted)
	FROM meta m WHERE m.one = 1`

// Path is where the database is, as it was opened.
func (s *Store) Path() string { return s.path }

// Check has SQLite check the whole database, and compares sums with entries.
// It returns what is wrong, for people; nil is nothing. Values are not
// verified: their envelopes are for that. It reads everything, beside other
// readers and writers.
func (s *Store) Check(ctx context.Context) (found []string, err error) {
	err = s.snapshot(ctx, "check", func(c *conn) error {
		err := c.each(fmt.Sprintf("PRAGMA integrity_check(%d)", maxFindings), func(r row) error {
			if line := r.ColumnText(0); line != "ok" {
				found = append(found, line)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return c.compareSums(&found)
	})
	return found, err
}

func (c *conn) compareSums(found *[]string) error {
	ok, err := c.one(sumsSQL, func(r row) error {
		var tallied, entries, noted, bytes int64
		int64s(r, &tallied, &entries, &noted, &bytes)
		if tallied != entries {
			*found = append(*found, fmt.Sprintf("tallies count %d entries of %d", tallied, entries))
		}
		if noted != bytes {
			*found = append(*found, fmt.Sprintf("the sum of bytes is %d instead of %d", noted, bytes))
		}
		return nil
	})
	if err == nil && !ok {
		err = fmt.Errorf("%w: the meta row is missing", store.ErrCorrupt)
	}
	return err
}
