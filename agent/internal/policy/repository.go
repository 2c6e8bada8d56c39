package policy

import (
	"errors"
	"fmt"
	"path/filepath"

	"borgfleet/shared/job"
)

// Repository is how this host opens the repositories at a location. The first
// entry that matches counts.
type Repository struct {
	Location          string   `yaml:"location"`                          // a pattern, as in allow.repositories
	PassphraseFile    string   `yaml:"passphrase_file,omitempty"`         // readable by its owner only
	PassphraseCommand []string `yaml:"passphrase_command,flow,omitempty"` // run without a shell; the first line it prints
	BorgBaseDir       string   `yaml:"borg_base_dir,omitempty"`           // for these repositories, before the key of the same name
}

func (r Repository) check() error {
	if r.Location == "" {
		return errors.New("location: it is missing; name the repository's path or URL")
	}
	if _, err := ParsePattern(r.Location); err != nil {
		return fmt.Errorf("location: %w", err)
	}
	switch {
	case r.PassphraseFile != "" && len(r.PassphraseCommand) > 0:
		return errors.New("passphrase_file and passphrase_command are both given: leave one of them out")
	case r.PassphraseFile != "" && !filepath.IsAbs(r.PassphraseFile):
		return fmt.Errorf("passphrase_file: %q must be an absolute path", r.PassphraseFile)
	case len(r.PassphraseCommand) > 0 && !filepath.IsAbs(r.PassphraseCommand[0]):
		return fmt.Errorf("passphrase_command: its first word, %q, must be the absolute path of a program", r.PassphraseCommand[0])
	case r.BorgBaseDir != "" && !filepath.IsAbs(r.BorgBaseDir):
		return fmt.Errorf("borg_base_dir: %q must be an absolute path", r.BorgBaseDir)
	}
	return nil
}

// HasPassphrase says whether the host itself has the passphrase.
func (r Repository) HasPassphrase() bool {
	return r.PassphraseFile != "" || len(r.PassphraseCommand) > 0
}

// RepositoryAt gives the entry for a repository's path or URL; the zero entry
// if there is none.
func (c Config) RepositoryAt(path string) (Repository, error) {
	if len(c.Repositories) == 0 {
		return Repository{}, nil
	}
	normal, local := job.NormalPath(path)
	if local {
		var err error
		if normal, err = resolve(normal); err != nil {
			return Repository{}, err
		}
	}
	for _, r := range c.Repositories {
		pattern, err := ParsePattern(r.Location)
		if err != nil {
			return Repository{}, err
		}
		// A pattern that cannot be followed is not of this repository, and does
		// not stand in the way of the others.
		if ok, err := pattern.match(normal, local, resolve); err == nil && ok {
			return r, nil
		}
	}
	return Repository{}, nil
}

// SetRepository puts an entry where it counts: in the place of the one with the
// same location, else before all others.
func (c *Config) SetRepository(r Repository) {
	for i, old := range c.Repositories {
		if old.Location == r.Location {
			c.Repositories[i] = r
			return
		}
	}
	c.Repositories = append([]Repository{r}, c.Repositories...)
}
