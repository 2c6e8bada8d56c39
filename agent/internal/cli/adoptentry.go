package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/agent/internal/policy"
	"borgfleet/shared/job"
)

// adoptEntry is what the options of adopt say of a repository. A person's file
// names are those of the folder that the person is in.
func adoptEntry(c *cli.Context, location string) (policy.Repository, error) {
	entry := policy.Repository{Location: policy.Literal(location), PassphraseCommand: strings.Fields(c.String("passphrase-command"))}
	for flag, to := range map[string]*string{"passphrase-file": &entry.PassphraseFile, "borg-base-dir": &entry.BorgBaseDir} {
		if c.String(flag) == "" {
			continue
		}
		abs, err := filepath.Abs(c.String(flag))
		if err != nil {
			return entry, fmt.Errorf("--%s: %w", flag, err)
		}
		*to = abs
	}
	if dir := entry.BorgBaseDir; dir != "" {
		// borg would make it, and find nothing that it knows in there.
		if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
			return entry, fmt.Errorf("--borg-base-dir: there is no directory %s; name what BORG_BASE_DIR was, or leave it out", dir)
		}
	}
	return entry, nil
}

// adoptEncryption is what the owner says of a repository that borg asks about
// before it is used for the first time; empty: nothing.
func adoptEncryption(c *cli.Context) (string, error) {
	mode := c.String("encryption")
	if mode == "" {
		return "", nil
	}
	if err := job.CheckEncryption(mode); err != nil {
		return "", fmt.Errorf("--encryption: %w", err)
	}
	return mode, nil
}

// sameEncryption refuses a repository that is another than its owner says.
func sameEncryption(said, found string) error {
	if said != "" && said != found {
		return fmt.Errorf("its encryption is %s, and not %s: say --encryption %s if that is right", found, said, found)
	}
	return nil
}
