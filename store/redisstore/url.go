package redisstore

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// ErrBadURL is what Open wraps where the URL itself is wrong, whatever becomes
// of the server.
var ErrBadURL = errors.New("the URL is wrong")

// parameters are those that a URL may have.
var parameters = []string{"addr", "client_name", "db", "dial_timeout", "master_set", "protocol",
	"reprise_ca", "reprise_prefix", "skip_verify", "write_timeout"}

// clientOption is what the URL and the options say. It completes the options
// by what the URL says.
func clientOption(rawURL string, c *Options) (rueidis.ClientOption, error) {
	option, query, err := parse(rawURL)
	if err != nil {
		return option, fmt.Errorf("%w: %w", ErrBadURL, err)
	}
	c.Prefix = cmp.Or(c.Prefix, query.Get("reprise_prefix"), defaultPrefix)
	if strings.ContainsAny(c.Prefix, "{}") {
		return option, fmt.Errorf("%w: reprise_prefix=%s must not contain braces", ErrBadURL, c.Prefix)
	}
	option.Dialer.Timeout = cmp.Or(option.Dialer.Timeout, c.Timeout)
	option.ConnWriteTimeout = cmp.Or(option.ConnWriteTimeout, c.Timeout)
	option.ClientName = cmp.Or(option.ClientName, "reprise")
	option.DisableCache = false
	option.DisableRetry = true // the façade decides what a failure means
	if c.TLS != nil {
		config := c.TLS.Clone()
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(option.InitAddress[0])
		}
		option.TLSConfig = config
	}
	option.Sentinel.Dialer, option.Sentinel.TLSConfig = option.Dialer, option.TLSConfig
	return option, nil
}

// parse reads a URL. Its errors do not repeat it, for the password may be what
// is wrong.
func parse(rawURL string) (option rueidis.ClientOption, query url.Values, err error) {
	const want = "want redis://user:password@host:port/database, or rediss:// for TLS; " +
		"characters of user and password such as @, /, : and % are written as %40, %2F, %3A and %25"
	u, err := url.Parse(rawURL)
	if err != nil || u.Opaque != "" || misread(u) {
		return option, nil, errors.New(want)
	}
	query = u.Query()
	for _, name := range []string{"dial_timeout", "write_timeout"} {
		if v := query.Get(name); v != "" {
			if d, err := time.ParseDuration(v); err != nil || d <= 0 {
				return option, nil, fmt.Errorf("%s=%s: want a duration, such as 5s", name, v)
			}
		}
	}
	if option, err = rueidis.ParseURL(rawURL); err != nil {
		return option, nil, fmt.Errorf("%s; %s", strings.TrimPrefix(err.Error(), "redis: "), want)
	}
	for name := range query {
		if !slices.Contains(parameters, name) {
			return option, nil, fmt.Errorf("unknown parameter %s; known are %s", name, strings.Join(parameters, ", "))
		}
	}
	return option, query, trust(&option, query.Get("reprise_ca"))
}

// trust has the certificates of a file stand in for the system's.
func trust(option *rueidis.ClientOption, file string) error {
	switch {
	case file == "":
		return nil
	case option.TLSConfig == nil:
		return errors.New("reprise_ca is for TLS: say rediss:// instead of redis://")
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reprise_ca: %w", err)
	}
	option.TLSConfig.RootCAs = x509.NewCertPool()
	if !option.TLSConfig.RootCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("reprise_ca: %s holds no certificate in PEM", file)
	}
	return nil
}

// redacted is where rawURL leads, or a part of it where it cannot be read. A
// password may stand as the user, too.
func redacted(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Opaque != "" || u.Host == "" && u.User != nil || misread(u) {
		scheme, _, _ := strings.Cut(rawURL, ":")
		if strings.ContainsAny(scheme, "@/ ") {
			scheme = "?"
		}
		return strconv.Quote(scheme + ":…")
	}
	return strconv.Quote((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String())
}

// misread reports whether a password with a slash in it was taken for a path.
func misread(u *url.URL) bool { return u.User == nil && strings.Contains(u.Path, "@") }
