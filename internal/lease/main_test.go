package lease_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if becomePausedChild() {
		return
	}
	goleak.VerifyTestMain(m)
}
