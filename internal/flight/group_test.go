package flight

import (
	"context"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func BenchmarkJoinFinish(b *testing.B) {
	var g Group[int]
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		c, _, err := g.Join(ctx, Key{1}, 0, nil)
		if err != nil {
			b.Fatal(err)
		}
		c.Finish(1, nil)
		c.Abandon()
	}
}
