package policy

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"borgfleet/agent/internal/borg"
	"borgfleet/shared/strictyaml"
)

// Config is agent.yaml.
type Config struct {
	ControllerURL string `yaml:"controller_url"`
	Borg          string `yaml:"borg"` // a name to look up in PATH, or an absolute path
	SSH           SSH    `yaml:"ssh"`
	BorgBaseDir   string `yaml:"borg_base_dir"` // empty: below the state directory
	MaxParallel   int    `yaml:"max_parallel"`  // the host's own limit; the controller's may be lower
	Limits        Limits `yaml:"limits"`
	Hooks         Hooks  `yaml:"hooks"`
	// Repositories is how this host opens repositories: what stands here wins
	// over what the controller has.
	Repositories []Repository `yaml:"repositories"`
	Allow        Allow        `yaml:"allow"`
}

// SSH is how this host reaches remote repositories. It is never the
// controller's to say, since each part of it can execute something.
type SSH struct {
	Command      []string `yaml:"command,flow"` // empty: ssh
	IdentityFile string   `yaml:"identity_file"`
	KnownHosts   string   `yaml:"known_hosts"`
}

// Limits is how much of the host borg may have. An order may lower the upload
// further, and nothing else of it.
type Limits struct {
	Nice            int    `yaml:"nice"`             // 0 to 19
	IONice          string `yaml:"ionice"`           // best-effort (its last) or idle; empty: as nice says
	UploadRateLimit int64  `yaml:"upload_ratelimit"` // KiB/s that a backup sends to a server; 0: no limit
}

// Borg is what the borg package goes by.
func (l Limits) Borg() borg.Limits {
	return borg.Limits{Nice: l.Nice, IO: borg.IO(l.IONice), Upload: l.UploadRateLimit}
}

// Default is the configuration of a host whose agent.yaml says nothing.
func Default() Config {
	return Config{Borg: "borg", MaxParallel: 1, Hooks: Hooks{Directory: DefaultHooks, TimeLimit: time.Hour}}
}

// Load reads agent.yaml. A key that is not known is an error, not ignored: a
// rule that was mistyped would otherwise be no rule.
func Load(file string) (Config, error) {
	data, err := readOwn(file)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	c, err := Parse(data)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration %s: %w", file, err)
	}
	return c, nil
}

// Parse reads the content of an agent.yaml.
func Parse(data []byte) (Config, error) {
	c := Default()
	if err := strictyaml.Decode(data, &c); err != nil {
		return Config{}, err
	}
	return c, c.check()
}

// Check finds what is wrong with a configuration that was made, not read.
func (c *Config) Check() error { return c.check() }

func (c *Config) check() error {
	if c.ControllerURL != "" {
		u, err := url.Parse(c.ControllerURL)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
			return errors.New("controller_url: must be https://HOST:PORT")
		}
	}
	if c.Borg == "" {
		return errors.New("borg: must be the name or the absolute path of borg; leave the key out for borg from PATH")
	}
	if strings.Contains(c.Borg, "/") && !filepath.IsAbs(c.Borg) {
		return fmt.Errorf("borg: %q must be a name without a slash or an absolute path", c.Borg)
	}
	if c.MaxParallel < 1 {
		return fmt.Errorf("max_parallel: %d must be 1 or more", c.MaxParallel)
	}
	if err := c.Limits.Borg().Check(); err != nil {
		return fmt.Errorf("limits.%w", err)
	}
	if err := c.Hooks.check(); err != nil {
		return fmt.Errorf("hooks.%w", err)
	}
	if len(c.SSH.Command) > 0 && c.SSH.Command[0] == "" {
		return errors.New("ssh.command: its first word is empty")
	}
	for _, f := range []struct{ key, path string }{
		{"ssh.identity_file", c.SSH.IdentityFile},
		{"ssh.known_hosts", c.SSH.KnownHosts},
		{"borg_base_dir", c.BorgBaseDir},
	} {
		if f.path != "" && !filepath.IsAbs(f.path) {
			return fmt.Errorf("%s: %q must be an absolute path", f.key, f.path)
		}
	}
	for i, r := range c.Repositories {
		if err := r.check(); err != nil {
			return fmt.Errorf("repositories: entry %d: %w", i+1, err)
		}
	}
	return c.Allow.check()
}
