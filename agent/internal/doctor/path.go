package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"borgfleet/shared/checkup"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

// path looks at a repository on this host's own disks.
func (r *repository) path(context.Context) checkup.Finding {
	if r.foreign {
		return r.otherAccount()
	}
	path, _ := job.NormalPath(r.Path)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		above := existing(path)
		return checkup.Bad("see whether its disk is mounted: findmnt --target "+term.Shell(above), "there is no %s; what is there is %s", path, above)
	case err != nil:
		return checkup.Bad("see who may go there: namei -l "+term.Shell(path), "%v", err)
	case !info.IsDir():
		return checkup.Bad("ls -l "+term.Shell(path), "%s is not a directory, so no borg repository", path)
	}
	if err := unix.Access(path, unix.R_OK|unix.W_OK|unix.X_OK); err != nil {
		return r.closedPath(path, err)
	}
	return checkup.Good("%s can be read and written", path)
}

func (r *repository) closedPath(path string, err error) checkup.Finding {
	if errors.Is(err, unix.EROFS) {
		return checkup.Bad("mount -o remount,rw "+term.Shell(path)+"   (findmnt --target "+term.Shell(path)+" says what it is)", "the file system of %s is read-only", path)
	}
	return checkup.Bad("chown -R "+term.Shell(account(r.o.UID))+" "+term.Shell(path)+"   (if no other account works with it)", "the account %s may not read and write %s", account(r.o.UID), path)
}

// existing is the nearest directory above path that is there.
func existing(path string) string {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil || dir == "/" {
			return dir
		}
	}
}
