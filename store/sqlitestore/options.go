package sqlitestore

import (
	"fmt"
	"time"
)

// Durability says what a loss of power may take away. The death of a process
// takes nothing in either mode, and neither mode can end in a damaged database.
type Durability uint8

const (
	// Relaxed syncs at checkpoints only: a loss of power may take the last
	// transactions, and with them the content of value files, which then count
	// as damaged. It suits a cache: a put costs 0.1 to 0.2 ms.
	Relaxed Durability = iota
	// Full syncs every transaction and every value file before a put returns:
	// several disk flushes.
	Full
)

// Options tune a Store. A nil *Options, and the zero value of each field, mean
// the defaults. Open does not modify or keep them.
type Options struct {
	// Quota is how many bytes of sealed values to keep, in the database and in
	// value files together; 0 means 10 GiB, negative means no limit. From
	// 16 MiB on, puts may exceed it by a sixteenth before they evict, so that
	// one search for the least useful entries serves many puts.
	Quota int64
	// MaxValue is the largest sealed value that Put takes, in bytes; 0 means
	// 1 GiB, negative means no limit.
	MaxValue int64
	// InlineBelow keeps values of fewer bytes in the database, and larger ones
	// in files; 0 means 64 KiB, negative puts every value in a file. The most
	// is 16 MiB. Stores with different settings can share a database.
	InlineBelow int
	// Durability is Relaxed by default.
	Durability Durability
	// BusyTimeout is how long a method waits for other processes to finish
	// writing before it returns an error; 0 means 10 s, negative means that it
	// does not wait.
	BusyTimeout time.Duration
	// Now is the clock of the store; nil means time.Now. It is for tests: all
	// processes that share a database must agree on the time.
	Now func() time.Time
	// SweepEvery is the time between sweeps in the background; 0 means 10
	// minutes, negative means none. Of several processes one sweeps.
	SweepEvery time.Duration
}

const (
	defaultQuota       = 10 << 30
	defaultMaxValue    = 1 << 30
	defaultInlineBelow = 64 << 10
	maxInlineBelow     = 16 << 20
	defaultBusyTimeout = 10 * time.Second
	defaultSweepEvery  = 10 * time.Minute

	// slackFrom is the quota from which puts may exceed it by quota/slackShare.
	slackFrom  = 16 << 20
	slackShare = 16
)

// withDefaults returns a copy in which every field has its meaning spelled
// out: no limits are 0, no waiting and no sweeping too.
func (o *Options) withDefaults() (Options, error) {
	var c Options
	if o != nil {
		c = *o
	}
	if c.Durability > Full {
		return c, fmt.Errorf("sqlitestore: Options.Durability is %d: want Relaxed or Full", c.Durability)
	}
	if c.InlineBelow > maxInlineBelow {
		return c, fmt.Errorf("sqlitestore: Options.InlineBelow is %d: the most is %d", c.InlineBelow, maxInlineBelow)
	}
	c.Quota = orDefault(c.Quota, defaultQuota)
	c.MaxValue = orDefault(c.MaxValue, defaultMaxValue)
	c.InlineBelow = orDefault(c.InlineBelow, defaultInlineBelow)
	c.BusyTimeout = orDefault(c.BusyTimeout, defaultBusyTimeout)
	c.SweepEvery = orDefault(c.SweepEvery, defaultSweepEvery)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}

// orDefault maps 0 to the default and a negative value to 0.
func orDefault[T int | int64 | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return max(v, 0)
}

// slack is how far puts may exceed the quota before they evict.
func (o *Options) slack() int64 {
	if o.Quota < slackFrom {
		return 0
	}
	return o.Quota / slackShare
}

// maxUnused is how many bytes of value files, replaced or evicted by puts, may
// wait for the next sweep.
func (o *Options) maxUnused() int64 {
	const most = 64 << 20
	if o.Quota == 0 {
		return most
	}
	return min(o.Quota/slackShare, most)
}
