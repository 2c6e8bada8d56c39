package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

// state keeps borg out of the agent's own directory: its keys and journals
// would be overwritten, or served to whoever reads the repository.
func (p *Policy) state(spec job.Spec) *Refusal {
	normal, local := job.NormalPath(spec.Repository.Path)
	if !local {
		return nil
	}
	real, err := resolve(normal)
	if err != nil {
		return &Refusal{Rule: RuleState, Message: err.Error()}
	}
	state, err := resolve(p.stateDir)
	if err != nil {
		return &Refusal{Rule: RuleState, Message: err.Error()}
	}
	if within(real, state) {
		return &Refusal{
			Rule:    RuleState,
			Message: fmt.Sprintf("the repository %s is in the agent's own directory %s", name(normal, real), p.stateDir),
		}
	}
	return nil
}

// kind lets only those kinds pass that the owner allowed.
func (p *Policy) kind(spec job.Spec) *Refusal {
	switch spec.Kind {
	case job.Init, job.Backup, job.List, job.Check:
		return nil
	case job.Prune, job.Compact, job.BreakLock:
		if p.allow.Maintenance {
			return nil
		}
		return &Refusal{
			Rule:    RuleMaintenance,
			Message: fmt.Sprintf("%s changes what is already backed up", spec.Kind),
			Command: p.command("--maintenance"),
		}
	case job.Restore:
		return nil // see destination
	default: // whatever kind is added before it has a rule
		return &Refusal{
			Rule:    RuleKind,
			Message: fmt.Sprintf("nothing is said of jobs of the kind %s", spec.Kind),
			Command: p.command("--all"),
		}
	}
}

// repository lets only those locations pass that the owner named.
func (p *Policy) repository(spec job.Spec) *Refusal {
	normal, local := job.NormalPath(spec.Repository.Path)
	real := normal
	if local {
		var err error
		if real, err = resolve(normal); err != nil {
			return &Refusal{Rule: RuleRepositories, Message: err.Error()}
		}
	}
	for _, pattern := range p.patterns {
		// A pattern that cannot be followed allows nothing, and does not stand
		// in the way of the others.
		if ok, err := pattern.match(real, local, resolve); err == nil && ok {
			return nil
		}
	}
	return &Refusal{
		Rule:    RuleRepositories,
		Message: fmt.Sprintf("the repository %s is not among those that the owner named", name(normal, real)),
		Command: p.command("--repository " + term.Shell(quote(real))),
	}
}

// sources lets only what lies below the owner's directories be backed up.
func (p *Policy) sources(spec job.Spec) *Refusal {
	if spec.Kind != job.Backup {
		return nil
	}
	var roots []string
	for _, s := range p.allow.Sources {
		if real, err := resolve(s); err == nil { // else it allows nothing
			roots = append(roots, real)
		}
	}
	for _, source := range spec.Repository.Sources {
		real, err := resolve(source)
		if len(p.allow.Sources) == 0 && errors.Is(err, fs.ErrPermission) {
			continue // borg says what it may not read
		}
		if err != nil {
			return &Refusal{Rule: RuleSources, Message: err.Error()}
		}
		if len(p.allow.Sources) > 0 && !withinAny(real, roots) {
			return &Refusal{
				Rule:    RuleSources,
				Message: fmt.Sprintf("the source %s is not below a directory that the owner named", name(filepath.Clean(source), real)),
				Command: p.command("--source " + term.Shell(real)),
			}
		}
	}
	return nil
}

func withinAny(path string, roots []string) bool {
	for _, r := range roots {
		if within(path, r) {
			return true
		}
	}
	return false
}

// name shows a path, and where it leads if that is elsewhere.
func name(path, real string) string {
	if path == real {
		return path
	}
	return fmt.Sprintf("%s (which is %s)", path, real)
}
