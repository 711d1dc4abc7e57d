//go:build unix

package redisstore

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/servertest"
	"github.com/reprise-go/reprise/store"
)

// wantRefused fails the test unless Open says what is wrong in these words.
func wantRefused(t *testing.T, url string, o *Options, words ...string) error {
	t.Helper()
	s, err := Open(t.Context(), url, o)
	if err == nil {
		s.Close()
		t.Errorf("Open(%q) succeeds", url)
		return nil
	}
	for _, w := range append(words, "redisstore: ") {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("Open(%q) = %q, want it to say %q", url, err, w)
		}
	}
	return err
}

func TestPasswords(t *testing.T) {
	addr := servertest.Redis(t, "--requirepass", "right").Addr()
	opened(t, "redis://:right@"+addr, nil)
	wantRefused(t, "redis://:wrong@"+addr, nil, "refuses this user or password", addr)
	wantRefused(t, "redis://nobody:right@"+addr, nil, "refuses this user or password")
	wantRefused(t, "redis://"+addr, nil, "wants a password")
}

func TestUnreachable(t *testing.T) {
	wantRefused(t, "redis://no-such-host.invalid:6379", nil, "no-such-host.invalid")
	wantRefused(t, "redis://127.0.0.1:1", nil, "127.0.0.1:1", "refused")
	wantRefused(t, "http://127.0.0.1", nil, "redis://user:password@host:port/database")
	wantRefused(t, "redis://127.0.0.1/nonsense", nil, "database number")
}

func TestBadOptions(t *testing.T) {
	for _, o := range []*Options{{Prefix: "a{b}"}, {MaxValue: -1}, {MaxValue: 1 << 40}, {Timeout: -1}} {
		wantRefused(t, "redis://127.0.0.1:1", o, "Options.")
	}
}

func TestDatabases(t *testing.T) {
	url := servertest.Redis(t).URL()
	one, two := opened(t, url+"/1", nil), opened(t, url+"/2", nil)
	mustPublish(t, one, record("a"))
	if l, err := two.Get(t.Context(), record("a").Key); err != nil || l.Found {
		t.Errorf("database 2 has what is in 1: %t, %v", l.Found, err)
	}
	wantRefused(t, servertest.SharedRedisCluster(t).URL()+"/1", nil, "a cluster has database 0 only")
}

func TestPrefixes(t *testing.T) {
	url := servertest.Redis(t).URL()
	one, two := opened(t, url+"?reprise_prefix=one", nil), opened(t, url, &Options{Prefix: "two"})
	same := opened(t, url+"?reprise_prefix=one", &Options{Prefix: "two"}) // the option wins
	mustPublish(t, one, record("a"))
	mustPublish(t, two, record("b"))
	for s, want := range map[*Store][2]bool{one: {true, false}, two: {false, true}, same: {false, true}} {
		for i, key := range []string{"a", "b"} {
			if l, err := s.Get(t.Context(), record(key).Key); err != nil || l.Found != want[i] {
				t.Errorf("%s: found %t, %v", key, l.Found, err)
			}
		}
	}
	wantRefused(t, url+"?reprise_prefix=a{b}", nil, "reprise_prefix")
}

func TestForeignData(t *testing.T) {
	url := servertest.Redis(t).URL()
	s := opened(t, url, nil)
	set := func(field, value string) {
		t.Helper()
		cmd := s.client.B().Hset().Key(s.names.metaKey()).FieldValue().FieldValue(field, value).Build()
		if err := s.client.Do(t.Context(), cmd).Error(); err != nil {
			t.Fatal(err)
		}
	}
	set("v", "2")
	if err := wantRefused(t, url, nil, "schema 2"); !errors.Is(err, store.ErrNewerSchema) {
		t.Errorf("Open = %v, want ErrNewerSchema", err)
	}
	set("v", "what")
	if err := wantRefused(t, url, nil, "not of a store of reprise"); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Open = %v, want ErrCorrupt", err)
	}
	other := opened(t, url, &Options{Prefix: "other"})
	if err := other.client.Do(t.Context(), other.client.B().Set().Key("{third}:m").Value("text").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	if err := wantRefused(t, url, &Options{Prefix: "third"}, "foreign type"); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("Open = %v, want ErrCorrupt", err)
	}
}

func TestWarnsOfEviction(t *testing.T) {
	url := servertest.Redis(t, "--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru").URL()
	var log bytes.Buffer
	s := opened(t, url, &Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	w := s.Warnings()
	if len(w) != 1 || !strings.Contains(w[0], "allkeys-lru") || !strings.Contains(w[0], "volatile-lru") {
		t.Errorf("warnings %q", w)
	}
	if !strings.Contains(log.String(), "allkeys-lru") {
		t.Errorf("logged %q", &log)
	}
}

func TestOldVersions(t *testing.T) {
	for version, old := range map[string]bool{
		"5.0.14": true, "6.0.16": true, "6.2.0": false, "7.0.15": false, "8.2.1": false, "10.0.0": false, "": false, "unknown": false,
	} {
		if tooOld(version) != old {
			t.Errorf("version %q too old: %t, want %t", version, !old, old)
		}
	}
}

// TestTLS runs a server with a certificate that only Options.TLS trusts.
func TestTLS(t *testing.T) {
	certFile, keyFile, pool := certificate(t)
	port := tlsPort(t)
	plain := servertest.Redis(t, "--tls-port", strconv.Itoa(port), "--tls-cert-file", certFile, "--tls-key-file", keyFile,
		"--tls-ca-cert-file", certFile, "--tls-auth-clients", "no")
	url := "rediss://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	s := opened(t, url, &Options{TLS: &tls.Config{RootCAs: pool}})
	mustPublish(t, s, record("a"))
	opened(t, url+"?skip_verify=true", nil)
	wantRefused(t, url, nil, "not trusted")
	wantRefused(t, "rediss://"+plain.Addr(), &Options{Timeout: 200 * time.Millisecond}, "not speak TLS there")
}

func tlsPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// certificate makes one for 127.0.0.1, signed by itself.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for file, text := range map[string][]byte{
		certFile: certPEM,
		keyFile:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, pool
}
