//go:build unix

package reprise_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/internal/servertest"
	"github.com/reprise-go/reprise/store/pgstore"
)

// TestGuarantee17_KilledProcessesOnServers kills a process that populates a
// store on a server, by kill -9, again and again. Every result that it
// acknowledged is a hit with the right value.
func TestGuarantee17_KilledProcessesOnServers(t *testing.T) {
	for _, name := range []string{"redis", "cluster", "postgres"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			killsWriters(t, stores[name](t), torture(4, 40))
		})
	}
}

// The child populates from a number on, and acknowledges each result: under
// leases, or into a durable store. It pauses at another number.
var _ = asChild("populates durably", func(args []string) error {
	c, o, err := durably(args[0], args[1])
	if err != nil {
		return err
	}
	f, err := reprise.Wrap(c, killable, o)
	if err != nil {
		return err
	}
	from, err := strconv.Atoi(args[2])
	for in := from; err == nil; in++ {
		if strconv.Itoa(in) == args[3] {
			<-told()
		}
		var r reprise.Result[[]byte]
		if r, err = f.Do(context.Background(), in); err == nil && r.Outcome != reprise.Populated {
			err = fmt.Errorf("call %d: %v (%v): %v", in, r.Outcome, r.Reason, r.Err)
		}
		if err == nil {
			tell("done %d", in)
		}
	}
	return err
})

// durably gives a cache, and options for functions, whose results survive a
// crash of the server in one of two ways.
func durably(how, url string) (*reprise.Cache, *reprise.Options[int, []byte], error) {
	o := &reprise.Options[int, []byte]{Name: "killable", Version: "1", Residency: reprise.Transient, Serialize: how == "leases"}
	cfg := &reprise.Config{OnStoreError: reprise.FailClosed}
	if how == "leases" {
		c, err := reprise.Open(context.Background(), url, cfg)
		return c, o, err
	}
	s, err := pgstore.Open(context.Background(), url, &pgstore.Options{Durability: pgstore.Full})
	if err != nil {
		return nil, nil, err
	}
	c, err := reprise.New(s, cfg)
	return c, o, err
}

// TestGuarantee17_PostgresKilled kills the server itself, and all of its
// processes, while a process populates. What was published under a lease, or
// with full durability, is there after the restart. Nothing else in the server
// writes down what it has in memory meanwhile.
func TestGuarantee17_PostgresKilled(t *testing.T) {
	t.Parallel()
	p := servertest.PostgresAlone(t)
	p.Run(t, "postgres", "ALTER SYSTEM SET wal_writer_delay = '10s'")
	p.Run(t, "postgres", "SELECT pg_reload_conf()")
	for _, how := range []string{"leases", "durability"} {
		p.Run(t, "postgres", "CREATE DATABASE "+how)
		url, next := schema(p.URL(how)), 0
		for round := range torture(2, 20) {
			const acknowledged = 30
			pause := -1 // killed while it goes on, or when the last result is a moment old
			if round%2 == 0 {
				pause = next + acknowledged
			}
			writer := child(t, "populates durably", how, url, strconv.Itoa(next), strconv.Itoa(pause))
			begin := next
			for range acknowledged {
				if in := writer.expect("done"); in != strconv.Itoa(next) {
					t.Fatalf("%s: acknowledged %s, want %d", how, in, next)
				}
				next++
			}
			p.Kill(t)
			if round%2 == 0 {
				writer.kill()
			}
			for line, ok := writer.hear(); ok; line, ok = writer.hear() { // acknowledged before it noticed
				if line != fmt.Sprint("done ", next) {
					t.Fatalf("%s: the child said %q", how, line)
				}
				next++
			}
			p.Restart(t)
			allThere(t, url, begin, next)
			next += 1000
		}
		allThere(t, url, 0, 30)
	}
}

// TestGuarantee17_RedisThatPersistsKilled: the same of a Redis that writes
// each change down.
func TestGuarantee17_RedisThatPersistsKilled(t *testing.T) {
	t.Parallel()
	server := servertest.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	c := open(t, server.URL())
	f, err := wrapKillable(c)
	if err != nil {
		t.Fatal(err)
	}
	const n = 50
	for in := range n {
		does(t, t.Context(), f, in, reprise.Populated, reprise.Absent)
	}
	server.Restart(t)
	allThere(t, server.URL(), 0, n)
}
