package jobproc

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/confine"
	"borgfleet/shared/job"
)

// confine finds out how far a restore's borg can be kept inside its destination,
// and refuses the destination where that is not enough.
//
// A crafted archive can lead borg out of an unconfined destination all the same:
// the log says that it is not confined.
func (p *process) confine(d *destination) error {
	level, why := p.bounds(d).Reach()
	d.level = level
	if level == confine.All {
		return nil
	}
	if err := d.trusted(p.spec.Restore.Destination); err != nil {
		return err
	}
	switch level {
	case confine.Writes:
		p.say(job.LevelWarning, "borg can write nothing outside of the destination, but links in the archive can lead it to directories whose times, rights and owners it then changes: %v", why)
	default:
		p.say(job.LevelWarning, "borg is not confined to the destination on this host, so links in the archive can lead it elsewhere: %v", why)
	}
	return nil
}

// bounds are what a restore's borg has to write: the destination, the directories
// that are lent to it, and the lock in the repository.
func (p *process) bounds(d *destination) confine.Bounds {
	b := confine.Bounds{Into: d.dir, Path: d.path, Also: []string{d.lent.BaseDir}}
	if repo, local := job.NormalPath(p.spec.Repository.Path); local {
		if info, err := os.Stat(repo); err == nil && info.IsDir() { // else borg says what is wrong
			b.Also = append(b.Also, repo)
			b.Keep = kept(repo)
		}
	}
	return b
}

// kept is what a restore has no need to write in a local repository: its lock is
// beside it, and an index that is behind. An archive that leads borg there would
// else destroy the backups that it came from. What a link leads to, such as data
// on another disk, is outside of it and read-only anyway.
func kept(repo string) (out []string) {
	for _, name := range []string{"data", "config", "nonce", "README"} {
		path := filepath.Join(repo, name)
		if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSymlink == 0 {
			out = append(out, path)
		}
	}
	return out
}

// note keeps the first directory on the way to the destination, itself the last
// of them, in which an account other than root and our own can put links.
func (d *destination) note(fd int, path string) {
	var st unix.Stat_t
	if d.loose != "" || unix.Fstat(fd, &st) == nil && !changeable(st, path == d.path) {
		return
	}
	d.loose = path
}

func changeable(st unix.Stat_t, last bool) bool {
	ours := int(st.Uid) == os.Geteuid() || st.Uid == 0 && !last
	shared := st.Mode&0o022 != 0 && (last || st.Mode&unix.S_ISVTX == 0) // as /tmp is not
	return !ours || shared
}

func (d *destination) trusted(asked string) error {
	if d.loose == "" {
		return nil
	}
	return failf(job.CodeDestination, "the destination %s cannot be used: other accounts can change the directory %s and lead borg elsewhere, and on this host it cannot be confined (that takes root's rights or a kernel with Landlock): name a destination that only the agent's account can change",
		asked, d.loose)
}
