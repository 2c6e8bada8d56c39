package hook

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/hook/hooktest"
)

func newDir(t *testing.T) Dir {
	t.Helper()
	return Dir{Path: hooktest.Dir(t), UID: os.Geteuid()}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpen(t *testing.T) {
	d := newDir(t)
	hooktest.Write(t, d.Path, "good", "#!/bin/sh\n")
	f, err := d.Open("good")
	must(t, err)
	defer f.Close()
	if b, _ := io.ReadAll(f); string(b) != "#!/bin/sh\n" {
		t.Errorf("%q", b)
	}
	if fds := openFiles(t); fds != openFiles(t) {
		t.Error(fds)
	}
}

// TestHostileHooks: what is named, and what is there, in every way that could
// have the agent execute something that its owner did not put there.
func TestHostileHooks(t *testing.T) {
	d := newDir(t)
	at := func(name string) string { return filepath.Join(d.Path, name) }
	good := func(name string) { hooktest.Write(t, d.Path, name, "#!/bin/sh\n") }
	mode := func(name string, m uint32) { good(name); must(t, unix.Chmod(at(name), m)) }
	good("good")
	must(t, os.Symlink("good", at("link")))
	must(t, os.Symlink("/bin/sh", at("out")))
	must(t, os.Symlink("none", at("dangling")))
	must(t, os.Mkdir(at("dir"), 0o700))
	must(t, unix.Mkfifo(at("pipe"), 0o700))
	mode("closed", 0o600)
	mode("group", 0o720)
	mode("world", 0o702)
	mode("setuid", 0o4700)
	mode("setgid", 0o2700)
	want := map[string]string{
		"": "is empty", ".": "begin with a", "..": "begin with", "../../bin/sh": "begin with", "/bin/sh": "base name", "dir/x": "base name",
		"good/": "base name", "./good": "begin with", "-good": "begin with", "go\x00od": "base name", "good\n": "base name",
		strings.Repeat("x", 256): "at most 64", strings.Repeat("../", 100_000): "at most 64",
		"none": "there is no", "link": "symbolic link", "out": "symbolic link", "dangling": "symbolic link",
		"dir": "no regular file", "pipe": "no regular file", "closed": "chmod +x",
		"group": "written by others", "world": "anything: chmod go-w " + at("world"), "setuid": "setuid", "setgid": "setuid",
	}
	if os.Geteuid() == 0 {
		good("owned")
		must(t, os.Chown(at("owned"), 65534, -1))
		want["owned"] = "belongs to another account (65534)"
		must(t, unix.Mknod(at("device"), unix.S_IFCHR|0o700, int(unix.Mkdev(1, 3))))
		want["device"] = "no regular file"
	}
	before := openFiles(t)
	for name, says := range want {
		f, err := d.Open(name)
		if err == nil || !strings.Contains(err.Error(), says) || len(err.Error()) > 600 {
			t.Errorf("%.40q: %.600v", name, err)
		}
		if err == nil {
			f.Close()
		}
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// TestHostileWays: the same of the directories on the way.
func TestHostileWays(t *testing.T) {
	top := hooktest.Dir(t)
	make := func(name string, change func(dir string)) Dir {
		dir := filepath.Join(top, name, "hooks")
		must(t, os.MkdirAll(dir, 0o755))
		hooktest.Write(t, dir, "h", "#!/bin/sh\n")
		change(filepath.Join(top, name))
		return Dir{Path: dir, UID: os.Geteuid()}
	}
	chmod := func(m uint32) func(string) { return func(dir string) { must(t, unix.Chmod(dir, m)) } }
	ways := map[string]Dir{
		"written by others (mode 0775)": make("group", chmod(0o775)),
		"written by others (mode 0757)": make("world", chmod(0o757)),
		"written by others (mode 1777)": make("sticky", chmod(0o1777)),
		"symbolic link": make("link", func(dir string) {
			must(t, os.Rename(dir, dir+"-real"))
			must(t, os.Symlink(dir+"-real", dir))
		}),
		"is no directory": make("file", func(dir string) {
			must(t, os.RemoveAll(dir))
			must(t, os.WriteFile(dir, nil, 0o755))
		}),
		"there is no":          {Path: filepath.Join(top, "none"), UID: os.Geteuid()},
		"not an absolute path": {Path: "hooks", UID: os.Geteuid()},
	}
	ways["written by others (mode 0733)"] = make("itself", func(dir string) { must(t, unix.Chmod(filepath.Join(dir, "hooks"), 0o733)) })
	if os.Geteuid() == 0 {
		ways["belongs to another account (65534)"] = make("other", func(dir string) { must(t, os.Chown(dir, 65534, -1)) })
	}
	for says, d := range ways {
		f, err := d.Open("h")
		if err == nil {
			f.Close()
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", d.Path, err)
			continue
		}
		// What is above is not for hooks alone, and is not to be changed.
		if mends := strings.Contains(err.Error(), ": ch"); mends != (says == "written by others (mode 0733)") || mends && !strings.Contains(err.Error(), ": chmod go-w "+d.Path+",") {
			t.Errorf("%s: %v", d.Path, err)
		}
	}
	shared := make("shared", func(dir string) { must(t, unix.Chmod(filepath.Join(dir, "hooks"), 0o1777)) })
	if _, err := shared.Open("h"); err == nil || strings.Contains(err.Error(), "chmod") || !strings.Contains(err.Error(), "hooks.directory in agent.yaml") {
		t.Error(err)
	}
	fine := make("fine", func(string) {})
	if f, err := fine.Open("h"); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
	fine.Path += "/../hooks/." // as it is cleaned
	if f, err := fine.Open("h"); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
}

// TestOwnAccount: what the agent's account owns is good for that account alone.
func TestOwnAccount(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it takes root to give files away")
	}
	d := newDir(t)
	hooktest.Write(t, d.Path, "h", "#!/bin/sh\n")
	must(t, os.Chown(filepath.Join(d.Path, "h"), 65534, -1))
	d.UID = 65534
	f, err := d.Open("h")
	must(t, err)
	f.Close()
	d.UID = 65533
	if f, err := d.Open("h"); err == nil {
		f.Close()
		t.Error("a hook of another account was opened")
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(all)
}
