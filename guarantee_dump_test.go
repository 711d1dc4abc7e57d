//go:build unix

package reprise_test

import (
	"bytes"
	"encoding/hex"
	"net"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reprise-go/reprise/internal/servertest"
)

// TestGuarantee21_NoSecretOnServers gives secrets to every place that takes
// one, uses everything, and looks into all that the server keeps, the log and
// everything that explains.
func TestGuarantee21_NoSecretOnServers(t *testing.T) {
	onEveryServer(t, func(t *testing.T, url string) {
		var log warnings
		var shown bytes.Buffer
		c := openWith(t, url, secretConfig(&log))
		secretive(t, c, &shown)
		kept := mediumOf(t, url).bytes(t)
		for place, found := range map[string][]byte{"what was shown": shown.Bytes(), "the log": []byte(log.String()), "the server": kept} {
			leaks(t, place, found)
		}
		if !bytes.Contains(kept, []byte("Bergen")) || !bytes.Contains(shown.Bytes(), []byte("Bergen")) {
			t.Error("not even what is no secret was found: the test shows little")
		}
		t.Logf("%d bytes on the server", len(kept))
	})
}

// TestGuarantee21_NoSecretSentToRedis: no command that a Redis gets has a
// secret in clear.
func TestGuarantee21_NoSecretSentToRedis(t *testing.T) {
	server := servertest.Redis(t)
	heard := monitor(t, server.Addr())
	secretive(t, openWith(t, server.URL(), secretConfig(&warnings{})), &bytes.Buffer{})
	leaksIn(t, "MONITOR", heard)
}

// TestGuarantee21_NoSecretInPostgresLog: nor has any statement, or parameter
// of one, that a Postgres logs.
func TestGuarantee21_NoSecretInPostgresLog(t *testing.T) {
	p := servertest.Postgres(t)
	u := p.Database(t)
	p.Run(t, "postgres", "ALTER DATABASE "+path.Base(u[:strings.Index(u, "?")])+" SET log_statement = 'all'")
	secretive(t, openWith(t, u, secretConfig(&warnings{})), &bytes.Buffer{})
	log := filepath.Join(filepath.Dir(p.Run(t, "postgres", "SHOW data_directory")), "postgres.log")
	leaksIn(t, "the log of Postgres", func() []byte {
		b, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		return b
	})
}

var hexadecimal = regexp.MustCompile(`\\x([0-9a-f]{2})+`)

// leaksIn waits until what is no secret was heard, and expects no canary in
// it, nor in the bytes that it writes as \x6869 or h\x69.
func leaksIn(t *testing.T, place string, heard func() []byte) {
	t.Helper()
	var plain []byte
	eventually(t, place+" has the input that is no secret", func() bool {
		plain = hexadecimal.ReplaceAllFunc(heard(), func(b []byte) []byte {
			raw, err := hex.DecodeString(string(b[2:]))
			if err != nil {
				t.Error(err)
			}
			return raw
		})
		return bytes.Contains(plain, []byte("Bergen"))
	})
	leaks(t, place, heard())
	leaks(t, place+", decoded", plain)
	t.Logf("%d bytes in %s", len(plain), place)
}

// monitor collects what a Redis says that it is asked.
func monitor(t *testing.T, addr string) (heard func() []byte) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err == nil {
		_, err = conn.Write([]byte("MONITOR\r\n"))
	}
	if err == nil {
		_, err = conn.Read(make([]byte, 5)) // +OK
	}
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var all bytes.Buffer
	var ended sync.WaitGroup
	ended.Go(func() {
		for b := make([]byte, 64<<10); ; {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			mu.Lock()
			all.Write(b[:n])
			mu.Unlock()
		}
	})
	t.Cleanup(func() { conn.Close(); ended.Wait() })
	return func() []byte {
		mu.Lock()
		defer mu.Unlock()
		return bytes.Clone(all.Bytes())
	}
}
