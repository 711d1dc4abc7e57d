package pgstore

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/reprise-go/reprise/internal/servertest"
)

// Each of the model's runs makes a schema and connections, each of which plans
// all functions anew: so where nobody asks for more it makes fewer runs than
// rapid would.
func TestMain(m *testing.M) {
	if os.Getenv("REPRISE_TORTURE") != "1" {
		if err := flag.Set("rapid.checks", "12"); err != nil { // a flag on the command line wins
			panic(err)
		}
	}
	goleak.VerifyTestMain(servertest.Shared(m))
}
