// Command reprise remembers what commands did and replays it, and looks into
// the stores where programs that use the library keep their results.
//
//	reprise run --input 'src/**' --output bin -- make
//	reprise ls
//	reprise why -- make
//
// `reprise help` lists the subcommands; docs/commands.md says what they mean.
package main

import (
	"os"

	"github.com/reprise-go/reprise/cmd/reprise/cli"
)

func main() { os.Exit(cli.Main()) }
