package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/reprise-go/reprise"
)

// config is what a reprise.toml may say, and after configure what holds. A
// field that the file leaves out is the default.
type config struct {
	Store   string   `toml:"store"`   // URL; "": the embedded store. sqlite:PATH is relative to the file
	Mode    string   `toml:"mode"`    // of run: use, off, refresh, read-only, write-only
	Dataset string   `toml:"dataset"` // of run
	Color   string   `toml:"color"`   // auto, always, never
	Quota   int64    `toml:"quota"`   // bytes, of a store that is opened; 0: 10 GiB
	Timeout duration `toml:"timeout"` // of one operation on the store
	// SecretFile and SigningKeyFile hold Config.Secret and Config.SigningKey.
	SecretFile     string `toml:"secret_file"`
	SigningKeyFile string `toml:"signing_key_file"`

	path string // of the file; "": none
}

// duration is written as Go writes it: "30s".
type duration time.Duration

// UnmarshalText reads "30s".
func (d *duration) UnmarshalText(b []byte) error {
	t, err := time.ParseDuration(string(b))
	*d = duration(t)
	return err
}

const configName = "reprise.toml"

// configure puts flags, environment, file and defaults together, in this
// order.
func (a *app) configure(changed func(flag string) bool) error {
	if err := a.readConfig(); err != nil {
		return err
	}
	c := &a.conf
	override := func(dst *string, env, flag, value string) {
		if v, set := os.LookupEnv(env); set && env != "" {
			*dst = v
		}
		if changed(flag) {
			*dst = value
		}
	}
	override(&c.Store, "REPRISE_STORE", "store", a.flags.store)
	override(&c.Mode, "REPRISE_MODE", "", "")
	override(&c.Color, "", "color", a.flags.color)
	if _, err := reprise.ParseMode(c.Mode); err != nil {
		return &hinted{error: err, code: exitUsage, hint: "REPRISE_MODE, or mode in " + configName}
	}
	switch c.Color {
	case "", "auto", "always", "never":
		return nil
	}
	return &hinted{error: fmt.Errorf("color %q", c.Color), code: exitUsage, hint: "auto, always or never"}
}

func (a *app) readConfig() error {
	path, err := a.configPath()
	if err != nil || path == "" {
		return err
	}
	meta, err := toml.DecodeFile(path, &a.conf)
	if err != nil {
		return &hinted{error: fmt.Errorf("%s: %w", path, err), code: exitUsage, hint: "mend the file, or name another by --config"}
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return &hinted{error: fmt.Errorf("%s: unknown setting %q", path, unknown[0]), code: exitUsage,
			hint: "known are store, mode, dataset, color, quota, timeout, secret_file and signing_key_file"}
	}
	a.conf.path = path
	a.conf.Store = a.conf.beside(a.conf.Store)
	return nil
}

// beside has a relative path of a SQLite file start where the config is, so that
// it means the same in every directory.
func (c *config) beside(url string) string {
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok || path == "" || filepath.IsAbs(path) {
		return url
	}
	dir, err := filepath.Abs(filepath.Dir(c.path))
	if err != nil {
		return url
	}
	return "sqlite:" + filepath.Join(dir, path)
}

// configPath is the file named by a flag, or else the next one upwards, or
// else the user's.
func (a *app) configPath() (string, error) {
	if a.flags.config != "" {
		return a.flags.config, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", nil //nolint:nilerr // a directory that was removed has no file
	}
	for ; ; dir = filepath.Dir(dir) {
		if path := filepath.Join(dir, configName); there(path) {
			return path, nil
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if dir, err := os.UserConfigDir(); err == nil {
		if path := filepath.Join(dir, "reprise", "config.toml"); there(path) {
			return path, nil
		}
	}
	return "", nil
}

func there(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist) && err == nil
}

// key reads a secret from a file named by the config, without the line's end.
func (c *config) key(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(c.path), path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fail("", "%w (named in %s)", err, c.path)
	}
	return []byte(strings.TrimRight(string(b), "\r\n")), nil
}
