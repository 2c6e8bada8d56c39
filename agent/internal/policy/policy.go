package policy

import (
	"fmt"

	"borgfleet/shared/job"
)

// Policy checks orders. Its rules are run in order and the first no counts;
// a rule that is added later is one more entry in rules.
type Policy struct {
	allow    Allow
	stateDir string
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
	p := &Policy{allow: c.Allow, stateDir: stateDir}
	for _, text := range c.Allow.Repositories {
		pattern, err := ParsePattern(text)
		if err != nil {
			return nil, err
		}
		p.patterns = append(p.patterns, pattern)
	}
	return p, nil
}

// Check says whether an order may be carried out. Its error is a *Refusal. It
// is to be asked right before borg is executed as well as when an order
// arrives: symlinks and agent.yaml change while a job waits.
func (p *Policy) Check(spec job.Spec) error {
	always := []rule{p.form, p.state}
	owners := []rule{p.kind, p.repository, p.sources}
	if p.allow.All {
		owners = nil
	}
	for _, r := range append(always, owners...) {
		if no := r(spec); no != nil {
			return no
		}
	}
	return nil
}

// rule looks at one side of an order; nil is a yes.
type rule func(job.Spec) *Refusal
