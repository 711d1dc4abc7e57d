package pgstore

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/reprise-go/reprise/internal/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(servertest.Shared(m)) }
