package confine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// place is a directory to confine to, beside what must not change.
type place struct {
	t    *testing.T
	root string
	into *os.File
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, root: t.TempDir()}
	for _, dir := range []string{"into", "also", "outside/dir"} {
		must(t, os.MkdirAll(filepath.Join(p.root, dir), 0o755))
	}
	must(t, os.WriteFile(filepath.Join(p.root, "outside/file"), []byte("as it was"), 0o644))
	var err error
	p.into, err = os.Open(filepath.Join(p.root, "into"))
	must(t, err)
	t.Cleanup(func() { p.into.Close() })
	return p
}

func (p *place) bounds() Bounds {
	return Bounds{Into: p.into, Path: p.into.Name(), Also: []string{filepath.Join(p.root, "also")}}
}

// sh runs a line of shell, confined.
func (p *place) sh(level Level, line string) (string, error) {
	p.t.Helper()
	return p.shWith(level, line, p.bounds().landlock)
}

func (p *place) shWith(level Level, line string, landlock func() error) (string, error) {
	p.t.Helper()
	var out strings.Builder
	cmd := exec.Command("/bin/sh", "-c", line)
	cmd.Stdout, cmd.Stderr = &out, &out
	must(p.t, Confined{p.bounds(), level}.start(cmd, landlock))
	err := cmd.Wait()
	return out.String(), err
}

// reached skips what this host cannot do.
func (p *place) reached(level Level) {
	p.t.Helper()
	if got, why := p.bounds().Reach(); got < level {
		p.t.Skipf("level %d is out of reach here: %v", level, why)
	}
}

func TestInside(t *testing.T) {
	for _, level := range []Level{None, Writes, All} {
		p := newPlace(t)
		p.reached(level)
		out, err := p.sh(level, `set -e
			echo x >file; mkdir -p a b; ln file a/link; ln -s file b/soft; mv a/link b/link; chmod 600 b/link
			mkfifo fifo; : >file; rm file fifo; rmdir a; echo y >../also/file; echo z >/dev/null; pwd`)
		if err != nil || out != p.into.Name()+"\n" {
			t.Errorf("level %d: %v\n%s", level, err, out)
		}
		if b, _ := os.ReadFile(filepath.Join(p.root, "also/file")); string(b) != "y\n" {
			t.Errorf("level %d: also/file is %q", level, b)
		}
	}
}

func TestOutside(t *testing.T) {
	writes := []string{
		"echo x >../outside/file", "echo x >../outside/new", "mkdir ../outside/new", "rm ../outside/file",
		"rmdir ../outside/dir", "mv ../outside/file .", "ln -s x ../outside/new", "mkfifo ../outside/new",
		"ln -s ../outside out; echo x >out/new", "echo x >../new",
	}
	attributes := []string{
		"chmod 777 ../outside/dir", "chmod 600 ../outside/file", "touch -d @0 ../outside/file", "chgrp 1 ../outside/dir",
	}
	for level, lines := range map[Level][]string{Writes: writes, All: append(attributes, writes...)} {
		for _, line := range lines {
			p := newPlace(t)
			p.reached(level)
			before := p.outside()
			if _, err := p.sh(level, line); err == nil {
				t.Errorf("level %d: %s went well", level, line)
			}
			if after := p.outside(); after != before {
				t.Errorf("level %d: %s changed\n%s to\n%s", level, line, before, after)
			}
		}
	}
}

// TestThroughProcesses: another process's root is no way out, with Landlock and on
// a kernel without it.
func TestThroughProcesses(t *testing.T) {
	p := newPlace(t)
	p.reached(All)
	other := exec.Command("/bin/sleep", "1000")
	must(t, other.Start())
	t.Cleanup(func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	})
	before := p.outside()
	outside := fmt.Sprintf("/proc/%d/root%s/outside", other.Process.Pid, p.root)
	for name, landlock := range map[string]func() error{
		"with Landlock":    p.bounds().landlock,
		"without Landlock": func() error { return errors.New("this kernel has none") },
	} {
		for _, line := range []string{"echo x >%s/file", "chmod 777 %s/dir", "mkdir %s/new"} {
			if out, err := p.shWith(All, fmt.Sprintf(line, outside), landlock); err == nil {
				t.Errorf("%s: %s went well: %s", name, line, out)
			}
		}
		if out, err := p.shWith(All, "echo x >file; pwd; cat ../outside/file", landlock); err != nil || out != p.into.Name()+"\nas it was" {
			t.Errorf("%s: %v, %q", name, err, out)
		}
	}
	if after := p.outside(); after != before {
		t.Errorf("changed\n%s to\n%s", before, after)
	}
}

// outside tells all of what must not change.
func (p *place) outside() string {
	p.t.Helper()
	out, err := exec.Command("find", p.root, "-path", p.root+"/into/*", "-prune", "-o", "-path", p.root+"/into", "-o", "-printf", "%P %m %u %g %T@ %s\n").Output()
	must(p.t, err)
	return string(out)
}

// TestOthersAreFree: neither this process nor what it starts otherwise is
// confined by it.
func TestOthersAreFree(t *testing.T) {
	p := newPlace(t)
	p.reached(Writes)
	for range 20 {
		if out, err := p.sh(Writes, "true"); err != nil {
			t.Fatal(err, out)
		}
		must(t, os.WriteFile(filepath.Join(p.root, "outside/file"), nil, 0o644))
		must(t, exec.Command("/bin/sh", "-c", "echo x >"+filepath.Join(p.root, "outside/file")).Run())
	}
}

// TestMoved: what has come into its place is not what was opened.
func TestMoved(t *testing.T) {
	p := newPlace(t)
	p.reached(All)
	must(t, os.Rename(p.into.Name(), filepath.Join(p.root, "moved")))
	for name, replace := range map[string]func() error{
		"a link":    func() error { return os.Symlink("outside", p.into.Name()) },
		"directory": func() error { return os.Mkdir(p.into.Name(), 0o700) },
		"nothing":   func() error { return nil },
	} {
		must(t, replace())
		cmd := exec.Command("/bin/sh", "-c", "echo x >file")
		if err := (Confined{p.bounds(), All}).Start(cmd); err == nil {
			t.Errorf("%s: started", name)
			_ = cmd.Wait()
		}
		must(t, os.RemoveAll(p.into.Name()))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
