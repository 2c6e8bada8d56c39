package policy

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"

	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

// Policy checks orders. Its rules are run in order and the first no counts;
// a rule that is added later is one more entry in rules.
type Policy struct {
	allow    Allow
	stateDir string
	file     string   // agent.yaml, if it is not in stateDir
	borgDirs []string // borg's own directories that are not in stateDir
	patterns []Pattern

	ownSecrets []string // that no backup takes; none: the owner gives them up
}

// New makes the policy of a host from its configuration, the directory that the
// agent keeps its own state in, and the file that the configuration is in; empty:
// agent.yaml in that directory.
func New(c Config, stateDir, file string) (*Policy, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := checkSource(stateDir); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	p := &Policy{allow: c.Allow, stateDir: stateDir, file: file, borgDirs: borgDirs(c)}
	if !c.Allow.OwnSecrets {
		var err error
		if p.ownSecrets, err = ownSecrets(c, stateDir); err != nil {
			return nil, err
		}
	}
	for _, text := range c.Allow.Repositories {
		pattern, err := ParsePattern(text)
		if err != nil {
			return nil, err
		}
		p.patterns = append(p.patterns, pattern)
	}
	return p, nil
}

// borgDirs are where borg keeps keys and memory of this host's repositories:
// where the owner says, and in the account's home.
func borgDirs(c Config) []string {
	dirs := []string{c.BorgBaseDir}
	for _, r := range c.Repositories {
		dirs = append(dirs, r.BorgBaseDir)
	}
	for _, home := range homes() {
		dirs = append(dirs, filepath.Join(home, ".config", "borg"), filepath.Join(home, ".cache", "borg"))
	}
	return dirs
}

// homes are the account's, by its environment and by its entry.
func homes() []string {
	out := []string{os.Getenv("HOME")}
	if u, err := user.LookupId(strconv.Itoa(os.Geteuid())); err == nil {
		out = append(out, u.HomeDir)
	}
	return slices.DeleteFunc(out, func(home string) bool { return !filepath.IsAbs(home) })
}

// command is what the owner runs to allow something.
func (p *Policy) command(options string) string {
	command := "borgfleet-agent allow " + options
	if p.stateDir != state.DefaultDir {
		command += " --state-dir " + term.Shell(p.stateDir)
	}
	if p.file != "" && p.file != filepath.Join(p.stateDir, "agent.yaml") {
		command += " --config " + term.Shell(p.file)
	}
	return command
}

// Check says whether an order may be carried out. Its error is a *Refusal. It
// is to be asked right before borg is executed as well as when an order
// arrives: symlinks and agent.yaml change while a job waits.
func (p *Policy) Check(spec job.Spec) error {
	always := []rule{p.form, p.archive, p.prune, p.state, p.place, p.secrets}
	owners := []rule{p.kind, p.repository, p.sources, p.hooks, p.destination}
	if p.allow.All {
		owners = nil
	}
	for _, r := range slices.Concat(always, owners, []rule{p.floor}) {
		if no := r(spec); no != nil {
			return no
		}
	}
	return nil
}

// rule looks at one side of an order; nil is a yes.
type rule func(job.Spec) *Refusal
