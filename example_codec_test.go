package reprise_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/codec"
)

// A codec of your own stores results in a form of your own.
func Example_customCodec() {
	ctx := context.Background()
	cache, _ := reprise.Open(ctx, "memory:", nil)
	defer cache.Close()

	binary := codec.Func("netip/1", netip.Addr.MarshalBinary, func(b []byte) (a netip.Addr, err error) {
		return a, a.UnmarshalBinary(b)
	})
	resolve := reprise.MustWrap(cache, func(_ context.Context, host string) (netip.Addr, error) {
		return netip.ParseAddr("192.0.2.1")
	}, &reprise.Options[string, netip.Addr]{Name: "resolve", Codec: binary, Residency: reprise.Transient})
	for range 2 {
		r, err := resolve.Do(ctx, "example.com")
		fmt.Println(r.Value, r.Outcome, err)
	}
	// Output:
	// 192.0.2.1 populated <nil>
	// 192.0.2.1 hit-store <nil>
}
