//go:build unix

package servertest

import (
	"bufio"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// RedisClusterServers is a cluster of three masters without replicas.
type RedisClusterServers struct {
	Nodes []*RedisServer
}

// RedisCluster starts a cluster that serves all slots, and stops it when the
// test ends. It takes about two seconds. The args are added to the command line
// of each node.
func RedisCluster(t testing.TB, args ...string) *RedisClusterServers {
	t.Helper()
	cli := find(t, "redis-cli", "redis-tools")
	c := &RedisClusterServers{}
	create := []string{"--cluster", "create"}
	for range 3 {
		node := Redis(t, append([]string{
			"--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1",
			"--cluster-port", strconv.Itoa(freePort(t)), "--cluster-node-timeout", "2000",
		}, args...)...)
		c.Nodes = append(c.Nodes, node)
		create = append(create, node.Addr())
	}
	create = append(create, "--cluster-replicas", "0", "--cluster-yes")
	if out, err := exec.Command(cli, create...).CombinedOutput(); err != nil {
		t.Fatalf("servertest: redis-cli --cluster create: %v\n%s", err, out)
	}
	c.await(t)
	return c
}

// URL names the first node; clients find the others.
func (c *RedisClusterServers) URL() string { return c.Nodes[0].URL() }

// sides counts the addresses that relays to clusters listen on.
var sides atomic.Int32

// RelayedRedisCluster is a cluster that the tests of this program share, and
// relays of t's own to its nodes. The cluster is on 127.0.0.1, the relays on the
// same ports of another address of the loopback network. The nodes tell
// clients ports only, so that each stays on the side where it began. It skips
// the test where the loopback network has one address only.
func RelayedRedisCluster(t testing.TB) (*RedisClusterServers, []*Relay) {
	t.Helper()
	side := "127.0.0." + strconv.Itoa(1+int(sides.Add(1)))
	l, err := net.Listen("tcp", net.JoinHostPort(side, "0"))
	if err != nil {
		t.Skipf("servertest: no relays to a cluster: %v", err)
	}
	l.Close()
	c := sharedBy(t, &shared.relayed, func(t testing.TB) *RedisClusterServers {
		return RedisCluster(t, "--cluster-preferred-endpoint-type", "unknown-endpoint")
	})
	var relays []*Relay
	for _, node := range c.Nodes {
		relays = append(relays, NewRelayAt(t, net.JoinHostPort(side, strconv.Itoa(node.Port)), node.Addr()))
	}
	return c, relays
}

// Kill ends all nodes by SIGKILL.
func (c *RedisClusterServers) Kill(t testing.TB) { t.Helper(); c.each(t, (*RedisServer).Kill) }

// Stop freezes all nodes by SIGSTOP.
func (c *RedisClusterServers) Stop(t testing.TB) { t.Helper(); c.each(t, (*RedisServer).Stop) }

// Cont wakes stopped nodes, and waits until they serve.
func (c *RedisClusterServers) Cont(t testing.TB) {
	t.Helper()
	c.each(t, (*RedisServer).Cont)
	c.await(t)
}

// Restart starts killed nodes again, empty, and waits until they are a cluster
// again: they find what they served in their directories.
func (c *RedisClusterServers) Restart(t testing.TB) {
	t.Helper()
	c.each(t, (*RedisServer).Restart)
	c.await(t)
}

func (c *RedisClusterServers) each(t testing.TB, do func(*RedisServer, testing.TB)) {
	t.Helper()
	for _, node := range c.Nodes {
		do(node, t)
	}
}

func (c *RedisClusterServers) await(t testing.TB) {
	t.Helper()
	c.each(t, func(node *RedisServer, t testing.TB) {
		node.process.await(t, func() bool { return servesAllSlots(node.Addr()) })
	})
}

// servesAllSlots asks a node what it thinks of its cluster.
func servesAllSlots(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write([]byte("CLUSTER INFO\r\nQUIT\r\n")); err != nil {
		return false
	}
	ok, all := false, false
	for lines := bufio.NewScanner(c); lines.Scan(); {
		ok = ok || strings.HasPrefix(lines.Text(), "cluster_state:ok")
		all = all || strings.HasPrefix(lines.Text(), "cluster_slots_ok:16384")
	}
	return ok && all
}
