package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"borgfleet/certs"
	"borgfleet/controller/internal/auth"
	"borgfleet/controller/internal/recovery"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/checkup"
	"borgfleet/shared/secretfile"
	"borgfleet/shared/term"
)

func (p *patient) dataDirectory(context.Context) checkup.Finding {
	info, err := os.Stat(p.o.DataDir)
	dir := term.Shell(p.o.DataDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return checkup.Bad("borgfleet-controller serve --data-dir "+dir+"   (makes it; or name the right one with --data-dir)", "%s does not exist", p.o.DataDir)
	case err != nil:
		return checkup.Bad("sudo borgfleet-controller doctor --data-dir "+dir, "%v", err)
	case !info.IsDir():
		return checkup.Bad("name the controller's directory with --data-dir", "%s is not a directory", p.o.DataDir)
	case info.Mode().Perm()&0o077 != 0:
		return checkup.Bad("chmod 700 "+dir, "%s is open to other accounts (mode %04o), and it holds the fleet's keys", p.o.DataDir, info.Mode().Perm())
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != p.o.UID && p.o.UID != 0 {
		return checkup.Bad("sudo -u "+term.Shell(account(st.Uid))+" borgfleet-controller doctor --data-dir "+dir, "%s is the account %s's", p.o.DataDir, account(st.Uid))
	}
	return checkup.Good("%s, closed to other accounts", p.o.DataDir)
}

// owner is the account whose files those of the controller should be: root looks
// at what is another's.
func (p *patient) owner() int {
	info, err := os.Stat(p.o.DataDir)
	if err != nil || p.o.UID != 0 {
		return p.o.UID
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return p.o.UID
}

func account(uid uint32) string {
	number := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	return "#" + number
}

func (p *patient) diskSpace(context.Context) checkup.Finding {
	var st unix.Statfs_t
	if err := unix.Statfs(p.o.DataDir, &st); err != nil {
		return checkup.Skip("the data directory cannot be looked at: %v", err)
	}
	return judgeSpace(p.o.DataDir, int64(st.Bavail)*st.Bsize)
}

func judgeSpace(dir string, free int64) checkup.Finding {
	todo := "see what takes it: du -xsh " + term.Shell(dir) + "; df -h " + term.Shell(dir)
	switch {
	case free < store.DefaultKeepFree:
		return checkup.Bad(todo, "%s free for the data directory; nothing is stored below %s", term.Size(free), term.Size(store.DefaultKeepFree))
	case free < 4*store.DefaultKeepFree:
		return checkup.Warning(todo, "only %s free for the data directory; nothing is stored below %s", term.Size(free), term.Size(store.DefaultKeepFree))
	}
	return checkup.Good("%s free for the data directory", term.Size(free))
}

// soon is when an authority that ends should be somebody's concern.
const soon = 180 * 24 * time.Hour

func (p *patient) authority(context.Context) checkup.Finding {
	dir := filepath.Join(p.o.DataDir, "ca")
	a, err := certs.OpenAuthorityOf(dir, p.owner())
	switch {
	case errors.Is(err, certs.ErrNoAuthority):
		return checkup.Bad("if there was one, restore "+term.Shell(dir)+" from a backup, before the next start makes another", "%v", err)
	case err != nil:
		return checkup.Bad("chmod 600 "+term.Shell(dir)+"/*.key   (if they are only open to others; else restore the directory from a backup)", "%v", err)
	}
	return judgeAuthority(a.NotAfter(), p.o.Now())
}

func judgeAuthority(end, now time.Time) checkup.Finding {
	const todo = "look for a version of borgfleet that renews it, or plan to enroll the hosts with a new controller"
	switch left := end.Sub(now); {
	case left <= 0:
		return checkup.Bad(todo, "it ended on %s: no host can connect", term.Time(end))
	case left < soon:
		return checkup.Warning(todo, "it ends in %s: no host can connect then", term.Duration(left))
	}
	return checkup.Good("its keys are closed to others; until %s", term.Time(end))
}

// notYet is said of what a controller makes at its first start.
const notYet = "no controller has come to the end of its first start here, which makes it"

// halfMade: what is missing then was not taken away.
func (p *patient) halfMade() bool {
	_, err := os.Lstat(filepath.Join(p.o.DataDir, "store"))
	return p.away != nil && errors.Is(err, fs.ErrNotExist)
}

// initialPassword asks whether what was made up at the first start still opens
// the door. The file is read, and shown to nobody.
func (p *patient) initialPassword(ctx context.Context) checkup.Finding {
	file := filepath.Join(p.o.DataDir, auth.InitialPasswordFile)
	data, err := secretfile.ReadOf(file, p.owner())
	switch {
	case errors.Is(err, fs.ErrNotExist) && p.halfMade():
		return checkup.Skip(notYet)
	case errors.Is(err, fs.ErrNotExist):
		return checkup.Good("its file is gone")
	case errors.Is(err, fs.ErrPermission):
		return checkup.Skip("%v", err)
	case err != nil:
		return checkup.Bad(changePassword(file), "%v", err)
	case p.away != nil:
		return checkup.Warning(changePassword(file), "%s is still there", file)
	}
	same, err := p.o.Password(ctx, strings.TrimSpace(string(data)))
	switch {
	case err != nil:
		return checkup.Skip("whether it was changed is not told: %v", err)
	case same:
		return checkup.Warning(changePassword(file), "the user admin still has the password in %s", file)
	}
	return checkup.Warning("rm "+term.Shell(file), "it was changed, and %s is left over", file)
}

// recoveryKey asks whether the private half of the recovery key was taken away.
func (p *patient) recoveryKey(context.Context) checkup.Finding {
	file := filepath.Join(p.o.DataDir, recovery.FirstKeyFile)
	switch _, err := os.Lstat(file); {
	case errors.Is(err, fs.ErrNotExist) && p.halfMade():
		return checkup.Skip(notYet)
	case errors.Is(err, fs.ErrNotExist):
		return checkup.Good("its private half does not lie in the data directory")
	case err != nil:
		return checkup.Skip("%v", err)
	}
	return checkup.Warning("copy "+term.Shell(file)+" to where neither this machine nor the backups are, and then: rm "+term.Shell(file),
		"its private half is still in %s: who steals this machine can open every backup", file)
}

func changePassword(file string) string {
	return "borgfleet-controller users set admin --ask-password --data-dir " + term.Shell(filepath.Dir(file)) + " && rm " + term.Shell(file)
}
