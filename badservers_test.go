//go:build unix

package reprise_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/internal/servertest"
)

// Real servers that are not as the URL says, are too old, or do not let the
// user do what the store does.

// certificate makes one, signed by itself, for a name or address.
func certificate(t testing.TB, host string) (certPEM, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	if ip := net.ParseIP(host); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// saved is the path of a file with these bytes.
func saved(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// redisTLS starts a server that also speaks TLS, with a certificate for host.
func redisTLS(t testing.TB, host string, args ...string) (plain, overTLS, authority string) {
	t.Helper()
	cert, key := certificate(t, host)
	authority, overTLS = saved(t, "cert.pem", cert), vacant(t)
	_, port, _ := net.SplitHostPort(overTLS)
	s := servertest.Redis(t, append([]string{"--tls-port", port, "--tls-cert-file", authority, "--tls-key-file", saved(t, "key.pem", key),
		"--tls-ca-cert-file", authority, "--tls-auth-clients", "no"}, args...)...)
	return s.Addr(), overTLS, authority
}

func TestOpenRedisOverTLS(t *testing.T) {
	plain, addr, authority := redisTLS(t, "127.0.0.1")
	_, elsewhere, itsAuthority := redisTLS(t, "cache.example")
	works(t, "rediss://"+addr+"?reprise_ca="+authority, nil)
	works(t, "rediss://"+addr+"?skip_verify=true", nil)
	soon := time.Second
	_, wants, _ := redisTLS(t, "127.0.0.1", "--tls-auth-clients", "yes")
	for name, b := range map[string]badStore{
		"unknown authority": {url: "rediss://:hunter2@" + addr, says: []string{addr, "not trusted", "reprise_ca"}},
		"wrong authority":   {url: "rediss://" + addr + "?reprise_ca=" + itsAuthority, says: []string{addr, "not trusted", "reprise_ca"}},
		"wrong host":        {url: "rediss://" + elsewhere + "?reprise_ca=" + itsAuthority, says: []string{elsewhere, "for another host", "connect by a name that it has"}},
		"plain server":      {url: "rediss://:hunter2@" + plain, says: []string{plain, "not speak TLS there", "redis://"}, timeout: soon},
		"wants certificate": {url: "rediss://" + wants + "?skip_verify=true", says: []string{wants, "may want a client's certificate", "Options.TLS"}},
		"TLS server":        {url: "redis://:hunter2@" + addr, says: []string{addr, "if it speaks TLS there, use rediss://"}, timeout: soon},
	} {
		t.Run(name, b.test)
	}
}

// works holds that a store opens and serves hits, and returns what was logged.
func works(t *testing.T, url string, cfg *reprise.Config) *logs {
	t.Helper()
	logger, log := logging()
	if cfg == nil {
		cfg = &reprise.Config{OnStoreError: reprise.FailClosed}
	}
	cfg.Logger = logger
	c := openWith(t, url, cfg)
	fn, _ := counting[string]()
	f := wrap(t, c, fn, reprise.Options[string, int]{Name: "works", Residency: reprise.Transient, Serialize: true})
	does(t, t.Context(), f, "a", reprise.Populated, reprise.Absent)
	does(t, t.Context(), f, "a", reprise.HitStore, reprise.NoReason)
	if err := f.Clear(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	return log
}

// speakTLS has a server speak TLS with a certificate for host from now on, and
// returns the file of its authority.
func speakTLS(t testing.TB, p *servertest.PostgresServer, host string) (authority string) {
	t.Helper()
	cert, key := certificate(t, host)
	for file, text := range map[string][]byte{"server.crt": cert, "server.key": key} {
		lines := "E'" + strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "\\n") + "'"
		p.Run(t, "postgres", fmt.Sprintf("COPY (SELECT regexp_split_to_table(%s, E'\\n')) TO PROGRAM 'umask 077; cat > %s'", lines, file))
	}
	p.Run(t, "postgres", "ALTER SYSTEM SET ssl = on")
	p.Run(t, "postgres", "SELECT pg_reload_conf()")
	until(t, "the server speaks TLS", func() bool { return p.Run(t, "postgres", "SHOW ssl") == "on" })
	return saved(t, "ca.pem", cert)
}

// until polls a condition that a server will bring about.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestOpenPostgresOverTLS(t *testing.T) {
	p := servertest.PostgresAlone(t)
	authority := speakTLS(t, p, "127.0.0.1")
	good := p.Database(t)
	other, _ := certificate(t, "127.0.0.1")
	tls := func(mode, ca string) string {
		return edited(t, good, func(u *url.URL, q url.Values) { q.Set("sslmode", mode); q.Set("sslrootcert", ca) })
	}
	works(t, tls("verify-full", authority), nil)
	works(t, edited(t, good, with("sslmode", "require")), nil)
	byName := edited(t, tls("verify-full", authority), at("localhost:"+strings.Split(p.Addr(), ":")[1]))
	for name, b := range map[string]badStore{
		"wrong authority":   {url: tls("verify-full", saved(t, "other.pem", other)), says: []string{p.Addr(), "not trusted", "sslrootcert"}},
		"unknown authority": {url: edited(t, good, with("sslmode", "verify-full")), says: []string{p.Addr(), "not trusted", "sslrootcert"}},
		"wrong host":        {url: byName, says: []string{"localhost", "for another host", "connect by a name that it has"}},
	} {
		t.Run(name, b.test)
	}
	lets(t, p, "hostssl all reprise 127.0.0.1/32 scram-sha-256")
	for name, b := range map[string]badStore{
		"TLS wanted":   {url: good, says: []string{p.Addr(), "pg_hba.conf", "add sslmode=require"}},
		"another user": {url: edited(t, edited(t, good, with("sslmode", "require")), login("nobody", "hunter2")), says: []string{p.Addr(), "does not let this user in", "pg_hba.conf"}},
	} {
		t.Run(name, b.test)
	}
}

// lets has a server admit by TCP whom the rule says, and nobody else.
func lets(t testing.TB, p *servertest.PostgresServer, rule string) {
	t.Helper()
	p.Run(t, "postgres", "COPY (VALUES ('local all all trust'), ('"+rule+"')) TO PROGRAM 'cat > pg_hba.conf'")
	p.Run(t, "postgres", "SELECT pg_reload_conf()")
	until(t, "the rule holds", func() bool {
		c, err := reprise.Open(t.Context(), p.URL("postgres"), &reprise.Config{OnStoreError: reprise.FailClosed})
		if err == nil {
			c.Close()
		}
		return err != nil
	})
}

// rewriter relays to a server and replaces bytes in what is asked and what is
// answered, by others of the same number, so that frames keep their lengths.
type rewriter struct{ asked, answered [2]string }

// behind is the address of the rewriter before the server at addr.
func (r rewriter) behind(t testing.TB, addr string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", addr)
			if err != nil {
				client.Close()
				continue
			}
			wg.Go(func() { rewrite(server, client, r.asked) })
			wg.Go(func() { rewrite(client, server, r.answered) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

// rewrite copies until an end closes. What is replaced comes in one segment.
func rewrite(to, from net.Conn, replace [2]string) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			_, werr := to.Write(bytes.ReplaceAll(b[:n], []byte(replace[0]), []byte(replace[1])))
			if werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// TestOpenOldServers has real servers claim to be older than they are.
func TestOpenOldServers(t *testing.T) {
	redis, p := servertest.SharedRedis(t), servertest.Postgres(t)
	redisVersion := infoOf(t, redis.Addr(), "redis_version")
	older := "5" + redisVersion[1:]
	version := p.Run(t, "postgres", "SHOW server_version")
	old := "11" + version[2:]
	for name, b := range map[string]badStore{
		"redis": {
			url:  "redis://" + rewriter{answered: [2]string{redisVersion, older}}.behind(t, redis.Addr()),
			says: []string{"too old", older, "Redis 6.2 or later"},
		},
		"redis without HELLO": {
			url: "redis://" + rewriter{asked: [2]string{"HELLO", "HULLO"}, answered: [2]string{"HULLO", "HELLO"}}.behind(t,
				rewriter{answered: [2]string{redisVersion, older}}.behind(t, redis.Addr())),
			says: []string{"too old", older, "Redis 6.2 or later"},
		},
		"postgres": {
			url:  edited(t, p.Database(t), at(rewriter{answered: [2]string{version, old}}.behind(t, p.Addr()))),
			says: []string{"too old", old, "version 12 or later"},
		},
	} {
		t.Run(name, b.test)
	}
	// The relay does nothing else: without the lie all is well.
	works(t, prefixed("redis://"+rewriter{answered: [2]string{redisVersion, redisVersion}}.behind(t, redis.Addr())), nil)
}

// redisSays has a Redis server do a command, given inline, and returns the
// first line of its answer.
func redisSays(t testing.TB, addr, command string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "%s\r\nQUIT\r\n", command); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if err != nil || strings.HasPrefix(string(b), "-") {
		t.Fatalf("%s: %s, %v", command, b, err)
	}
	return string(b)
}

// infoOf is a line of what a Redis server says of itself.
func infoOf(t testing.TB, addr, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(redisSays(t, addr, "INFO"), name+":")
	value, _, _ := strings.Cut(rest, "\r\n")
	if !ok || value == "" {
		t.Fatalf("no %s in INFO", name)
	}
	return value
}

func TestOpenRedisLacksRights(t *testing.T) {
	s := servertest.Redis(t)
	const all = "ACL SETUSER app reset on >secret ~* &* +@all "
	redisSays(t, s.Addr(), strings.Replace(all, "app", "mute", 1)+"-eval -evalsha")
	redisSays(t, s.Addr(), strings.Replace(all, "app", "blind", 1)+"-info")
	redisSays(t, s.Addr(), "ACL SETUSER foreign reset on >secret ~theirs:* &* +@all")
	grant := []string{"as an administrator run ACL SETUSER ", " ~{reprise* &{reprise* +@read +@write"}
	for user, word := range map[string]string{"mute": "eval", "blind": "info", "foreign": "access"} {
		t.Run(user, badStore{url: "redis://" + user + ":secret@" + s.Addr(), says: append(grant, user, word)}.test)
	}
	t.Run("the advice", func(t *testing.T) { followsAdvice(t, s) })
	t.Run("the advice for a cluster", func(t *testing.T) { followsAdvice(t, servertest.SharedRedisCluster(t).Nodes...) })
}

// followsAdvice does what the message says on each node, and nothing else.
func followsAdvice(t *testing.T, nodes ...*servertest.RedisServer) {
	everywhere := func(command string) {
		t.Helper()
		for _, n := range nodes {
			redisSays(t, n.Addr(), command)
		}
	}
	everywhere("ACL SETUSER app reset on >secret")
	url := prefixed("redis://app:secret@" + nodes[0].Addr())
	_, err := reprise.Open(t.Context(), url, &reprise.Config{OnStoreError: reprise.FailClosed})
	says(t, err, "ACL SETUSER app ")
	_, rest, _ := strings.Cut(err.Error(), "as an administrator run ")
	command, _, _ := strings.Cut(rest, ": ")
	everywhere(command)
	if text := works(t, url, nil).text(); text != "" {
		t.Errorf("logged:\n%s", text)
	}
	// Without SUBSCRIBE everything works, but for push.
	everywhere("ACL SETUSER app -subscribe")
	log := works(t, url, nil)
	until(t, "the warning", func() bool { return log.text() != "" })
	if lines := log.lines(); len(lines) != 1 || !strings.Contains(lines[0], "cannot tell of changes") || !strings.Contains(lines[0], command) {
		t.Errorf("logged:\n%s\nwant one warning with %q", log.text(), command)
	}
}

func TestOpenRedisMayEvictLeases(t *testing.T) {
	s := servertest.Redis(t, "--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru")
	log := works(t, s.URL(), nil)
	if lines := log.lines(); len(lines) != 1 || !strings.Contains(lines[0], "WARN") || !strings.Contains(lines[0], "allkeys-lru") ||
		!strings.Contains(lines[0], "leases") || !strings.Contains(lines[0], "set it to volatile-lru") {
		t.Errorf("logged:\n%s\nwant one warning", log.text())
	}
	redisSays(t, s.Addr(), "CONFIG SET maxmemory-policy volatile-lru")
	if text := works(t, s.URL(), nil).text(); text != "" {
		t.Errorf("nothing is wrong, and logged:\n%s", text)
	}
}

// TestOpenRedisOfOtherKinds are servers that answer and cannot keep a store.
func TestOpenRedisOfOtherKinds(t *testing.T) {
	primary := servertest.SharedRedis(t)
	replica := servertest.Redis(t, "--replicaof", "127.0.0.1", strconv.Itoa(primary.Port))
	until(t, "the replica is in step", func() bool { return infoOf(t, replica.Addr(), "master_link_status") == "up" })
	alone := servertest.Redis(t, "--cluster-enabled", "yes")
	full := servertest.Redis(t, "--maxclients", "1")
	holds, err := net.Dial("tcp", full.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { holds.Close() })
	for name, b := range map[string]badStore{
		"replica":          {url: replica.URL(), says: []string{replica.Addr(), "is a replica: connect to the primary"}},
		"cluster in parts": {url: alone.URL(), says: []string{alone.Addr(), "does not serve all slots", "CLUSTER INFO"}},
		"full":             {url: full.URL(), says: []string{full.Addr(), "maxclients"}},
	} {
		t.Run(name, b.test)
	}
}

func TestOpenPostgresLacksRights(t *testing.T) {
	p := servertest.Postgres(t)
	good := p.Database(t)
	u, err := url.Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	database := strings.TrimPrefix(u.Path, "/")
	guest := "guest_" + database
	p.Run(t, database, "CREATE ROLE "+guest+" LOGIN PASSWORD 'secret'")
	t.Cleanup(func() { p.Run(t, database, "DROP OWNED BY "+guest+" CASCADE; DROP ROLE "+guest) })
	asGuest := edited(t, good, login(guest, "secret"))

	cannot := badStore{url: asGuest, says: []string{`user "` + guest + `" may not make the store's tables`, "CREATE SCHEMA", "AUTHORIZATION", "GRANT CREATE ON DATABASE"}}
	t.Run("create", func(t *testing.T) { t.Run("FailClosed", cannot.failClosed); t.Run("FailOpen", cannot.failOpen) })

	works(t, good, nil) // makes the tables, of another owner
	mayNot := badStore{url: asGuest, says: []string{"permission denied", "may not use the store's tables", "grant it USAGE on the schema"}}
	t.Run("use", func(t *testing.T) { t.Run("FailClosed", mayNot.failClosed); t.Run("FailOpen", mayNot.failOpen) })

	t.Run("the advice", func(t *testing.T) {
		p.Run(t, database, "GRANT USAGE ON SCHEMA reprise TO "+guest)
		for _, kind := range []string{"TABLES", "SEQUENCES", "FUNCTIONS"} {
			p.Run(t, database, "GRANT ALL ON ALL "+kind+" IN SCHEMA reprise TO "+guest)
		}
		works(t, asGuest, nil)
		_, err := reprise.Open(t.Context(), edited(t, asGuest, with("reprise_schema", "of guest")), &reprise.Config{OnStoreError: reprise.FailClosed})
		says(t, err, "as a superuser run CREATE SCHEMA")
		_, rest, _ := strings.Cut(err.Error(), "as a superuser run ")
		command, _, _ := strings.Cut(rest, ", or ")
		p.Run(t, database, command)
		works(t, edited(t, asGuest, with("reprise_schema", "of guest")), nil)
	})
}
