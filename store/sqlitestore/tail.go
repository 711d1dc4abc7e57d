package sqlitestore

// A put of a new entry writes its row and two indexes, and no sums: the
// entries with the highest numbers, those above meta.counted, are the tail,
// which is in no tally and not in meta.bytes. A row of the tail is never
// changed; whoever needs to, or needs the sums, settles first, and so does the
// put that makes the tail long. Numbers only grow, so a process that knows the
// tail up to a number only has to look at what comes after.

// maxTail bounds the tail, which every count has to go through.
const maxTail = 512

// tail is what is known of the tail: that the rows above counted, up to last,
// hold bytes.
type tail struct{ counted, last, bytes int64 }

// loadTail learns of rows that were added since the store last looked.
func (tx *txn) loadTail(counted, last int64) error {
	tx.tail = tx.s.tail
	if tx.tail.counted != counted {
		tx.tail = tail{counted: counted, last: counted}
	}
	if last <= tx.tail.last {
		return nil
	}
	more, err := tx.number("SELECT ifnull(sum(size), 0) FROM entries WHERE id > ? AND id <= ?", tx.tail.last, last)
	tx.tail.bytes += more
	tx.tail.last = last
	return err
}

// used is the bytes of all entries.
func (tx *txn) used() int64 { return tx.bytes + tx.tail.bytes }

// settle counts the tail.
func (tx *txn) settle() error {
	if tx.tail.last == tx.tail.counted {
		return nil
	}
	err := tx.each("SELECT "+heldColumns+" FROM entries WHERE id > ? AND present = 1", func(r row) error {
		return tx.count(scanHeld(r), 1)
	}, tx.tail.counted)
	tx.addBytes(tx.tail.bytes)
	tx.tail = tail{counted: tx.tail.last, last: tx.tail.last}
	tx.dirty = true
	return err
}

// added notes a new row with the number that tail.last gave it.
func (tx *txn) added(size int64) error {
	tx.tail.last++
	tx.tail.bytes += size
	if tx.tail.last-tx.tail.counted < tx.s.maxTail {
		return nil
	}
	return tx.settle()
}

// settled makes sure that the row is counted, so that it may be changed.
func (tx *txn) settled(id int64) error {
	if id <= tx.tail.counted {
		return nil
	}
	return tx.settle()
}

// settleAll has the tallies on the medium say all.
func (tx *txn) settleAll() error {
	if err := tx.settle(); err != nil {
		return err
	}
	return tx.flushTallies()
}
