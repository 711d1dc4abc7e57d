package redisstore

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/reprise-go/reprise/store"
)

// schema is the version of what is written in docs/redis.md.
const schema = 1

// Open connects to the Redis server or cluster at rawURL and makes a store
// there where there is none:
//
//	redis://user:password@host:6379/0
//	rediss://host:6380?addr=other-host:6380
//	redis://sentinel-host:26379?master_set=mymaster
//
// rediss is TLS. The path is the number of the database, 0 by default and the
// only one in a cluster. A cluster is recognised by itself; addr, repeatable,
// names more of its nodes. dial_timeout and write_timeout are durations that
// stand in for Options.Timeout; skip_verify turns the check of certificates
// off; reprise_prefix is Options.Prefix, where that is empty. The context bounds the questions to the server; Options.Timeout bounds
// each attempt to connect.
//
// Errors name the URL without its password. They wrap store.ErrNewerSchema
// where a newer version of reprise wrote the store, and store.ErrCorrupt where
// keys with the prefix are not ours. Settings of the server that endanger the
// store are in Store.Warnings.
func Open(ctx context.Context, rawURL string, o *Options) (*Store, error) {
	c, err := settings(o, prefixIn(rawURL))
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	option, err := clientOption(rawURL, &c)
	if err != nil {
		return nil, err
	}
	s := &Store{names: newNames(c.Prefix), maxValue: c.MaxValue, candidate: randomID(), quit: make(chan struct{})}
	if err := s.open(ctx, option, c.Logger); err != nil {
		if s.client != nil {
			s.client.Close()
		}
		err = explained(err)
		if option.TLSConfig != nil && errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no TLS handshake within %v: the server may not speak TLS there: %w", option.Dialer.Timeout, err)
		}
		return nil, fmt.Errorf("redisstore: open %s: %w", redacted(rawURL), err)
	}
	return s, nil
}

// prefixIn is the prefix that the URL asks for, or "" where it does not. A URL
// that cannot be read is refused by whoever connects.
func prefixIn(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return u.Query().Get("reprise_prefix")
}

// open connects to one server, and if that says that it is of a cluster, to
// all of it. Several addresses are a cluster's, or of Sentinels.
func (s *Store) open(ctx context.Context, option rueidis.ClientOption, l *slog.Logger) error {
	option.ForceSingleClient = len(option.InitAddress) == 1 && option.Sentinel.MasterSet == ""
	if err := s.connect(option); err != nil {
		return err
	}
	facts, err := s.facts(ctx)
	if err != nil {
		return err
	}
	if tooOld(facts["redis_version"]) {
		return fmt.Errorf("%w: it is %s", errTooOld, facts["redis_version"])
	}
	if facts["cluster_enabled"] == "1" && option.ForceSingleClient {
		s.client.Close()
		option.ForceSingleClient = false
		if err := s.connect(option); err != nil {
			return err
		}
	}
	s.cluster = s.client.Mode() == rueidis.ClientModeCluster
	s.warn(l, facts["maxmemory_policy"])
	return s.join(ctx)
}

func randomID() string {
	var b [32]byte
	rand.Read(b[:]) // never fails: see crypto/rand
	return string(b[:])
}

// connect asks Redis to tell when the store's number moves, and does without
// where a server or a proxy cannot do that. All commands share a connection,
// as tracker needs it.
func (s *Store) connect(option rueidis.ClientOption) (err error) {
	option.PipelineMultiplex = -1
	s.tracked = !option.AlwaysRESP2
	if s.tracked {
		option.OnInvalidations = s.tracker.invalidate
		option.ClientTrackingOptions = []string{"BCAST", "PREFIX", s.names.metaKey()}
		option.CacheSizeEachConn = 1 << 10 // unused
		s.client, err = rueidis.NewClient(option)
		if !errors.Is(err, rueidis.ErrNoCache) {
			return err
		}
	}
	s.tracked = false
	option.OnInvalidations, option.ClientTrackingOptions, option.DisableCache = nil, nil, true
	s.client, err = rueidis.NewClient(option)
	return err
}

// clientOption is what the URL and the options say.
func clientOption(rawURL string, c *Options) (rueidis.ClientOption, error) {
	option, err := rueidis.ParseURL(rawURL)
	if err != nil {
		var u *url.Error // holds the URL, with its password
		if errors.As(err, &u) {
			err = u.Err
		}
		return option, fmt.Errorf("redisstore: open %s: %w (want redis://user:password@host:port/database, or rediss:// for TLS)",
			redacted(rawURL), err)
	}
	if option.Dialer.Timeout == 0 {
		option.Dialer.Timeout = c.Timeout
	}
	if option.ConnWriteTimeout == 0 {
		option.ConnWriteTimeout = c.Timeout
	}
	if c.TLS != nil {
		config := c.TLS.Clone()
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(option.InitAddress[0])
		}
		option.TLSConfig = config
	}
	option.ClientName = "reprise"
	option.DisableCache = false
	option.DisableRetry = true // the façade decides what a failure means
	option.Sentinel.Dialer, option.Sentinel.TLSConfig = option.Dialer, option.TLSConfig
	return option, nil
}

// redacted is rawURL without its password and its query, or a part of it where
// it cannot be read.
func redacted(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Opaque != "" || u.Host == "" && u.User != nil {
		scheme, _, _ := strings.Cut(rawURL, "://")
		if strings.ContainsAny(scheme, ":@/ ") {
			scheme = "?"
		}
		return strconv.Quote(scheme + "://…")
	}
	u.RawQuery = ""
	return strconv.Quote(u.Redacted())
}

// explained adds what to do to an error of connecting.
func explained(err error) error {
	var unknown *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	said := err.Error()
	switch {
	case strings.Contains(said, "WRONGPASS"):
		return fmt.Errorf("the server refuses the user or the password: %w", err)
	case strings.Contains(said, "NOAUTH"):
		return fmt.Errorf("the server wants a password: put it into the URL: %w", err)
	case errors.As(err, &unknown):
		return fmt.Errorf("the server's certificate is not trusted: set Options.TLS with its authority: %w", err)
	case errors.As(err, &plain):
		return fmt.Errorf("the server does not speak TLS there: use redis:// or its TLS port: %w", err)
	case strings.Contains(said, "SELECT is not allowed in cluster mode"):
		return fmt.Errorf("a cluster has database 0 only: %w", err)
	case strings.Contains(said, "unknown command") && strings.Contains(said, "HELLO"):
		return fmt.Errorf("%w: %w", errTooOld, err)
	}
	return err
}

var errTooOld = errors.New("the server is too old: Redis 6.2 or later is needed")

// facts is what the server says of itself.
func (s *Store) facts(ctx context.Context) (map[string]string, error) {
	info, err := s.client.Do(ctx, s.client.B().Info().Build()).ToString()
	if err != nil {
		return nil, fmt.Errorf("ask for INFO: %w", err)
	}
	return parseInfo(info), nil
}

// parseInfo reads the answer to INFO.
func parseInfo(info string) map[string]string {
	facts := make(map[string]string)
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			facts[name] = value
		}
	}
	return facts
}

func tooOld(version string) bool {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	x, err1 := strconv.Atoi(major)
	y, err2 := strconv.Atoi(minor)
	return err1 == nil && err2 == nil && (x < 6 || x == 6 && y < 2)
}

// warn notes a policy of eviction that can take what the store stands on.
func (s *Store) warn(l *slog.Logger, policy string) {
	s.evicts = policy != "" && policy != "noeviction"
	if !strings.HasPrefix(policy, "allkeys-") {
		return
	}
	w := fmt.Sprintf("redisstore: maxmemory-policy %s can evict leases and generations, and then the whole store starts anew: "+
		"set it to volatile-lru, which evicts only entries with a TTL, or to noeviction", policy)
	s.warnings = append(s.warnings, w)
	if l != nil {
		l.Warn(w)
	}
}

// join makes the store or finds it, and checks its version.
func (s *Store) join(ctx context.Context) error {
	m, err := s.onMeta(ctx, opOpen)
	if err != nil {
		return err
	}
	if len(m) != 4 {
		return corrupt("open")
	}
	version, _ := m[0].ToString()
	v, err := strconv.Atoi(version)
	id, _ := m[1].ToString()
	switch {
	case err != nil || v < 1 || len(id) != 32:
		return fmt.Errorf("hash %s is not of a store of reprise: choose another Options.Prefix: %w", s.names.metaKey(), store.ErrCorrupt)
	case v > schema:
		return fmt.Errorf("schema %d, this program knows %d: %w", v, schema, store.ErrNewerSchema)
	}
	return nil
}
