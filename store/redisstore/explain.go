package redisstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/redis/rueidis"
)

var errTooOld = errors.New("the server is too old: Redis 6.2 or later is needed")

// explained adds what to do to an error of opening.
func explained(err error, option *rueidis.ClientOption) error {
	if advice := refusal(err.Error(), option.SelectDB); advice != "" {
		return fmt.Errorf("%s: %w", advice, err)
	}
	if advice := unreachable(err, option.TLSConfig != nil); advice != "" {
		return fmt.Errorf("%s: %w", advice, err)
	}
	return err
}

// refusal has advice for what a server says when it refuses a client.
func refusal(said string, db int) string {
	switch {
	case strings.Contains(said, "WRONGPASS"), strings.Contains(said, "invalid password"):
		return "the server refuses this user or password: check both in the URL, where characters such as @ and / are written as %40 and %2F"
	case strings.Contains(said, "AUTH <password> called without any password"):
		return "the server has no password: take it out of the URL"
	case strings.Contains(said, "NOAUTH"):
		return "the server wants a password: put it into the URL, redis://user:password@host, or redis://:password@host where there are no users"
	case strings.Contains(said, "SELECT is not allowed in cluster mode"):
		return "a cluster has database 0 only: take the number out of the URL"
	case strings.Contains(said, "DB index is out of range"):
		return fmt.Sprintf("the server has no database %d: choose a smaller number, or raise databases in its configuration", db)
	case strings.Contains(said, "max number of clients"):
		return "the server has as many clients as it takes: raise its maxclients"
	case strings.Contains(said, "CLUSTERDOWN"), strings.Contains(said, rueidis.ErrNoSlot.Error()):
		return "the cluster does not serve all slots: see CLUSTER INFO there"
	}
	return ""
}

// unreachable has advice for a connection that was not made.
func unreachable(err error, overTLS bool) string {
	var (
		lookup  *net.DNSError
		host    x509.HostnameError
		unknown *tls.CertificateVerificationError
		plain   tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there: is Redis running there, and is the port right"
	case errors.As(err, &lookup):
		return "the host name cannot be resolved: check it in the URL"
	case errors.As(err, &host):
		return "the server's certificate is for another host: connect by a name that it has"
	case errors.As(err, &unknown):
		return "the server's certificate is not trusted: name the file of its authority as reprise_ca in the URL"
	case errors.As(err, &plain):
		return "the server does not speak TLS there: use redis:// or its TLS port"
	case timedOut(err) && overTLS:
		return "check host, port and firewall, and whether the server does not speak TLS there (then use redis:// or its TLS port)"
	case timedOut(err):
		return "check host, port and firewall"
	case overTLS && brokeOff(err):
		return "the server broke the TLS handshake off: it may want a client's certificate (redisstore's Options.TLS), or have all the clients it takes (maxclients)"
	case brokeOff(err):
		return "the server broke the connection off: if it speaks TLS there, use rediss://; it may also have all the clients it takes (maxclients)"
	}
	return ""
}

func timedOut(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}

// brokeOff is what a server of another protocol does, or a TLS alert where
// there should be an answer.
func brokeOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || strings.Contains(err.Error(), "unknown message type") || strings.Contains(err.Error(), "remote error: tls")
}
