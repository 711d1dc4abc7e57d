package redisstore

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Options tune a Store. A nil *Options, and the zero value of each field, mean
// the defaults. Open does not modify or keep them.
type Options struct {
	// Prefix begins the name of every key in Redis, so that several stores
	// can share a database; empty means the parameter reprise_prefix of the
	// URL, and without that "reprise". It must not contain braces.
	Prefix string
	// MaxValue is the largest sealed value that Put takes, in bytes; 0 means
	// 64 MiB. Redis itself ends at 512 MiB, which is the most.
	MaxValue int64
	// Timeout bounds the opening, each later attempt to connect, and the
	// silence of a server that owes an answer, after which its connection is
	// given up; 0 means 5 s. The context of a call can end it earlier.
	Timeout time.Duration
	// TLS replaces the configuration that a rediss:// URL stands for, and
	// turns TLS on where the URL is redis://. Nil means: as the URL says, with
	// the authorities of its reprise_ca or else the system's.
	TLS *tls.Config
	// Logger hears of settings of the server that endanger the store, once,
	// when it is opened. Nil means nobody; Store.Warnings has them too.
	Logger *slog.Logger
}

const (
	defaultPrefix   = "reprise"
	defaultMaxValue = 64 << 20
	mostMaxValue    = 512 << 20
	defaultTimeout  = 5 * time.Second
)

// settings are the options with their defaults, but for the prefix.
func settings(o *Options) (Options, error) {
	var c Options
	if o != nil {
		c = *o
	}
	c.MaxValue = cmp.Or(c.MaxValue, defaultMaxValue)
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	switch {
	case strings.ContainsAny(c.Prefix, "{}"):
		return c, fmt.Errorf("redisstore: Options.Prefix %q: must not contain braces", c.Prefix)
	case c.MaxValue < 0 || c.MaxValue > mostMaxValue:
		return c, fmt.Errorf("redisstore: Options.MaxValue %d: must be 0 to %d, the most that Redis takes", c.MaxValue, mostMaxValue)
	case c.Timeout < 0:
		return c, fmt.Errorf("redisstore: Options.Timeout %v: must not be negative", c.Timeout)
	}
	return c, nil
}
