package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
)

// ownSecrets are the files and directories that open what this agent guards: its
// own keys, the passphrases that agent.yaml names, the ssh key, and borg's key
// files. In a backup whose passphrase somebody else chose, or that has none, they
// would be theirs.
func ownSecrets(c Config, stateDir string) ([]string, error) {
	st, err := state.At(stateDir)
	if err != nil {
		return nil, err
	}
	out := []string{st.AgeKey(), st.Credential(), st.EnrollingKey(), c.SSH.IdentityFile}
	bases := []string{st.BorgBase(), c.BorgBaseDir}
	for _, r := range c.Repositories {
		out = append(out, r.PassphraseFile)
		bases = append(bases, r.BorgBaseDir)
	}
	for _, base := range append(bases, homes()...) {
		if base != "" {
			out = append(out, filepath.Join(base, ".config", "borg", "keys"))
		}
	}
	return slices.DeleteFunc(out, func(path string) bool { return path == "" }), nil
}

// LeftOut are the agent's own secrets that a backup of these sources would take,
// by the names under which borg would meet them. They are there also where the
// owner allows everything: only own_secrets gives them up.
func (p *Policy) LeftOut(sources []string) ([]string, error) {
	places, err := p.secretPlaces()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, source := range sources {
		source = filepath.Clean(source)
		real, err := resolveParent(source)
		if errors.Is(err, fs.ErrPermission) {
			continue // borg gets no further either
		}
		if err != nil {
			return nil, err
		}
		for _, place := range places {
			if within(place, real) {
				out = append(out, filepath.Join(source, strings.TrimPrefix(place, real)))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// secrets refuses a source that is nothing but the agent's own secrets.
func (p *Policy) secrets(spec job.Spec) *Refusal {
	if spec.Kind != job.Backup {
		return nil
	}
	places, err := p.secretPlaces()
	if err != nil {
		return &Refusal{Rule: RuleSecrets, Message: err.Error()}
	}
	for _, source := range spec.Repository.Sources {
		real, err := resolveParent(filepath.Clean(source))
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			return &Refusal{Rule: RuleSources, Message: err.Error()}
		}
		if err == nil && withinAny(real, places) {
			return &Refusal{
				Rule:    RuleSecrets,
				Message: fmt.Sprintf("the source %s is one of the agent's own secrets, which no backup takes", name(source, real)),
				Command: p.command("--own-secrets"),
			}
		}
	}
	return nil
}

// secretPlaces are all places at which the secrets are to be seen.
func (p *Policy) secretPlaces() ([]string, error) {
	if len(p.ownSecrets) == 0 {
		return nil, nil
	}
	mounts, err := readMounts()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, secret := range p.ownSecrets {
		real, err := resolve(secret)
		if err != nil {
			real = secret // out of borg's reach by this name
		}
		out = append(out, real)
		out = append(out, mounts.elsewhere(real)...)
	}
	return out, nil
}

// resolveParent follows links as borg does on the way to a source: it stores a
// link that is a source itself, and does not follow it.
func resolveParent(path string) (string, error) {
	if path == "/" {
		return path, nil
	}
	dir, err := resolve(filepath.Dir(path))
	return filepath.Join(dir, filepath.Base(path)), err
}
