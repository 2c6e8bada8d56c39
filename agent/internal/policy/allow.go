package policy

import (
	"fmt"
	"path/filepath"
	"slices"

	"borgfleet/shared/seal"
)

// Allow is the section of agent.yaml that only the host's owner writes.
type Allow struct {
	Repositories []string `yaml:"repositories"` // patterns, see Pattern; none: no repository at all
	Sources      []string `yaml:"sources"`      // what lies at or below one of these; none: any source
	Destinations []string `yaml:"destinations"` // restores go to or below one of these; none: no restores
	Maintenance  bool     `yaml:"maintenance"`  // prune, compact, break-lock too
	Hooks        []string `yaml:"hooks"`        // names, or patterns with * and ?, of hooks that a repository may name; none: no hook
	// Ping are the URLs that schedules may have this host call, see PingPattern;
	// none: no URL.
	Ping []string `yaml:"ping"`
	// RetentionFloor is what no prune may keep less than; none: no limit.
	RetentionFloor Floor `yaml:"retention_floor"`
	// OwnSecrets: backups take the agent's own keys and borg's key files as well.
	OwnSecrets bool `yaml:"own_secrets"`
	All        bool `yaml:"all"` // everything, for those who trust their controller with this host
	// RecoveryKey is the recovery key that this host seals to, its public half:
	// the one that the fleet had when the host was enrolled, until the owner
	// accepts another. "none": nothing is sealed to any; empty: as yet.
	RecoveryKey string `yaml:"recovery_key"`
	// RecoveryPassphrases: passphrases that live on this host are sealed to it
	// too. Those that came from the controller always are.
	RecoveryPassphrases bool `yaml:"recovery_passphrases"`
}

// AddRepository allows one more repository pattern. It does nothing if the
// pattern is there already.
func (a *Allow) AddRepository(pattern string) error {
	if _, err := ParsePattern(pattern); err != nil {
		return err
	}
	if !slices.Contains(a.Repositories, pattern) {
		a.Repositories = append(a.Repositories, pattern)
	}
	return nil
}

// AddSource allows what lies at or below path. The first one narrows: until
// then any source is allowed.
func (a *Allow) AddSource(path string) error {
	if err := checkSource(path); err != nil {
		return err
	}
	if path = filepath.Clean(path); !slices.Contains(a.Sources, path) {
		a.Sources = append(a.Sources, path)
	}
	return nil
}

// AddDestination allows restores to path and below it.
func (a *Allow) AddDestination(path string) error {
	if err := checkSource(path); err != nil {
		return err
	}
	if path = filepath.Clean(path); !slices.Contains(a.Destinations, path) {
		a.Destinations = append(a.Destinations, path)
	}
	return nil
}

// AddHook allows one more hook, or those that a pattern matches.
func (a *Allow) AddHook(pattern string) error {
	if err := checkHook(pattern); err != nil {
		return err
	}
	if !slices.Contains(a.Hooks, pattern) {
		a.Hooks = append(a.Hooks, pattern)
	}
	return nil
}

func (a *Allow) check() error {
	for _, r := range a.Repositories {
		if _, err := ParsePattern(r); err != nil {
			return fmt.Errorf("allow.repositories: %w", err)
		}
	}
	for _, s := range a.Sources {
		if err := checkSource(s); err != nil {
			return fmt.Errorf("allow.sources: %w", err)
		}
	}
	for _, d := range a.Destinations {
		if err := checkSource(d); err != nil {
			return fmt.Errorf("allow.destinations: %w", err)
		}
	}
	for _, h := range a.Hooks {
		if err := checkHook(h); err != nil {
			return fmt.Errorf("allow.hooks: %w", err)
		}
	}
	for _, p := range a.Ping {
		if err := checkPingPattern(p); err != nil {
			return fmt.Errorf("allow.ping: %w", err)
		}
	}
	if a.RecoveryKey != "" {
		if err := checkRecoveryKey(a.RecoveryKey); err != nil {
			return fmt.Errorf("allow.recovery_key: %w", err)
		}
	}
	return a.RetentionFloor.check()
}

// NoRecoveryKey is what an owner writes who wants nothing sealed to any.
const NoRecoveryKey = "none"

// SetRecoveryKey accepts a recovery key in the place of the one before it.
func (a *Allow) SetRecoveryKey(recipient string) error {
	if err := checkRecoveryKey(recipient); err != nil {
		return err
	}
	a.RecoveryKey = recipient
	return nil
}

// SealTo is the recovery key to seal to; false: there is none.
func (a Allow) SealTo() (recipient string, ok bool) {
	return a.RecoveryKey, a.RecoveryKey != "" && a.RecoveryKey != NoRecoveryKey
}

func checkRecoveryKey(recipient string) error {
	if recipient == NoRecoveryKey {
		return nil
	}
	return seal.CheckRecipient(recipient)
}

func checkSource(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%q must be an absolute path", path)
	}
	return nil
}
