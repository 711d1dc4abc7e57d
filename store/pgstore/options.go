package pgstore

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Durability says what a crash of the server may take away. Neither mode can
// end in a damaged database.
type Durability uint8

const (
	// Relaxed lets a crash of the server take the plain puts of the last
	// moments (three times its wal_writer_delay, 0.6 s by default). Everything
	// else waits for the server's log.
	Relaxed Durability = iota
	// Full has plain puts wait for the server's log too.
	Full
)

// Options tune a Store. A nil *Options, and the zero value of each field, mean
// the defaults. Open does not modify or keep them.
type Options struct {
	// Schema is the schema to keep the tables in, made where it does not
	// exist; "" means the parameter reprise_schema of the URL, and without that
	// "reprise". At most 63 bytes.
	Schema string
	// Quota is how many bytes of sealed values to keep; 0 means 10 GiB,
	// negative means no limit. From 16 MiB on, each process looks at the total
	// only now and then, so puts may exceed it by a sixteenth.
	Quota int64
	// MaxValue is the largest sealed value that Put takes, in bytes; 0 means
	// 64 MiB. The most, and what a negative value means, is 512 MiB: a row has
	// to fit in a gigabyte in the form that it is sent in.
	MaxValue int64
	// Timeout limits the opening, and the making of each later connection
	// where the URL has no connect_timeout; 0 means 5 s. Where a new version of
	// reprise has to alter tables with much in them, it may take more.
	Timeout time.Duration
	// Durability is Relaxed by default.
	Durability Durability
	// SweepEvery is the time between sweeps in the background; 0 means 10
	// minutes, negative means none. Of several processes one sweeps.
	SweepEvery time.Duration
	// ProbeTimeout is how long Watch waits for a notification that it sends to
	// itself, before it concludes that there is a proxy in the way which does
	// not pass them on; 0 means 5 s.
	ProbeTimeout time.Duration
}

const (
	defaultSchema     = "reprise"
	defaultQuota      = 10 << 30
	defaultMaxValue   = 64 << 20
	maxMaxValue       = 512 << 20
	defaultTimeout    = 5 * time.Second
	defaultSweepEvery = 10 * time.Minute
	defaultProbe      = 5 * time.Second

	// slackFrom is the quota from which puts may exceed it by quota/slackShare.
	slackFrom  = 16 << 20
	slackShare = 16
)

// withDefaults returns a copy in which every field has its meaning spelled
// out: no quota and no sweeping are 0.
func (o *Options) withDefaults() (Options, error) {
	var c Options
	if o != nil {
		c = *o
	}
	if c.Durability > Full {
		return c, fmt.Errorf("pgstore: Options.Durability is %d: want Relaxed or Full", c.Durability)
	}
	if c.MaxValue > maxMaxValue {
		return c, fmt.Errorf("pgstore: Options.MaxValue is %d: the most is %d", c.MaxValue, maxMaxValue)
	}
	if c.Timeout < 0 {
		return c, fmt.Errorf("pgstore: Options.Timeout is %v: it must not be negative", c.Timeout)
	}
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	c.Quota = orDefault(c.Quota, defaultQuota)
	c.SweepEvery = orDefault(c.SweepEvery, defaultSweepEvery)
	switch {
	case c.MaxValue == 0:
		c.MaxValue = defaultMaxValue
	case c.MaxValue < 0:
		c.MaxValue = maxMaxValue
	}
	if c.ProbeTimeout <= 0 {
		c.ProbeTimeout = defaultProbe
	}
	return c, nil
}

// orDefault maps 0 to the default and a negative value to 0.
func orDefault[T int64 | time.Duration](v, def T) T {
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

// checkSchema refuses names that PostgreSQL would cut short or reserves.
func checkSchema(name string) error {
	const longest = 63
	switch {
	case name == "" || len(name) > longest || strings.ContainsRune(name, 0):
		return fmt.Errorf("schema %q: want a name of 1 to %d bytes", name, longest)
	case strings.HasPrefix(name, "pg_") || name == "information_schema":
		return fmt.Errorf("schema %q is PostgreSQL's own: choose another name", name)
	}
	return nil
}
