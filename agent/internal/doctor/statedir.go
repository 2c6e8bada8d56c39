package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"borgfleet/agent/internal/state"
	"borgfleet/shared/checkup"
	"borgfleet/shared/seal"
	"borgfleet/shared/term"
)

// directory is what is known of the state directory.
type directory struct {
	path  string
	mode  fs.FileMode
	owner int
	err   error
}

func (h *host) stateDirectory(context.Context) checkup.Finding {
	d := directory{path: h.o.State.Path(), owner: ownerOf(h.o.State.Path())}
	info, err := os.Stat(d.path)
	if d.err = err; err == nil {
		d.mode = info.Mode()
	}
	return d.judge(h.o.UID, h.command("doctor"), h.command("enroll --token-file FILE"))
}

// judge says whether the account uid can and should work with the directory.
func (d directory) judge(uid int, again, enroll string) checkup.Finding {
	path := term.Shell(d.path)
	switch {
	case errors.Is(d.err, fs.ErrNotExist):
		return checkup.Bad("enroll this host: "+enroll, "%s does not exist", d.path)
	case d.err != nil:
		return checkup.Bad("sudo "+again, "%v", d.err)
	case !d.mode.IsDir():
		return checkup.Bad("name the agent's directory with --state-dir", "%s is not a directory", d.path)
	case d.mode.Perm()&0o077 != 0:
		return checkup.Bad("chmod 700 "+path, "%s is open to other accounts (mode %04o), and it holds this host's keys", d.path, d.mode.Perm())
	case d.mode.Perm() != 0o700:
		return checkup.Bad("chmod 700 "+path, "%s is closed to its own account (mode %04o)", d.path, d.mode.Perm())
	case d.owner != uid && uid == 0:
		// As root borg would leave files behind that the agent cannot use.
		return checkup.Warning("sudo -u "+term.Shell(account(d.owner))+" "+again, "%s is the account %s's: the repositories can only be looked at as that account", d.path, account(d.owner))
	case d.owner != uid:
		return checkup.Bad("sudo -u "+term.Shell(account(d.owner))+" "+again, "%s is the account %s's, and this is %s", d.path, account(d.owner), account(uid))
	}
	return checkup.Good("%s, closed to other accounts", d.path)
}

func (h *host) identity(context.Context) checkup.Finding {
	switch {
	case errors.Is(h.idErr, state.ErrNotEnrolled):
		return checkup.Bad(h.command("enroll --token-file FILE")+"   (the token is from borgfleet-controller join-token create)", "this host is not enrolled")
	case errors.Is(h.idErr, fs.ErrPermission):
		return checkup.Bad("sudo "+h.command("doctor"), "%v", h.idErr)
	case h.idErr != nil:
		return checkup.Bad("restore the file, or enroll this host again with an empty --state-dir", "%v", h.idErr)
	}
	return checkup.Good("agent %s of the fleet %s", h.id.Name, h.id.FleetID)
}

func (h *host) machine(context.Context) checkup.Finding {
	if h.idErr != nil {
		return notEnrolled()
	}
	err := h.o.State.CheckMachine(h.id, h.o.MachineID)
	switch {
	case errors.Is(err, state.ErrOtherMachine):
		return checkup.Bad("if the state directory was moved here and the old machine is gone: "+h.command("enroll --moved")+
			"\nif this is a copy of a machine that goes on: borgfleet-agent enroll --token-file FILE --state-dir NEW-EMPTY-DIR",
			"the state directory was made on another machine, and two machines must not be one agent")
	case err != nil:
		return checkup.Bad("chmod 444 /etc/machine-id", "%v", err)
	}
	return checkup.Good("the one that was enrolled")
}

func (h *host) sealingKey(context.Context) checkup.Finding {
	if h.idErr != nil {
		return notEnrolled()
	}
	key, err := seal.LoadIdentity(h.o.State.AgeKey())
	if err != nil {
		return checkup.Bad("restore "+term.Shell(h.o.State.AgeKey())+" with mode 600; without it enroll this host again, and set the passphrases again", "passphrases cannot be opened: %v", err)
	}
	return checkup.Good("%s", key.Fingerprint())
}

func notEnrolled() checkup.Finding { return checkup.Skip("this host is not enrolled") }

// ownerOf is the account that a file belongs to; -1 if that is not known.
func ownerOf(path string) int {
	info, err := os.Stat(path)
	if err != nil {
		return -1
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

// account is its name, or its number if it has none.
func account(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "#" + strconv.Itoa(uid)
}
