package redisstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
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
// only one in a cluster. A cluster is recognised by itself. The parameters:
//
//	addr            one more node of the cluster, or one more Sentinel; repeatable
//	db              the number of the database, where the path has none
//	master_set      the name that Sentinels know the server by
//	reprise_prefix  Options.Prefix, where that is empty
//	reprise_ca      a file of certificates (PEM) of the authorities to trust, for rediss
//	skip_verify     true: no check of certificates
//	dial_timeout    a duration that stands in for Options.Timeout in connecting
//	write_timeout   the same for a server that owes an answer
//	client_name     what CLIENT LIST shows; "reprise" by default
//	protocol        2 for servers and proxies that do not speak RESP3
//
// Others are refused. The context and Options.Timeout bound the opening.
//
// Errors name the URL without user, password and parameters. They wrap
// ErrBadURL where the URL itself is wrong, store.ErrNewerSchema where a newer
// version of reprise wrote the store, and store.ErrCorrupt where keys with the
// prefix are not ours. Settings of the server that endanger the store are in
// Store.Warnings.
func Open(ctx context.Context, rawURL string, o *Options) (*Store, error) {
	c, err := settings(o)
	if err != nil {
		return nil, err
	}
	option, err := clientOption(rawURL, &c)
	if err != nil {
		return nil, fmt.Errorf("redisstore: open %s: %w", redacted(rawURL), err)
	}
	opening, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	dials := dialling(opening, &option)
	defer dials.release()
	s := &Store{names: newNames(c.Prefix), user: cmp.Or(option.Username, "default"),
		maxValue: c.MaxValue, candidate: randomID(), quit: make(chan struct{})}
	if err := s.open(opening, option, c.Logger); err != nil {
		if s.client != nil {
			s.client.Close()
		}
		switch {
		case ctx.Err() != nil:
			err = ctx.Err()
		case opening.Err() != nil, timedOut(err):
			limit := min(c.Timeout, option.Dialer.Timeout)
			err = fmt.Errorf("no answer within %v: %w", limit, explained(context.DeadlineExceeded, &option))
		default:
			err = explained(err, &option)
		}
		return nil, fmt.Errorf("redisstore: open %s: %w", redacted(rawURL), err)
	}
	return s, nil
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

// facts is what the server says of itself.
func (s *Store) facts(ctx context.Context) (map[string]string, error) {
	info, err := s.client.Do(ctx, s.client.B().Info().Build()).ToString()
	if err != nil {
		return nil, s.failed(err)
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
		return fmt.Errorf("%w: schema %d, and this program knows up to %d: upgrade it, or choose another Options.Prefix", store.ErrNewerSchema, v, schema)
	}
	return nil
}
