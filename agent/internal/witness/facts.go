// Package witness notices that somebody else changed a repository: a person on
// this host, or another host that uses it too.
//
// It compares facts that cost a few small reads and change with every write of
// borg's (verified with 1.2 and 1.4: create, delete, prune, rename, compact and
// check --repair change them; list, info, check, break-lock and runs that fail
// or are cancelled before a commit do not). On a disk of this host that is the
// number of the repository's newest transaction; everywhere it is the time of
// the manifest that borg's security directory remembers, which changes when
// somebody with the same directories writes. Neither borg nor the network is
// asked.
package witness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"borgfleet/agent/internal/borg"
	"borgfleet/shared/job"
)

// Facts are what changes with a repository. Two that are equal are of the same
// state of the same repository, seen with the same borg directories.
type Facts struct {
	BorgID   string `json:"borg_id"`
	Path     string `json:"path"`
	Root     string `json:"root"`     // of borg's directories
	Number   int64  `json:"number"`   // of the newest transaction; 0: not on a disk of this host
	Manifest string `json:"manifest"` // borg's time of it; empty: these directories do not know it yet
}

// errUnnamed: borg's id of a repository on a server is told by borg alone.
var errUnnamed = errors.New("borg's id of the repository is not known yet")

// errNoID: the controller's word for it would be a part of a path.
var errNoID = errors.New("what is said to be borg's id of the repository is none")

// Look reads the facts. busy says that some borg is at work on the repository
// or with its cache, so that they may be another's in a moment.
func Look(h borg.Host, repository, borgID string) (f Facts, busy bool, err error) {
	normal, local := job.NormalPath(repository)
	f = Facts{BorgID: borgID, Path: normal, Root: h.Root()}
	if local {
		if f.BorgID, err = borg.RepositoryID(normal); err != nil {
			return f, false, fmt.Errorf("look at %s: %w", normal, err)
		}
		if f.Number, err = newest(normal); err != nil {
			return f, false, fmt.Errorf("look at %s: %w", normal, err)
		}
		busy = there(normal, "lock.exclusive")
	}
	switch {
	case f.BorgID == "":
		return f, false, fmt.Errorf("look at %s: %w", normal, errUnnamed)
	case !borg.IsID(f.BorgID):
		return f, false, fmt.Errorf("look at %s: %w", normal, errNoID)
	}
	manifest, err := os.ReadFile(filepath.Join(h.SecurityDir(), f.BorgID, "manifest-timestamp"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return f, false, fmt.Errorf("look at %s: %w", normal, err)
	}
	f.Manifest = strings.TrimSpace(string(manifest))
	return f, busy || there(h.CacheDir(), f.BorgID, "lock.exclusive"), nil
}

func there(elem ...string) bool {
	_, err := os.Lstat(filepath.Join(elem...))
	return err == nil
}

// newest is the number of a repository's newest transaction.
func newest(path string) (int64, error) {
	d, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer d.Close()
	names, err := d.Readdirnames(1000) // a repository has about ten
	if err != nil {
		return 0, err
	}
	var n int64
	for _, name := range names {
		for _, prefix := range []string{"index.", "integrity.", "hints."} {
			digits, ok := strings.CutPrefix(name, prefix)
			if i, err := strconv.ParseInt(digits, 10, 64); ok && err == nil {
				n = max(n, i)
			}
		}
	}
	return n, nil
}

// patience bounds a look: the disk may hang, and nobody's work should with it.
const patience = 5 * time.Second

// LookSoon is Look, but gives up on a disk that hangs.
func LookSoon(h borg.Host, repository, borgID string) (Facts, bool, error) {
	type answer struct {
		f    Facts
		busy bool
		err  error
	}
	c := make(chan answer, 1)
	go func() {
		f, busy, err := Look(h, repository, borgID)
		c <- answer{f, busy, err}
	}()
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case a := <-c:
		return a.f, a.busy, a.err
	case <-t.C:
		return Facts{}, false, fmt.Errorf("look at %s: its disk did not answer within %s", repository, patience)
	}
}
