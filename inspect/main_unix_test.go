//go:build unix

package inspect

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/reprise-go/reprise/internal/servertest"
)

func TestMain(m *testing.M) {
	// The client of Redis clusters looks at the cluster once more up to a
	// second after it was closed.
	goleak.VerifyTestMain(servertest.Shared(m), goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}
