package jobproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
	"borgfleet/shared/seal"
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
	if err := p.loadHost(); err != nil {
		return err
	}
	check, err := policy.New(p.conf, p.c.State.Path())
	if err != nil {
		return failf(job.CodePolicy, "agent.yaml: %v", err)
	}
	if p.work == nil {
		return failf(job.CodeUnsupported, "this agent (version %s) cannot run %q; upgrade it", version.String(), p.spec.Kind)
	}
	if err := check.Check(p.spec); err != nil {
		return err
	}
	if err := p.findBorg(p.life); err != nil {
		return err
	}
	return p.openPassphrase()
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
	base := conf.BorgBaseDir
	if base == "" {
		base = p.c.State.BorgBase()
	}
	p.host = borg.Host{
		AgentID: p.id.AgentID, AgentName: p.id.Name, MachineID: p.id.MachineID,
		BaseDir: base, Home: os.Getenv("HOME"),
		SSH: borg.SSH{
			Command:      conf.SSH.Command,
			IdentityFile: conf.SSH.IdentityFile,
			KnownHosts:   conf.SSH.KnownHosts,
		},
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

// openPassphrase opens the seal. Without one borg says what it misses.
func (p *process) openPassphrase() error {
	repo := p.spec.Repository
	p.pass = secret{}
	if repo.Encryption == "none" || len(repo.PassphraseSealed) == 0 {
		return nil
	}
	key, err := seal.LoadIdentity(p.c.State.AgeKey())
	if err != nil {
		return failf(job.CodePassphrase, "the passphrase cannot be opened on this host: %v", err)
	}
	b, err := seal.Open(key, p.id.AgentID, job.Location(repo.Path, p.id.AgentID), repo.PassphraseSealed)
	if err != nil {
		return failf(job.CodePassphrase, "the passphrase cannot be opened on this host: %v; set the repository's passphrase again", err)
	}
	p.pass = secret{b}
	return nil
}
