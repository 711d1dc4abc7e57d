package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/reprise-go/reprise"
	"github.com/reprise-go/reprise/command"
	"github.com/reprise-go/reprise/inspect"
	"github.com/reprise-go/reprise/version"
)

// runFlags are the flags of `run`, and those of `why` and others that say
// which run is meant.
type runFlags struct {
	name, dir, cwd, executable      string
	inputs, outputs, env            []string
	ignoreArgs, policies, tags      []string
	missing, gitignore, stdin       bool
	prune                           bool
	salt, version, image, pod       string
	dataset                         string
	user, operator, prompt, jwtFrom string

	ttl, stale, timeout              time.Duration
	serialize, failures, failClosed  bool
	refresh, readOnly, warm, verbose bool
	mode                             string
}

// addTo adds what justifies a result.
func (f *runFlags) addTo(cmd *cobra.Command) {
	s := cmd.Flags()
	s.SetInterspersed(false) // what follows the command is the command's
	s.StringVarP(&f.name, "name", "n", "", "file the results under this `name` (the program's)")
	s.StringVarP(&f.dir, "dir", "C", "", "run in this `directory`")
	s.StringVar(&f.cwd, "cwd", "path", "how the directory counts: path, project (relative to the repository) or ignore")
	s.StringArrayVarP(&f.inputs, "input", "i", nil, "`file`, directory or glob that the command reads; counts by content (repeatable)")
	s.BoolVar(&f.missing, "allow-missing", false, "let an --input name nothing")
	s.BoolVar(&f.gitignore, "gitignore", false, "leave out of inputs what git ignores")
	s.StringArrayVarP(&f.env, "env", "e", nil, "environment `variable` that counts (repeatable)")
	s.BoolVar(&f.stdin, "stdin", false, "standard input counts; without this the command gets none")
	s.StringVar(&f.executable, "executable", "auto", "how the program counts: auto, content, name or ignore")
	s.StringArrayVar(&f.ignoreArgs, "ignore-arg", nil, "argument that does not count: position, `range` or glob (repeatable)")
	s.StringArrayVarP(&f.outputs, "output", "o", nil, "`file`, directory or glob that the command makes (repeatable)")
	s.StringVar(&f.salt, "salt", "", "one more `text` that the result depends on")
	s.StringVar(&f.version, "cache-version", "", "`version` of what else decides the result; wins over policies")
	s.StringArrayVar(&f.policies, "policy", nil, "files:GLOB, env:NAME, modules, image or pod-template: what the version is formed of (repeatable)")
	s.StringVar(&f.image, "image", "", "container image `reference` that the command runs in; counts")
	s.StringVar(&f.pod, "pod-template", "", "pod template `file`; counts")
	s.StringVar(&f.dataset, "dataset", "", "`dataset` that the result belongs to")
	s.StringVar(&f.user, "user", "", "the result is this `user`'s alone")
	s.StringVar(&f.operator, "operator", "", "the result is this `operator`'s alone")
	s.StringVar(&f.prompt, "prompt", "", "the result is this `prompt`'s alone")
	s.StringVar(&f.jwtFrom, "jwt-env", "", "the result is for the token in this `variable` alone")
}

// addRunning adds what is only about running.
func (f *runFlags) addRunning(s *pflag.FlagSet) {
	s.BoolVar(&f.prune, "prune", false, "at a replay, remove what else is in output directories")
	s.StringArrayVar(&f.tags, "tag", nil, "`label` to clear the result by (repeatable)")
	s.DurationVar(&f.ttl, "ttl", 0, "how long a result is valid (for ever)")
	s.DurationVar(&f.stale, "stale", 0, "from this age on, replay and refresh in the background")
	s.DurationVar(&f.timeout, "timeout", 0, "end a run that takes longer")
	s.BoolVar(&f.serialize, "serialize", false, "let one of many identical runs happen, among all who share the store")
	s.BoolVar(&f.refresh, "refresh", false, "run, and replace what is stored")
	s.BoolVar(&f.readOnly, "read-only", false, "replay where possible, store nothing")
	s.BoolVar(&f.failures, "cache-failures", false, "store runs with an exit code other than 0, too")
	s.BoolVar(&f.warm, "warm", false, "fill the cache and print nothing of the command")
	s.BoolVar(&f.failClosed, "fail-closed", false, "do not run where the store fails")
	s.BoolVarP(&f.verbose, "verbose", "v", false, "say what became of the call, on standard error")
}

// spec is what the flags, and the config, say. From then on the process is in
// the directory of the command: everything is relative to that.
func (a *app) spec(f *runFlags, args []string) (*command.Spec, error) {
	if f.dir != "" {
		if err := os.Chdir(f.dir); err != nil {
			return nil, fmt.Errorf("--dir: %w", err)
		}
	}
	s := &command.Spec{
		Args: args, Name: f.name, Inputs: f.inputs, AllowMissing: f.missing, Gitignore: f.gitignore,
		Env: f.env, Stdin: f.stdin, IgnoreArgs: f.ignoreArgs, Outputs: f.outputs, Prune: f.prune,
		Version: f.version, Salt: f.salt, TTL: f.ttl, Stale: f.stale, Timeout: f.timeout,
		CacheFailures: f.failures, Serialize: f.serialize, FailClosed: f.failClosed, Tags: f.tags,
	}
	return s, errors.Join(f.enums(s), f.versions(s), f.execution(s, a.conf.Dataset), f.modes(s, a.conf.Mode))
}

func (f *runFlags) enums(s *command.Spec) error {
	cwd, ok1 := map[string]command.CwdMode{"path": command.CwdPath, "project": command.CwdProject, "ignore": command.CwdIgnore}[f.cwd]
	exe, ok2 := map[string]command.ExecutableMode{"auto": command.ExecutableAuto, "content": command.ExecutableContent,
		"name": command.ExecutableName, "ignore": command.ExecutableIgnore}[f.executable]
	s.Cwd, s.Executable = cwd, exe
	switch {
	case !ok1:
		return fmt.Errorf("--cwd %q: want path, project or ignore", f.cwd)
	case !ok2:
		return fmt.Errorf("--executable %q: want auto, content, name or ignore", f.executable)
	}
	return nil
}

// versions turns policies into those of the library.
func (f *runFlags) versions(s *command.Spec) error {
	for _, p := range f.policies {
		kind, arg, _ := strings.Cut(p, ":")
		switch {
		case kind == "files" && arg != "":
			s.Policies = append(s.Policies, version.Files(arg))
		case kind == "env" && arg != "":
			s.Policies = append(s.Policies, version.Env(arg))
		case p == "modules":
			s.Policies = append(s.Policies, version.Files("go.mod", "{go.sum,go.work,go.work.sum}"))
		case p == "image" && f.image != "", p == "pod-template" && f.pod != "": // they count anyway
		default:
			return fmt.Errorf("--policy %q: want files:GLOB, env:NAME, modules, image (with --image) or pod-template (with --pod-template)", p)
		}
	}
	if f.image != "" {
		s.Params.ContainerImage = version.Ref(f.image)
		s.Policies = append(s.Policies, version.ContainerImage())
	}
	if f.pod != "" {
		text, err := os.ReadFile(f.pod)
		if err != nil {
			return fmt.Errorf("--pod-template: %w", err)
		}
		s.Params.PodTemplate = string(text)
		s.Policies = append(s.Policies, version.PodTemplate())
	}
	return nil
}

// execution says for whom the command runs.
func (f *runFlags) execution(s *command.Spec, dataset string) error {
	s.Execution = reprise.Execution{Dataset: dataset, Operator: f.operator, User: f.user, Prompt: f.prompt}
	if f.dataset != "" {
		s.Execution.Dataset = f.dataset
	}
	if f.jwtFrom != "" {
		if s.Execution.JWT = os.Getenv(f.jwtFrom); s.Execution.JWT == "" {
			return fmt.Errorf("--jwt-env %s: the variable is not set", f.jwtFrom)
		}
	}
	for scope, value := range map[reprise.Scope]string{reprise.ByOperator: f.operator, reprise.ByUser: f.user,
		reprise.ByPrompt: f.prompt, reprise.ByJWT: s.Execution.JWT} {
		if value != "" {
			s.Scope |= scope
		}
	}
	return nil
}

// modes are flags, or else what environment or file say.
func (f *runFlags) modes(s *command.Spec, mode string) error {
	m, err := reprise.ParseMode(mode)
	s.Mode = m
	switch {
	case f.refresh && f.readOnly:
		return errors.New("--refresh stores and --read-only does not; drop one of them")
	case f.refresh:
		s.Mode = reprise.Refresh
	case f.readOnly:
		s.Mode = reprise.ReadOnly
	}
	return err
}

func seconds(d time.Duration) inspect.Seconds { return inspect.Seconds(d) }
