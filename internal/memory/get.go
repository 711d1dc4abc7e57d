package memory

// Get looks key up, compared in full. A Hit makes the entry the most recently
// used one; an entry that is Hidden, or past its grace, is dropped. It neither
// locks nor allocates where there is nothing to drop and nothing was cleared
// since the last look at the entry.
func (c *Cache[V]) Get(key []byte) (V, Status) {
	n, status := c.lookup(key)
	if status == Hit && c.use(n) {
		return n.entry.Value, Hit
	}
	return c.unused(n, status)
}

// unused is the rest of Get for lookups that are no hits.
func (c *Cache[V]) unused(n *node[V], status Status) (V, Status) {
	var zero V
	switch {
	case n == nil:
		return zero, Miss
	case status == Expired:
		return n.entry.Value, Expired
	case status == Hidden:
		c.drop(n)
		return zero, Hidden
	case status == Miss:
		c.drop(n) // past its grace
	}
	return zero, Miss
}

// Peek is Get without any change: to the order of use, or to what is held.
func (c *Cache[V]) Peek(key []byte) (V, Status) {
	n, status := c.lookup(key)
	if status == Hit || status == Expired {
		return n.entry.Value, status
	}
	var zero V
	return zero, status
}

// lookup finds and judges. Miss with a node means that it is past its grace.
func (c *Cache[V]) lookup(key []byte) (*node[V], Status) {
	if !c.local && !c.generations.trusted.Load() {
		return nil, Miss
	}
	n := c.find(key)
	if n == nil {
		return nil, Miss
	}
	if n.checked.Load() != c.generations.version.Load() && !c.recheck(n) {
		return n, Hidden
	}
	if n.entry.Deadline != 0 {
		return n, c.aged(&n.entry)
	}
	return n, Hit
}

func (c *Cache[V]) find(key []byte) *node[V] {
	hash := hashOf(key)
	t := c.table.Load()
	if n := t.find(hash, key); n != nil || !t.moved.Load() {
		return n
	}
	return c.findAgain(hash, key)
}

// findAgain is for lookups that met a table which is being replaced.
func (c *Cache[V]) findAgain(hash uint64, key []byte) *node[V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.table.Load().find(hash, key)
}

// recheck asks the generations and remembers a good answer. The version is
// read first: what is learned meanwhile makes for one more look.
func (c *Cache[V]) recheck(n *node[V]) bool {
	version := c.generations.version.Load()
	if !c.generations.Current(n.entry.Key, n.entry.Labels, n.entry.AsOf) {
		return false
	}
	n.checked.Store(version)
	return true
}

// aged judges an entry that has a deadline.
func (c *Cache[V]) aged(e *Entry[V]) Status {
	switch now := c.clock.Now(); {
	case now < e.Deadline:
		return Hit
	case now < e.GraceUntil:
		return Expired
	}
	return Miss
}

// use makes n the most recently used node. It reports false where n was
// evicted or deleted meanwhile.
func (c *Cache[V]) use(n *node[V]) bool {
	latest := c.n.Load()
	stamp := n.stamp.Load()
	if stamp == latest {
		return true // nothing was used since
	}
	latest = c.n.Add(1)
	for stamp < latest {
		if n.stamp.CompareAndSwap(stamp, latest) {
			return true
		}
		stamp = n.stamp.Load()
	}
	return stamp != dead
}
