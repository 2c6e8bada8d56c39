package policy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"borgfleet/agent/internal/shortfile"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

// place keeps restores out of what is not the controller's to write, whatever
// the owner allows: the agent's own directories, and repositories. A key, a
// journal or a segment that is replaced is lost, and nobody would know why.
func (p *Policy) place(spec job.Spec) *Refusal {
	if spec.Kind != job.Restore {
		return nil
	}
	real, no := p.resolveDestination(spec, RuleState)
	if no != nil {
		return no
	}
	for _, own := range append([]string{p.stateDir}, p.borgDirs...) {
		if own == "" {
			continue
		}
		dir, err := resolve(own)
		if err != nil {
			return &Refusal{Rule: RuleState, Message: err.Error()}
		}
		if within(real, dir) || within(dir, real) {
			return &Refusal{
				Rule:    RuleState,
				Message: fmt.Sprintf("the destination %s is in or above the agent's own directory %s", name(spec.Restore.Destination, real), own),
			}
		}
	}
	if repo := p.repositoryAround(real, spec); repo != "" {
		return &Refusal{
			Rule:    RuleRepository,
			Message: fmt.Sprintf("the destination %s is in the borg repository %s", name(spec.Restore.Destination, real), repo),
		}
	}
	return nil
}

// repositoryAround names the repository that a directory is in or is: the
// order's own, or any that is to be seen on the way up.
func (p *Policy) repositoryAround(real string, spec job.Spec) string {
	if normal, local := job.NormalPath(spec.Repository.Path); local {
		if repo, err := resolve(normal); err == nil && within(real, repo) {
			return repo
		}
	}
	for dir := real; ; dir = filepath.Dir(dir) {
		if isRepository(dir) {
			return dir
		}
		if dir == "/" {
			return ""
		}
	}
}

// isRepository looks at what borg looks at: a file config of its own making,
// beside the directory data.
func isRepository(dir string) bool {
	if info, err := os.Stat(filepath.Join(dir, "data")); err != nil || !info.IsDir() {
		return false
	}
	head, err := shortfile.Read(filepath.Join(dir, "config"), 64)
	return err == nil && strings.HasPrefix(string(head), "[repository]")
}

// destination lets restores go only below the owner's directories.
func (p *Policy) destination(spec job.Spec) *Refusal {
	if spec.Kind != job.Restore {
		return nil
	}
	_, _, no := p.allowedRoot(spec)
	return no
}

// Destination is where a restore that was checked goes: below root, which is the
// owner's, or the root of everything if the owner allows everything. Neither has
// a symlink in it at this moment.
//
// The place is looked at once more: what was checked before is gone, and links
// may lead elsewhere now.
func (p *Policy) Destination(spec job.Spec) (root, below string, err error) {
	no := p.place(spec)
	if no != nil {
		return "", "", no
	}
	if p.allow.All {
		root = "/"
		below, no = p.resolveDestination(spec, RuleDestinations)
	} else {
		root, below, no = p.allowedRoot(spec)
	}
	if no != nil {
		return "", "", no
	}
	return root, strings.TrimPrefix(strings.TrimPrefix(below, root), "/"), nil
}

func (p *Policy) allowedRoot(spec job.Spec) (root, real string, no *Refusal) {
	if real, no = p.resolveDestination(spec, RuleDestinations); no != nil {
		return "", "", no
	}
	for _, d := range p.allow.Destinations {
		// One that cannot be followed allows nothing.
		if root, err := resolve(d); err == nil && within(real, root) {
			return root, real, nil
		}
	}
	why := "is not below a directory that the owner named for restores"
	if len(p.allow.Destinations) == 0 {
		why = "is not allowed: the owner named no directory for restores"
	}
	return "", "", &Refusal{
		Rule:    RuleDestinations,
		Message: fmt.Sprintf("the destination %s %s", name(spec.Restore.Destination, real), why),
		Command: p.command("--destination " + term.Shell(real)),
	}
}

func (p *Policy) resolveDestination(spec job.Spec, rule Rule) (string, *Refusal) {
	real, err := resolve(spec.Restore.Destination)
	if err != nil {
		return "", &Refusal{Rule: rule, Message: err.Error()}
	}
	return real, nil
}
