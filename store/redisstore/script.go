package redisstore

import (
	"context"
	"crypto/sha1" //nolint:gosec // Redis names scripts by it
	"embed"
	"encoding/hex"
	"strings"
	"sync"

	"github.com/redis/rueidis"
)

//go:embed lua/*.lua
var sources embed.FS

// script is an operation inside Redis. It is put together at its first use:
// a program that links this driver and uses another does not pay for it.
type script struct {
	op    string
	parts []string // whose functions it uses

	once      sync.Once
	text, sha string // written by once
}

func newScript(op string, parts ...string) *script { return &script{op: op, parts: parts} }

// ready joins the operation with the functions that it uses.
func (s *script) ready() *script {
	s.once.Do(func() {
		var b strings.Builder
		for _, part := range append(append([]string{"common"}, s.parts...), "op_"+s.op) {
			src, err := sources.ReadFile("lua/" + part + ".lua")
			if err != nil {
				panic(err) // embedded: a script that is missing fails every test
			}
			b.Write(src)
		}
		s.text = b.String()
		sum := sha1.Sum([]byte(s.text)) //nolint:gosec // see the import
		s.sha = hex.EncodeToString(sum[:])
	})
	return s
}

var (
	opOpen      = newScript("open", "meta")
	opInfo      = newScript("info", "meta")
	opPut       = newScript("put", "meta", "shard", "lease", "apply")
	opPrepare   = newScript("prepare", "meta", "apply")
	opApply     = newScript("apply", "shard", "lease", "apply")
	opTell      = newScript("tell", "meta")
	opPublished = newScript("published", "shard", "lease", "apply")
	opSetDone   = newScript("set_done", "shard")
	opClear     = newScript("clear", "meta", "shard")
	opClearLock = newScript("clear_lock", "shard")
	opClearDone = newScript("clear_done", "shard")
	opUpdate    = newScript("update", "meta", "shard", "apply", "change")
	opChange    = newScript("change", "shard", "change")
	opBump      = newScript("bump", "meta")
	opCount     = newScript("count", "shard")
	opSets      = newScript("sets", "meta")
	opScan      = newScript("scan", "shard")
	opHead      = newScript("head", "shard")
	opSums      = newScript("sums")
	opPurge     = newScript("purge", "shard")
	opSweep     = newScript("sweep", "shard")
	opAudit     = newScript("audit", "shard")
	opPopulated = newScript("populated")
	opRetire    = newScript("retire")
	opChanges   = newScript("changes", "meta")
	opAcquire   = newScript("acquire", "shard", "lease")
	opRenew     = newScript("renew", "shard", "lease")
	opRelease   = newScript("release", "shard", "lease")
	opGet       = newScript("get")
)

// evalsha calls the script by its name, and eval with its text, which Redis
// keeps. All keys must lie in one slot.
func (s *Store) evalsha(sc *script, keys, args []string) rueidis.Completed {
	return s.client.B().Evalsha().Sha1(sc.ready().sha).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build()
}

func (s *Store) eval(sc *script, keys, args []string) rueidis.Completed {
	return s.client.B().Eval().Script(sc.ready().text).Numkeys(int64(len(keys))).Key(keys...).Arg(args...).Build()
}

func unknownScript(r rueidis.RedisResult) bool {
	e, ok := rueidis.IsRedisErr(r.Error())
	return ok && e.IsNoScript()
}

// run calls sc on the keys of one slot.
func (s *Store) run(ctx context.Context, sc *script, keys []string, args ...string) ([]rueidis.RedisMessage, error) {
	r := s.client.Do(ctx, s.evalsha(sc, keys, args))
	if unknownScript(r) {
		r = s.client.Do(ctx, s.eval(sc, keys, args))
	}
	list, err := r.ToArray()
	return list, s.failed(err)
}

// onMeta calls sc on the store's own keys. The arguments follow the names and
// the candidate for the store's id.
func (s *Store) onMeta(ctx context.Context, sc *script, args ...string) ([]rueidis.RedisMessage, error) {
	return s.run(ctx, sc, []string{s.names.metaKey()}, append([]string{s.names.meta, "", s.candidate}, args...)...)
}

// onShard calls sc on the keys of a shard.
func (s *Store) onShard(ctx context.Context, sc *script, shard int, args ...string) ([]rueidis.RedisMessage, error) {
	head := []string{s.names.meta, s.names.shard[shard]}
	return s.run(ctx, sc, []string{s.names.shardKey(shard)}, append(head, args...)...)
}

// onBoth calls sc, which uses the store's own keys and those of a shard: not
// in a cluster.
func (s *Store) onBoth(ctx context.Context, sc *script, shard int, args ...string) ([]rueidis.RedisMessage, error) {
	keys := []string{s.names.metaKey(), s.names.shardKey(shard)}
	head := []string{s.names.meta, s.names.shard[shard], s.candidate}
	return s.run(ctx, sc, keys, append(head, args...)...)
}

// call is one of many calls of a script.
type call struct{ keys, args []string }

// runMany pipelines calls of sc and returns their results in order.
func (s *Store) runMany(ctx context.Context, sc *script, calls []call) []rueidis.RedisResult {
	commands := make(rueidis.Commands, len(calls))
	for i, c := range calls {
		commands[i] = s.evalsha(sc, c.keys, c.args)
	}
	results := s.client.DoMulti(ctx, commands...)
	for i, c := range calls {
		if unknownScript(results[i]) {
			results[i] = s.client.Do(ctx, s.eval(sc, c.keys, c.args))
		}
	}
	return results
}

// said is the first word of an answer.
func said(answer []rueidis.RedisMessage, err error) (string, error) {
	if err != nil || len(answer) == 0 {
		return "", err
	}
	word, err := answer[0].ToString()
	return word, err
}
