package cli

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// versionInfo is what version prints as JSON.
type versionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Args: cobra.NoArgs, Short: "Say which reprise this is",
		RunE: func(*cobra.Command, []string) error {
			v := thisVersion()
			if a.flags.json {
				return a.printJSON(v)
			}
			fmt.Fprintf(a.out, "reprise %s", v.Version)
			if v.Revision != "" {
				fmt.Fprintf(a.out, " (%.12s)", v.Revision)
			}
			fmt.Fprintf(a.out, ", %s, %s\n", v.Go, v.Platform)
			return nil
		},
	}
}

func thisVersion() versionInfo {
	v := versionInfo{Version: "(unknown)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Args: cobra.ExactArgs(1), Short: "Write manual pages into a directory",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			cmd.Root().DisableAutoGenTag = true
			return doc.GenManTree(cmd.Root(), &doc.GenManHeader{Title: "REPRISE", Section: "1", Source: "reprise"}, args[0])
		},
	}
}
