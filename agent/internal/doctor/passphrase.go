package doctor

import (
	"context"
	"strings"

	"borgfleet/agent/internal/access"
	"borgfleet/shared/checkup"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

// secret is a repository's passphrase and where it is from. It is shown to
// nobody.
type secret struct {
	pass []byte
	said []string // by a command
	err  error
}

func (r *repository) openSecret(ctx context.Context) secret {
	var s secret
	s.pass, s.said, s.err = access.Passphrase(ctx, r.o.State, r.id, r.conf, r.Repository)
	return s
}

func (r *repository) passphrase(context.Context) checkup.Finding {
	if r.foreign {
		return r.otherAccount()
	}
	return r.judgeSecret(r.secret())
}

func (r *repository) judgeSecret(s secret) checkup.Finding {
	from, todo := r.secretFrom()
	switch {
	case s.err != nil:
		why := s.err.Error()
		if len(s.said) > 0 {
			why += "; it says: " + strings.Join(s.said, "; ")
		}
		return checkup.Bad(todo, "%s", why)
	case r.Encryption == "none":
		return checkup.Good("none is needed")
	case s.pass == nil && job.NeedsPassphrase(r.Encryption):
		return checkup.Bad(todo, "there is none, and the repository is encrypted (%s)", r.Encryption)
	case s.pass == nil:
		return checkup.Skip("none is named; borg says whether one is needed")
	}
	return checkup.Good("%s", from)
}

// secretFrom says where the passphrase is, and how it is set right.
func (r *repository) secretFrom() (from, todo string) {
	entry, err := r.conf.RepositoryAt(r.Path)
	switch {
	case err != nil:
		return "", "correct repositories: in agent.yaml"
	case entry.PassphraseFile != "":
		return "in the file " + entry.PassphraseFile, "put the repository's passphrase into " + term.Shell(entry.PassphraseFile) + ": chmod 600 " + term.Shell(entry.PassphraseFile)
	case len(entry.PassphraseCommand) > 0:
		// Its words may name what is secret: only the program is shown.
		return "printed by " + entry.PassphraseCommand[0], "run what passphrase_command in agent.yaml names by hand, as the account " + account(r.o.UID)
	}
	return "sealed to this host", "on the controller's host: borgfleet-controller repositories update " + nameOf(r.Repository) + " --passphrase-file FILE"
}
