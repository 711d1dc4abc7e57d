package lease_test

import (
	"testing"

	"github.com/reprise-go/reprise/internal/lease"
	"github.com/reprise-go/reprise/store"
	"github.com/reprise-go/reprise/store/memstore"
)

func BenchmarkAcquirePublish(b *testing.B) {
	s := memstore.New(nil)
	c := lease.New(s, lease.Options{})
	defer c.Close()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		k := store.Key{byte(i), byte(i >> 8)}
		l, err := c.Acquire(b.Context(), k, 0, nil)
		if err != nil {
			b.Fatal(err)
		}
		_, cancel := l.Context(b.Context())
		if _, err := l.Publish(b.Context(), &store.Record{Key: k, Begun: 1}, store.PutPublish); err != nil {
			b.Fatal(err)
		}
		cancel()
	}
}
