package memory

// Put stores e under key and makes it the most recently used entry. It reports
// false where e was not kept: because it is older (by AsOf) than what is there
// or because a change has passed it, which leave what is there alone; because
// it is past its grace, or larger than the whole budget, which drop what is
// there, as e has superseded that; or because it had to leave at once for the
// budget's sake.
func (c *Cache[V]) Put(key []byte, e Entry[V]) bool {
	e.Bytes = max(e.Bytes, 0)
	n := &node[V]{hash: hashOf(key), key: string(key), entry: e, place: -1}
	if !c.recheck(n) {
		return false
	}
	keep := c.budget.fits(e.Bytes) && (e.Deadline == 0 || c.aged(&n.entry) != Miss)
	if !c.insert(key, n, keep) {
		return false
	}
	c.budget.settle()
	return n.stamp.Load() != dead
}

// insert reports whether n is in now. Without keep it only takes out what n
// supersedes.
func (c *Cache[V]) insert(key []byte, n *node[V], keep bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.table.Load()
	old := t.find(n.hash, key)
	switch {
	case old != nil && n.entry.AsOf < old.entry.AsOf:
		return false
	case !keep:
		if old != nil {
			c.remove(old)
		}
		return false
	case old != nil:
		c.supersede(old, n)
	default:
		c.admit(n)
	}
	return true
}

// supersede puts n in old's place. A lookup that has found old already may
// still return it: it came first.
func (c *Cache[V]) supersede(old, n *node[V]) {
	n.stamp.Store(c.n.Add(1))
	c.table.Load().swap(old, n)
	c.recency.replace(old, n)
	c.account(n.entry.Bytes - old.entry.Bytes)
}

// admit adds n, for which there is no entry, and makes room for it.
func (c *Cache[V]) admit(n *node[V]) {
	if len(c.recency.heap) >= c.maxSize {
		c.evict()
	}
	t := c.table.Load()
	if spread*len(c.recency.heap) >= len(t.chains) {
		t = c.grow(t)
	}
	n.stamp.Store(c.n.Add(1))
	t.link(n)
	c.recency.add(n)
	c.account(n.entry.Bytes)
}

// grow doubles the table. Readers that meet it half done look again under the
// lock.
func (c *Cache[V]) grow(t *table[V]) *table[V] {
	larger := newTable[V](2 * len(t.chains))
	t.moved.Store(true)
	for _, n := range c.recency.heap {
		larger.link(n)
	}
	c.table.Store(larger)
	return larger
}

// Delete drops the entry under key, if there is one.
func (c *Cache[V]) Delete(key []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.table.Load().find(hashOf(key), key); n != nil {
		c.remove(n)
	}
}

// Clear drops all entries.
func (c *Cache[V]) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.recency.heap {
		n.stamp.Store(dead)
		n.place = -1
	}
	c.recency.heap = nil
	c.table.Store(newTable[V](minChains))
	c.account(-c.bytes.Load())
}

// drop removes n, unless that has happened already.
func (c *Cache[V]) drop(n *node[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n.place >= 0 {
		c.remove(n)
	}
}

// remove is called with mu held, for a node that is in.
func (c *Cache[V]) remove(n *node[V]) {
	n.stamp.Store(dead)
	c.recency.remove(n)
	c.unlink(n)
}

// evict is called with mu held.
func (c *Cache[V]) evict() bool {
	n := c.recency.evict()
	if n != nil {
		c.unlink(n)
	}
	return n != nil
}

func (c *Cache[V]) evictOne() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.evict()
}

func (c *Cache[V]) unlink(n *node[V]) {
	c.table.Load().swap(n, nil)
	c.account(-n.entry.Bytes)
}

// account is called with mu held.
func (c *Cache[V]) account(bytes int64) {
	c.bytes.Add(bytes)
	if c.budget != nil {
		c.budget.used.Add(bytes)
	}
}
