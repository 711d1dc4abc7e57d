package inspect

import "context"

// Swept says what GC freed.
type Swept struct {
	Expired     int   `json:"expired"`
	Hidden      int   `json:"hidden"`
	Evicted     int   `json:"evicted"`      // to keep the quota
	Blobs       int   `json:"blobs"`        // pieces of output files that no recorded run refers to
	LedgerPages int   `json:"ledger_pages"` // of past days, merged into one a day
	Bytes       int64 `json:"bytes"`
}

// GC frees what nobody can see, evicts down to the quota, frees output files
// of commands to which no recorded run refers (where Options.References is
// set), and merges pages of the savings ledger that are older than a week. It
// may run anywhere, any number of times at once. An error comes with what was
// freed so far.
func (i *Inspector) GC(ctx context.Context) (Swept, error) {
	var s Swept
	err := i.sweep(ctx, &s)
	if err == nil && i.o.References != nil {
		err = i.freeBlobs(ctx, &s)
	}
	if err == nil {
		s.LedgerPages, err = i.compact(ctx)
	}
	return s, wrap("gc", err)
}

// sweep has the store sweep until there is nothing more, within reason: others
// go on to store meanwhile.
func (i *Inspector) sweep(ctx context.Context, s *Swept) error {
	const most = 100
	for range most {
		n, err := i.store.Sweep(ctx)
		s.Expired += n.Expired
		s.Hidden += n.Hidden
		s.Evicted += n.Evicted
		s.Bytes += n.Bytes
		if err != nil || n.Expired+n.Hidden+n.Evicted == 0 {
			return err
		}
	}
	return nil
}
