package policy

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"

	"borgfleet/shared/job"
)

// Policy checks orders. Its rules are run in order and the first no counts;
// a rule that is added later is one more entry in rules.
type Policy struct {
	allow    Allow
	stateDir string
	borgDirs []string // borg's own directories that are not in stateDir
	patterns []Pattern
}

// New makes the policy of a host from its configuration and the directory that
// the agent keeps its own state in.
func New(c Config, stateDir string) (*Policy, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := checkSource(stateDir); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	p := &Policy{allow: c.Allow, stateDir: stateDir, borgDirs: borgDirs(c)}
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
	homes := []string{os.Getenv("HOME")}
	if u, err := user.LookupId(strconv.Itoa(os.Geteuid())); err == nil {
		homes = append(homes, u.HomeDir)
	}
	for _, home := range homes {
		if filepath.IsAbs(home) {
			dirs = append(dirs, filepath.Join(home, ".config", "borg"), filepath.Join(home, ".cache", "borg"))
		}
	}
	return dirs
}

// Check says whether an order may be carried out. Its error is a *Refusal. It
// is to be asked right before borg is executed as well as when an order
// arrives: symlinks and agent.yaml change while a job waits.
func (p *Policy) Check(spec job.Spec) error {
	always := []rule{p.form, p.archive, p.prune, p.state, p.place}
	owners := []rule{p.kind, p.repository, p.sources, p.destination}
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
