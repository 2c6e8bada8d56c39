package policy

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"time"

	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

// DefaultHooks is where a host's hooks are.
const DefaultHooks = "/etc/borgfleet/hooks"

// Hooks is how this host runs hooks.
type Hooks struct {
	Directory string        `yaml:"directory"`
	TimeLimit time.Duration `yaml:"time_limit"` // of each hook
}

func (h Hooks) check() error {
	if !filepath.IsAbs(h.Directory) {
		return fmt.Errorf("directory: %q must be an absolute path", h.Directory)
	}
	if h.TimeLimit < time.Second {
		return fmt.Errorf("time_limit: %s must be a second or more, such as 90m", h.TimeLimit)
	}
	return nil
}

// hooks lets only those hooks be run that the owner named. That a script is in
// the directory says what it is for; not who may have it run, and for what
// repository.
func (p *Policy) hooks(spec job.Spec) *Refusal {
	if spec.Kind != job.Backup {
		return nil // no other kind runs any
	}
	for _, name := range spec.Repository.Hooks.Names() {
		if !p.allowsHook(name) {
			return &Refusal{
				Rule:    RuleHooks,
				Message: fmt.Sprintf("the hook %s is not among those that the owner named", name),
				Command: p.command("--hook " + term.Shell(name)),
			}
		}
	}
	return nil
}

func (p *Policy) allowsHook(name string) bool {
	for _, pattern := range p.allow.Hooks {
		if ok, err := path.Match(pattern, name); ok && err == nil {
			return true
		}
	}
	return false
}

// badHooks is form for hooks.
func badHooks(h job.Hooks) *Refusal {
	for _, at := range job.HookTimes() {
		names := h.At(at)
		if len(names) > job.MostHooks {
			return &Refusal{Rule: RuleForm, Message: fmt.Sprintf("%d hooks are named %s, and %d are the most", len(names), at, job.MostHooks)}
		}
		for _, name := range names {
			if err := job.CheckHookName(name); err != nil {
				return &Refusal{Rule: RuleForm, Message: fmt.Sprintf("the hook %s cannot be one: %v", shown(name), err)}
			}
		}
	}
	return nil
}

// checkHook takes a hook's name, with * and ? for any of its letters.
func checkHook(pattern string) error {
	plain := strings.NewReplacer("*", "x", "?", "x").Replace(pattern)
	if pattern == "" {
		return errors.New("the name of a hook is empty")
	}
	if err := job.CheckHookName(plain); err != nil {
		return fmt.Errorf("%q is not a hook's name: %w", pattern, err)
	}
	return nil
}
