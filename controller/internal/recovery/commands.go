package recovery

import (
	"strings"

	"borgfleet/shared/term"
)

// Commands are what a person types on a bare host that has borg and reaches the
// repository. Where the repository has its key in itself, the import is only for
// one that has lost it.
func Commands(h Held, f Files) []string {
	var out []string
	if f.Passphrase != "" {
		out = append(out, "export BORG_PASSCOMMAND="+term.Shell("cat "+term.Shell(f.Passphrase)))
	}
	if strings.HasPrefix(h.Encryption, "authenticated") { // borg calls such a repository unencrypted, and asks
		out = append(out, "export BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes")
	}
	repo := term.Shell(h.Path)
	if f.Key != "" && strings.HasPrefix(h.Encryption, "keyfile") {
		out = append(out, "borg key import "+repo+" "+term.Shell(f.Key))
	}
	return append(out, "borg list "+repo, "borg extract --sparse "+term.Shell(h.Path+"::ARCHIVE"))
}
