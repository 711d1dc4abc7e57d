//go:build unix

package servertest

import (
	"bufio"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// RedisClusterServers is a cluster of three masters without replicas.
type RedisClusterServers struct {
	Nodes []*RedisServer
}

// RedisCluster starts a cluster that serves all slots, and stops it when the
// test ends. It takes about two seconds.
func RedisCluster(t testing.TB) *RedisClusterServers {
	t.Helper()
	cli := find(t, "redis-cli", "redis-tools")
	c := &RedisClusterServers{}
	create := []string{"--cluster", "create"}
	for range 3 {
		node := Redis(t,
			"--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1",
			"--cluster-port", strconv.Itoa(freePort(t)), "--cluster-node-timeout", "2000")
		c.Nodes = append(c.Nodes, node)
		create = append(create, node.Addr())
	}
	create = append(create, "--cluster-replicas", "0", "--cluster-yes")
	if out, err := exec.Command(cli, create...).CombinedOutput(); err != nil {
		t.Fatalf("servertest: redis-cli --cluster create: %v\n%s", err, out)
	}
	for _, node := range c.Nodes {
		node.process.await(t, func() bool { return servesAllSlots(node.Addr()) })
	}
	return c
}

// URL names the first node; clients find the others.
func (c *RedisClusterServers) URL() string { return c.Nodes[0].URL() }

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
