// The probe prints, as JSON, the versions that the built-in policies give
// inside a program that was really built.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/reprise-go/reprise/version"
)

// Answer makes two builds of the probe differ.
const Answer = "first"

func init() {
	version.Register(version.Registration{
		Name:    "probe",
		Version: "c1:0123",
		Modules: []string{"github.com/bmatcuk/doublestar/v4"},
		Std:     true,
	})
}

type report struct {
	Answer   string
	Versions map[string]string
	Detail   map[string][]version.Component
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "wait" {
		fmt.Println("ready")
		bufio.NewReader(os.Stdin).ReadString('\n')
	}
	r := report{Answer, map[string]string{}, map[string][]version.Component{}}
	ask := func(key, name string, p version.Policy) {
		v, err := version.Resolve(context.Background(), version.Spec{
			Policies: []version.Policy{p},
			Params:   version.Params{Name: name},
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		r.Versions[key], r.Detail[key] = v.String(), v.Parts[0].Detail
	}
	ask("BuildID", "", version.BuildID())
	ask("Auto", "", version.Auto())
	ask("AutoRegistered", "probe", version.Auto())
	ask("FunctionBody", "probe", version.FunctionBody())
	ask("Modules", "", version.Modules("github.com/bmatcuk/**"))
	ask("Replaced", "", version.Modules("github.com/reprise-go/reprise"))
	json.NewEncoder(os.Stdout).Encode(r)
}
