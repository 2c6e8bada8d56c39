package doctor

import (
	"bytes"
	"context"
	"strings"
	"time"

	"borgfleet/agent/internal/borg"
	"borgfleet/shared/checkup"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

// opens has borg open the repository and name its newest archive, as a list job
// would. It waits for nobody: a backup that holds the lock is what the
// repository is there for.
func (r *repository) opens(ctx context.Context) checkup.Finding {
	if r.foreign {
		return r.otherAccount()
	}
	tool, err := r.tool()
	if err != nil {
		return checkup.Skip("without borg it cannot be looked at")
	}
	if r.way().State == checkup.Fail && !r.place.Remote() {
		return checkup.Skip("its path comes first")
	}
	s := r.secret()
	if s.err != nil {
		return checkup.Skip("its passphrase comes first")
	}
	archives, err := r.newest(ctx, tool, s.pass)
	return r.judgeOpening(archives, err)
}

func (r *repository) newest(ctx context.Context, tool borg.Tool, pass []byte) ([]borg.Archive, error) {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	host, err := r.borgHost()
	if err != nil {
		return nil, err
	}
	def := r.Repository
	def.LockWait = time.Second
	inv, err := borg.Newest(host, def)
	if err != nil {
		return nil, err
	}
	archives, _, err := borg.ReadList(tool.Run(ctx, inv, bytes.Clone(pass))) // Run overwrites it
	if late := context.Cause(ctx); late != nil && err != nil {
		return nil, &borg.Error{Code: borg.CodeRepoUnreachable, Message: "borg did not answer within " + openTime.String()}
	}
	return archives, err
}

func (r *repository) judgeOpening(archives []borg.Archive, err error) checkup.Finding {
	if err != nil {
		return r.closed(borg.CodeOf(err), err)
	}
	if len(archives) == 0 {
		return checkup.Good("borg opens it; there is no archive in it yet")
	}
	a := archives[len(archives)-1]
	return checkup.Good("borg opens it; the newest archive is %s, %s", a.Name, term.Ago(a.Start, r.o.Now()))
}

// closed says what to do about a repository that borg does not open.
func (r *repository) closed(code string, err error) checkup.Finding {
	_, secret := r.secretFrom()
	see := "see what borg says: " + r.borgOn(r.Repository, "list --last 1")
	todo := ""
	switch code {
	case borg.CodeRepoLocked:
		f := checkup.Skip("it is in use: another borg holds its lock")
		f.Todo = "nothing, while a borg works on it on some host; if none does: " + r.borgOn(r.Repository, "break-lock")
		return f
	case borg.CodePassphraseWrong, borg.CodePassphraseAbsent, job.CodePassphrase:
		todo = secret
	case borg.CodeHostKeyUnknown:
		todo = borg.Keyscan(r.place.Host, r.place.Port, r.conf.SSH.KnownHosts) + "   (and compare the fingerprint with the server's own)"
		return checkup.Bad(todo, "ssh does not know the host key of %s", target(r.place))
	case borg.CodeHostKeyChanged:
		todo = "ask the server's administrator whether its key has changed; if so: ssh-keygen -R " + strings.Trim(r.place.Host, "[]")
	case borg.CodeSSHAuth:
		todo = "put this host's public key into the server's authorized_keys: ssh-copy-id " + r.identityOption() + target(r.place)
	case borg.CodeRemoteBorg:
		todo = "on the server: apt-get install borgbackup"
	case borg.CodeRepoUnreachable:
		todo = "see why: ssh -v " + r.identityOption() + target(r.place) + " true"
		if !r.place.Remote() {
			todo = see
		}
	case borg.CodeRepoNotFound, borg.CodeRepoInvalid, borg.CodeRepoParent:
		todo = "see whether its disk is mounted on " + where(r.place) + "; if there never was one, register it anew: borgfleet-controller repositories delete " + nameOf(r.Repository) + ", then repositories create"
	case borg.CodePathNotAllowed:
		todo = "on the server, in authorized_keys: borg serve --restrict-to-repository " + term.Shell(r.place.Path)
	case borg.CodeRepoPermission:
		todo = "give the account that borg runs as on " + where(r.place) + " the right to read and write " + term.Shell(r.place.Path)
	case borg.CodeRepoCorrupt:
		todo = r.borgOn(r.Repository, "check")
	case borg.CodeRepoRelocated, borg.CodeRepoUntrusted:
		todo = "if that is right, say so to borg: " + r.borgOn(r.Repository, "info")
	case borg.CodeRepoReplaced, borg.CodeTampered:
		todo = "back up to another place, and find out who writes to the repository, before you trust it again"
	default:
		todo = see
	}
	return checkup.Bad(todo, "%v", err)
}

func (r *repository) identityOption() string {
	if f := r.conf.SSH.IdentityFile; f != "" {
		return "-i " + term.Shell(f) + " "
	}
	return ""
}

func where(l borg.Location) string {
	if l.Remote() {
		return "the server"
	}
	return "this host"
}
