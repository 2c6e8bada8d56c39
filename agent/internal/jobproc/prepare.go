package jobproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"borgfleet/agent/internal/access"
	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
	"borgfleet/shared/version"
)

// failure is a reason not to execute borg.
type failure struct{ code, message string }

func (f *failure) Error() string { return f.message }

func failf(code, format string, args ...any) error {
	return &failure{code, fmt.Sprintf(format, args...)}
}

// failed makes the verdict of an error before borg was executed.
func failed(err error) job.Verdict {
	return job.Verdict{Status: job.Failed, ErrorCode: codeOf(err), ErrorMessage: err.Error()}
}

func codeOf(err error) string {
	var f *failure
	var r *policy.Refusal
	switch {
	case errors.As(err, &f):
		return f.code
	case errors.As(err, &r):
		return job.CodePolicy
	case errors.Is(err, state.ErrOtherMachine):
		return job.CodeMachineChanged
	}
	return borg.CodeOf(err)
}

// prepare collects what borg needs. Everything is asked for anew right before
// each execution: agent.yaml, symlinks and borg itself change while a job
// waits.
func (p *process) prepare() error {
	// The daemon asks too, but a job may have waited while its host was cloned.
	if err := p.c.State.CheckMachine(p.id, p.c.MachineID); err != nil {
		return err
	}
	if err := p.allowed(); err != nil {
		return err
	}
	if p.work == nil {
		return failf(job.CodeUnsupported, "this agent (version %s) cannot run %q; upgrade it", version.String(), p.spec.Kind)
	}
	if by := p.spec.Repository.Maintainer; by != "" && by != p.id.AgentID && p.spec.Kind.Maintains() {
		return failf(job.CodeMaintainedElse, "another agent (%s) prunes, compacts and checks this repository: order it with the controller, borgfleet-controller repositories %s %s",
			by, p.spec.Kind, p.spec.Repository.Name)
	}
	if err := p.openHooks(); err != nil {
		return err
	}
	if err := p.findBorg(p.life); err != nil {
		return err
	}
	if err := p.openPassphrase(p.stop); err != nil {
		return err
	}
	// Once more: while a command looked the passphrase up, a symlink may have
	// come to lead elsewhere.
	return p.policy.Check(p.spec)
}

// allowed asks the host's policy as it is now.
func (p *process) allowed() error {
	if err := p.loadHost(); err != nil {
		return err
	}
	var err error
	if p.policy, err = policy.New(p.conf, p.c.State.Path(), p.c.ConfigFile); err != nil {
		return failf(job.CodePolicy, "agent.yaml: %v", err)
	}
	return p.policy.Check(p.spec)
}

// loadHost reads the owner's configuration.
func (p *process) loadHost() error {
	conf, err := policy.Load(p.c.ConfigFile)
	if errors.Is(err, os.ErrNotExist) {
		// Nothing is allowed then, but the reason is the policy's to give.
		conf, err = policy.Default(), nil
	}
	if err != nil {
		return failf(job.CodePolicy, "%v", err)
	}
	p.conf = conf
	if p.host, err = access.Host(p.c.State, p.id, conf, p.spec.Repository); err != nil {
		return failf(job.CodePolicy, "%v", err)
	}
	return nil
}

func (p *process) findBorg(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tool, err := borg.OpenVersionCache(p.c.State.BorgVersions()).Find(ctx, p.conf.Borg)
	if err != nil {
		return err
	}
	p.tool = tool
	return nil
}

// openPassphrase gets the passphrase. Without one borg says what it misses.
func (p *process) openPassphrase(ctx context.Context) error {
	p.pass = secret{}
	b, said, err := access.Passphrase(ctx, p.c.State, p.id, p.conf, p.spec.Repository)
	p.pass = secret{b}
	if len(said) > 0 {
		// The job's log goes to the controller. Only the passphrase could be masked,
		// and not even that if the command failed.
		p.say(job.LevelWarning, "The passphrase command wrote %s to stderr; what it wrote is not shown here, since it may hold a secret: run the command by hand, as the agent's account", count(int64(len(said)), "line"))
	}
	return err
}
