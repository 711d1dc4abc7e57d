package redisstore

import (
	"encoding/hex"

	"github.com/redis/rueidis"

	"github.com/reprise-go/reprise/store"
)

// shards is how many hash slots the entries spread over. It is part of the
// schema.
const shards = 256

// names are the beginnings of the names of keys. The braces make them hash
// tags: what shares them lies in one slot of a cluster.
type names struct {
	meta  string
	shard [shards]string
}

func newNames(prefix string) *names {
	n := &names{meta: "{" + prefix + "}:"}
	for i := range n.shard {
		n.shard[i] = "{" + prefix + ":" + hex.EncodeToString([]byte{byte(i)}) + "}:"
	}
	return n
}

// channel is where changes are announced.
func (n *names) channel() string { return n.meta + "ev" }

// metaKey is a key in the slot of the store's own keys.
func (n *names) metaKey() string { return n.meta + "m" }

// shardKey is a key in the slot of shard i.
func (n *names) shardKey(i int) string { return n.shard[i] + "x" }

// of begins the names of what belongs to key.
func (n *names) of(key store.Key) string { return n.shard[key[0]] }

// entry is the name of the string that is an entry.
func (n *names) entry(key store.Key) string { return n.named(key, "e:") }

// manifest is the name of an entry's manifest.
func (n *names) manifest(key store.Key) string { return n.named(key, "m:") }

func (n *names) named(key store.Key, kind string) string {
	shard := n.of(key)
	b := make([]byte, 0, len(shard)+len(kind)+len(key))
	return text(append(append(append(b, shard...), kind...), key[:]...))
}

// keyText is key's 32 bytes as scripts and commands take them.
func keyText(key store.Key) string { return string(key[:]) }

// text hands bytes to the client without a copy. They must not change while
// the command runs.
func text(b []byte) string { return rueidis.BinaryString(b) }
