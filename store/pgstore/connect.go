package pgstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrBadURL is what Open wraps where the URL itself is wrong, whatever becomes
// of the server.
var ErrBadURL = errors.New("the URL is wrong")

// badURL is what pgx says of a URL, without the URL, for the password may be
// what is wrong.
func badURL(rawURL string, err error) error {
	const want = "want postgres://user:password@host:port/database; " +
		"characters of user and password such as @, /, : and % are written as %40, %2F, %3A and %25"
	said := err.Error()
	i := strings.LastIndex(said, "`: ")
	if u, err := url.Parse(rawURL); err != nil || misread(u) || i < 0 {
		return fmt.Errorf("%w: %s", ErrBadURL, want)
	}
	return fmt.Errorf("%w: %s", ErrBadURL, said[i+len("`: "):])
}

// redacted is where rawURL leads, or a part of it where it cannot be read.
func redacted(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || misread(u) || u.Host == "" || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return "postgres:…"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// misread reports whether a password with a slash in it was taken for a path.
func misread(u *url.URL) bool { return u.User == nil && strings.Contains(u.Path, "@") }

// connectError makes what pgx says of a connection that could not be made
// short, and adds what to do. Other errors it leaves as they are.
func connectError(err error) error {
	var connect *pgconn.ConnectError
	if !errors.As(err, &connect) {
		return err
	}
	err = oneLine{connect.Unwrap()} // without user and database, which the caller tells
	if advice := unreachable(err); advice != "" {
		return fmt.Errorf("%s: %w", advice, err)
	}
	return advised(err)
}

// oneLine is an error that pgx tells in a line for each attempt.
type oneLine struct{ error }

func (e oneLine) Error() string { return strings.ReplaceAll(e.error.Error(), "\n", "; ") }

func (e oneLine) Unwrap() error { return e.error }

// unreachable has advice for a connection that was not made.
func unreachable(err error) string {
	var (
		lookup    *net.DNSError
		host      x509.HostnameError
		authority x509.UnknownAuthorityError
		untrusted *tls.CertificateVerificationError
	)
	said := err.Error()
	switch {
	case codeOf(err) == codeNoParameter:
		return "the server does not know a parameter of the URL: check its spelling"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there: is PostgreSQL running there, and is the port right"
	case errors.As(err, &lookup):
		return "the host name cannot be resolved: check it in the URL"
	case errors.As(err, &host):
		return "the server's certificate is for another host: connect by a name that it has, or use sslmode=verify-ca"
	case errors.As(err, &authority), errors.As(err, &untrusted):
		return "the server's certificate is not trusted: name the file of its authority as sslrootcert in the URL"
	case strings.Contains(said, "server refused TLS"):
		return "the server does not speak TLS: enable it there, or add sslmode=disable where the network is trusted"
	case strings.Contains(said, "tls: "), strings.Contains(said, "x509: "):
		return "TLS fails: check sslmode, sslrootcert, sslcert and sslkey in the URL"
	case pgconn.Timeout(err), errors.Is(err, context.DeadlineExceeded):
		return "no answer: check host, port and firewall"
	}
	return ""
}
