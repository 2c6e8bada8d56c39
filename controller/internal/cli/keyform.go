package cli

import (
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/shared/seal"
	"borgfleet/shared/term/cmdline"
)

// keyForm refuses what can be no key. Where nothing is to be sealed no key is compared,
// and who pinned one would believe that it was.
func keyForm(option string) func(*cli.Context, string) error {
	return func(_ *cli.Context, given string) error {
		given = strings.TrimSpace(given)
		if given == "" || fingerprints().MatchString(given) {
			return nil
		}
		if err := seal.CheckRecipient(given); err != nil {
			return cmdline.Usagef("--%s: %w, and no fingerprint of one: 8 groups of 4 digits, as enroll shows it", option, err)
		}
		return nil
	}
}

func fingerprints() *regexp.Regexp {
	return regexp.MustCompile(`^(?i:[0-9a-f]{4}-){7}(?i:[0-9a-f]{4})$`)
}
