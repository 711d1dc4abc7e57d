//go:build unix

package servertest

import (
	"context"
	"net"
	"testing"
	"time"
)

func TestPostgresLives(t *testing.T) {
	p := PostgresAlone(t)
	p.Database(t)
	if got := p.Run(t, "postgres", "SELECT 40 + 2"); got != "42" {
		t.Errorf("the server answers %q", got)
	}
	p.Run(t, "postgres", "CREATE TABLE kept AS SELECT 1 AS x; CHECKPOINT")
	p.Kill(t)
	if c, err := net.Dial("tcp", p.Addr()); err == nil {
		c.Close()
		t.Error("a killed server accepts connections")
	}
	p.Restart(t)
	if got := p.Run(t, "postgres", "SELECT x FROM kept"); got != "1" {
		t.Errorf("after the restart it answers %q", got)
	}
}

func TestPostgresStops(t *testing.T) {
	p := PostgresAlone(t)
	p.Stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	answered := make(chan string, 1)
	go func() { answered <- p.Run(t, "postgres", "SELECT 1") }()
	select {
	case got := <-answered:
		t.Errorf("a stopped server answers %q", got)
	case <-ctx.Done():
	}
	p.Cont(t)
	if got := <-answered; got != "1" {
		t.Errorf("after it went on it answers %q", got)
	}
}
