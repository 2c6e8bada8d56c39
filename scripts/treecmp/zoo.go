package treecmp

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// OddNames are file names that tools stumble over.
func OddNames() []string {
	return []string{
		"plain", "with space", "new\nline", "-dash", "*glob?[x]", "pp:style", "sh:**", "bad\xff\xfeutf", "é", " lead", "trail ", "quo'te\"", "back\\slash",
		strings.Repeat("long", 63), "{brace}", "tab\t", ".hidden",
	}
}

// Zoo fills a directory with everything that a file system has to offer, and as
// root with what only root can make.
func Zoo(dir string) error {
	z := &zoo{dir: dir}
	z.names()
	z.links()
	z.modes()
	z.holes()
	if os.Geteuid() == 0 {
		z.rootsOwn()
	}
	z.do(os.Chtimes(z.path("empty"), time.Now(), time.Unix(1400000000, 987654321)))
	return errors.Join(z.errs...)
}

type zoo struct {
	dir  string
	errs []error
}

func (z *zoo) path(name string) string { return filepath.Join(z.dir, name) }

func (z *zoo) do(err error) {
	if err != nil {
		z.errs = append(z.errs, err)
	}
}

func (z *zoo) file(name, content string) {
	z.do(os.MkdirAll(filepath.Dir(z.path(name)), 0o755))
	z.do(os.WriteFile(z.path(name), []byte(content), 0o644))
}

func (z *zoo) names() {
	z.do(os.MkdirAll(z.path("empty"), 0o755))
	for i, name := range OddNames() {
		z.file("names/"+name, "content of "+name)
		z.do(os.Chtimes(z.path("names/"+name), time.Now(), time.Unix(1500000000+int64(i), 123456789)))
		if i%3 == 0 {
			z.file("folders/"+name+"/inside", "x")
		}
	}
}

func (z *zoo) links() {
	z.file("hard/one", "linked")
	z.do(os.Link(z.path("hard/one"), z.path("hard/two")))
	z.do(os.MkdirAll(z.path("other"), 0o700))
	z.do(os.Link(z.path("hard/one"), z.path("other/three")))
	z.do(os.Symlink("nowhere/at\xffall", z.path("dangling")))
	z.do(os.Symlink("hard/one", z.path("symlink")))
	z.do(unix.Mkfifo(z.path("fifo"), 0o640))
	_ = unix.Setxattr(z.path("hard/one"), "user.note", []byte("a\x00b\xff"), 0) // tmpfs of old kernels has none
}

func (z *zoo) modes() {
	for name, mode := range map[string]uint32{"setuid": 0o4755, "setgid": 0o2755, "readonly": 0o400, "none": 0} {
		z.file("modes/"+name, name)
		z.do(unix.Chmod(z.path("modes/"+name), mode))
	}
	for name, mode := range map[string]uint32{"sticky": 0o1777, "group": 0o2770, "closed": 0o500} {
		z.do(os.MkdirAll(z.path("modes/"+name), 0o755))
		z.do(unix.Chmod(z.path("modes/"+name), mode))
	}
}

func (z *zoo) holes() {
	z.file("sparse", "")
	z.do(os.Truncate(z.path("sparse"), 64<<20))
	f, err := os.OpenFile(z.path("sparse"), os.O_WRONLY, 0)
	if err != nil {
		z.do(err)
		return
	}
	_, err = f.WriteAt([]byte("in the middle"), 40<<20)
	z.do(errors.Join(err, f.Close()))
}

func (z *zoo) rootsOwn() {
	for i, name := range []string{"names/plain", "hard/one", "modes/group", "symlink", "fifo"} {
		z.do(os.Lchown(z.path(name), 12340+i, 12350+i))
	}
	z.do(os.Chmod(z.path("modes/setuid"), 0o755|os.ModeSetuid))
	// What a container or a file system may not let even root have is left out.
	_ = unix.Mknod(z.path("device"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3)))
	_ = unix.Setxattr(z.path("names/plain"), "trusted.note", []byte("t"), 0)
	capability := []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	_ = unix.Setxattr(z.path("modes/readonly"), "security.capability", capability, 0)
	// An ACL as setfacl -m u:12345:rw makes it.
	acl := []byte{2, 0, 0, 0,
		1, 0, 6, 0, 0xff, 0xff, 0xff, 0xff,
		2, 0, 6, 0, 0x39, 0x30, 0, 0,
		4, 0, 4, 0, 0xff, 0xff, 0xff, 0xff,
		16, 0, 6, 0, 0xff, 0xff, 0xff, 0xff,
		32, 0, 4, 0, 0xff, 0xff, 0xff, 0xff}
	_ = unix.Setxattr(z.path("names/with space"), "system.posix_acl_access", acl, 0)
}
