package command

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/store"
)

// pieceSize is the size of a piece of an output file, but for the last.
const pieceSize = 8 << 20

// blobs are the contents of output files: pieces by their digest, in the
// execution store Blobs of Collection, shared by all records that refer to
// them. A piece lives longer than each of these.
type blobs struct {
	cache *reprise.Cache
	store store.Store // nil: what is there already is not known
}

// spare is how much longer than its record a piece lives.
const spare = 24 * time.Hour

// forEver is how long pieces of records without a time to live are kept from
// when they were last stored. It has an end so that renewing it shows.
const forEver = 10 * 365 * 24 * time.Hour

func (b *blobs) entries() (*reprise.ExecutionStore, error) {
	return b.cache.ExecutionStore(Blobs, &reprise.ExecutionStoreOptions{Collection: Collection, Policy: reprise.Evict})
}

func (p *Piece) name() string { return hex.EncodeToString(p.SHA256[:]) }

// put stores a piece for a record that lives for ttl (0: for ever). A piece
// that is there already is only made to live longer, unless anew: then it may
// be damaged.
func (b *blobs) put(ctx context.Context, p Piece, content []byte, ttl time.Duration, anew bool) error {
	s, err := b.entries()
	if err != nil {
		return err
	}
	keep := forEver
	if ttl > 0 {
		keep = min(ttl+spare, forEver)
	}
	if !anew {
		if left, there := b.left(ctx, &p); there {
			if err := s.UpdateTTL(ctx, p.name(), max(left, keep)); err == nil {
				return nil
			}
		}
	}
	return s.SetBytes(ctx, p.name(), content, &reprise.SetOptions{TTL: keep})
}

// left is how long a piece goes on to live, and whether it does.
func (b *blobs) left(ctx context.Context, p *Piece) (time.Duration, bool) {
	if b.store == nil {
		return 0, false
	}
	kind, collection, name := store.KindEntry, Collection, Blobs
	page, err := b.store.List(ctx, store.Query{Kind: &kind, Collection: &collection, Function: &name, EntryPrefix: p.name(), Limit: 1})
	if err != nil || len(page.Records) == 0 {
		return 0, false
	}
	info, err := b.store.Info(ctx)
	if err != nil {
		return 0, false
	}
	left := page.Records[0].Expires.Sub(info.Now)
	return left, left > 0
}

// get gives the content of a piece, or an error that says that the record it
// belongs to is of no use.
func (b *blobs) get(ctx context.Context, p *Piece) ([]byte, error) {
	s, err := b.entries()
	if err != nil {
		return nil, err
	}
	content, err := s.GetBytes(ctx, p.name())
	if err != nil {
		return nil, err
	}
	if int64(len(content)) != p.Size || sha256.Sum256(content) != p.SHA256 {
		return nil, fmt.Errorf("piece %.12s… of an output file is not what its name says", p.name())
	}
	return content, nil
}

// References lists the names of all pieces of output files that a recorded run
// refers to, each once; nil where value is no such record. It is what package
// inspect asks for.
func References(value []byte) []string {
	r, err := Decode(value)
	if err != nil {
		return nil
	}
	var names []string
	seen := make(map[digest]bool)
	for i := range r.Outputs {
		for j := range r.Outputs[i].Pieces {
			if p := &r.Outputs[i].Pieces[j]; !seen[p.SHA256] {
				seen[p.SHA256] = true
				names = append(names, p.name())
			}
		}
	}
	return names
}
