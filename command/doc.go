// Package command remembers what commands did and replays it: what
// `reprise run` does, as a library.
//
//	r, err := command.New(cache, store, nil)
//	res, err := r.Run(ctx, &command.Spec{
//		Args:    []string{"protoc", "--go_out=gen", "api.proto"},
//		Inputs:  []string{"*.proto"},
//		Outputs: []string{"gen"},
//	}, command.IO{Stdout: os.Stdout, Stderr: os.Stderr})
//
// A command is a function of the cache: collection [Collection], named after
// its program. What it was called with (arguments, directory, inputs by
// content, chosen variables, the program itself) is its input; what it did
// (exit code, both streams in their order, the files it made) is its result.
// So modes, time to live, leases, scopes, tags and explanations are those of
// reprise.Wrap. docs/commands.md has the semantics in full.
package command
