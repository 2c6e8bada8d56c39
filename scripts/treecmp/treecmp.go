// Package treecmp compares two directory trees as a restore has to be compared
// with its source: everything that a person could miss afterwards.
package treecmp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Options leave things out that cannot be equal.
type Options struct {
	Owners bool // compare owners too: only root can give files away
	Most   int  // differences to find before it stops; 0: 20
}

// Compare looks at every entry of both trees, their roots included. It returns
// how many it saw in a, and the differences.
func Compare(a, b string, opt Options) (seen int, differences []error) {
	c := comparison{a: a, b: b, opt: opt, links: map[inode]string{}}
	if c.opt.Most == 0 {
		c.opt.Most = 20
	}
	c.walk(a, func(rel string) error {
		seen++
		return c.entry(rel)
	})
	// The other way round, names only: nothing may be there too much.
	c.walk(b, func(rel string) error {
		if _, err := os.Lstat(filepath.Join(a, rel)); err != nil {
			return errors.New("only in the second tree")
		}
		return nil
	})
	return seen, c.found
}

type inode struct{ dev, ino uint64 }

type comparison struct {
	a, b  string
	opt   Options
	links map[inode]string // of a file with several names in a: its first name
	found []error
}

func (c *comparison) walk(root string, look func(rel string) error) {
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if err := look(rel); err != nil {
			c.found = append(c.found, fmt.Errorf("%q: %w", rel, err))
			if len(c.found) >= c.opt.Most {
				return fs.SkipAll
			}
		}
		return nil
	})
	if err != nil {
		c.found = append(c.found, err)
	}
}

func (c *comparison) entry(rel string) error {
	pa, pb := filepath.Join(c.a, rel), filepath.Join(c.b, rel)
	var sa, sb unix.Stat_t
	if err := unix.Lstat(pa, &sa); err != nil {
		return err
	}
	if err := unix.Lstat(pb, &sb); err != nil {
		return err
	}
	err := errors.Join(c.status(sa, sb), c.hardLink(rel, pb, sa, sb), compareXattrs(pa, pb))
	switch {
	case err != nil:
		return err
	case sa.Mode&unix.S_IFMT == unix.S_IFLNK:
		return compareTargets(pa, pb)
	case sa.Mode&unix.S_IFMT == unix.S_IFREG:
		return compareContents(pa, pb)
	}
	return nil
}

func (c *comparison) status(a, b unix.Stat_t) error {
	kind := a.Mode & unix.S_IFMT
	var errs []error
	differ := func(what string, x, y any) { errs = append(errs, fmt.Errorf("%s %v and %v", what, x, y)) }
	if a.Mode != b.Mode {
		differ("mode", fmt.Sprintf("%o", a.Mode), fmt.Sprintf("%o", b.Mode))
	}
	if c.opt.Owners && (a.Uid != b.Uid || a.Gid != b.Gid) {
		differ("owner", fmt.Sprint(a.Uid, ":", a.Gid), fmt.Sprint(b.Uid, ":", b.Gid))
	}
	if a.Mtim != b.Mtim {
		differ("changed", fmt.Sprintf("%d.%09d", a.Mtim.Sec, a.Mtim.Nsec), fmt.Sprintf("%d.%09d", b.Mtim.Sec, b.Mtim.Nsec))
	}
	if kind != unix.S_IFDIR && a.Size != b.Size {
		differ("size", a.Size, b.Size)
	}
	if (kind == unix.S_IFBLK || kind == unix.S_IFCHR) && a.Rdev != b.Rdev {
		differ("device", a.Rdev, b.Rdev)
	}
	// Holes: what is half empty must not become full. Where the blocks begin is
	// the file system's business.
	if kind == unix.S_IFREG && a.Blocks*512 < a.Size/2 && b.Blocks*512 >= a.Size/2 {
		differ("sparse: blocks", a.Blocks, b.Blocks)
	}
	return errors.Join(errs...)
}

// hardLink: names of one file in a are names of one file in b, and no others.
func (c *comparison) hardLink(rel, pb string, a, b unix.Stat_t) error {
	if a.Mode&unix.S_IFMT == unix.S_IFDIR || a.Nlink == 1 {
		if b.Mode&unix.S_IFMT != unix.S_IFDIR && b.Nlink != 1 {
			return fmt.Errorf("1 name and %d", b.Nlink)
		}
		return nil
	}
	id := inode{uint64(a.Dev), a.Ino}
	first, known := c.links[id]
	if !known {
		c.links[id] = pb
		return nil
	}
	var other unix.Stat_t
	if err := unix.Lstat(first, &other); err != nil {
		return err
	}
	if other.Ino != b.Ino || other.Dev != b.Dev {
		return fmt.Errorf("another name of %q in the first tree, a file of its own in the second", first)
	}
	return nil
}

func compareTargets(a, b string) error {
	ta, err := os.Readlink(a)
	if err != nil {
		return err
	}
	tb, err := os.Readlink(b)
	if err != nil {
		return err
	}
	if ta != tb {
		return fmt.Errorf("leads to %q and %q", ta, tb)
	}
	return nil
}

// compareXattrs sees ACLs too: Linux shows them as attributes.
func compareXattrs(a, b string) error {
	xa, err := xattrs(a)
	if err != nil {
		return err
	}
	xb, err := xattrs(b)
	if err != nil {
		return err
	}
	for name, value := range xa {
		if other, ok := xb[name]; !ok || other != value {
			return fmt.Errorf("attribute %s: %q and %q", name, value, other)
		}
		delete(xb, name)
	}
	for name := range xb {
		return fmt.Errorf("attribute %s only in the second tree", name)
	}
	return nil
}

func xattrs(path string) (map[string]string, error) {
	list := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, list)
	if errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list attributes: %w", err)
	}
	out := map[string]string{}
	for name := range bytes.SplitSeq(bytes.TrimRight(list[:n], "\x00"), []byte{0}) {
		if len(name) == 0 {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(path, string(name), value)
		if err != nil {
			return nil, fmt.Errorf("read attribute %s: %w", name, err)
		}
		out[string(name)] = string(value[:n])
	}
	return out, nil
}

func compareContents(a, b string) error {
	fa, err := os.Open(a)
	if err != nil {
		return err
	}
	defer fa.Close()
	fb, err := os.Open(b)
	if err != nil {
		return err
	}
	defer fb.Close()
	ba, bb := make([]byte, 128<<10), make([]byte, 128<<10)
	for {
		na, erra := io.ReadFull(fa, ba)
		nb, errb := io.ReadFull(fb, bb)
		if !bytes.Equal(ba[:na], bb[:nb]) {
			return errors.New("the contents differ")
		}
		switch {
		case ended(erra) && ended(errb):
			return nil
		case erra != nil || errb != nil:
			return errors.Join(erra, errb)
		}
	}
}

func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
