package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// witness keeps what borg does on one host, by borg's own account: each
// execution, each line that it wrote to stderr, and its exit status. It lives
// in borg's process, so that process and signals are those of any borg.
type witness struct {
	dir   string
	repos []string // borg repositories, where each borg can write
}

const witnessing = `import io, os, sys
here = %q
args = getattr(sys, "orig_argv", [])
def note(name, data):
    fd = os.open(os.path.join(here, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, data)
    os.close(fd)
def held():
    for fd in os.listdir("/proc/self/fd"):
        try:
            to = os.readlink("/proc/self/fd/" + fd)
        except OSError:
            continue
        if to.endswith("/borg.lock"):
            return os.path.basename(os.path.dirname(to))
key = held()
def ran(what):
    try:
        note("ran", b"%%s %%s\n" %% (key.encode(), what.encode()))
    except OSError:
        place = [a for a in args if "::" in a][0].split("::")[0]
        note(os.path.join(place, "ran"), b"%%s %%s\n" %% (key.encode(), what.encode()))
if key:
    ran(([a for a in args if a in ("create", "init", "list", "extract")] + ["other"])[0])
    class Ear(io.BufferedIOBase):
        def __init__(self, to):
            self.to = to
        def writable(self):
            return True
        def fileno(self):
            return self.to.fileno()
        def write(self, data):
            if b'"msgid": "LockTimeout"' in bytes(data):
                ran("locked-out")
            n = self.to.write(data)
            self.to.flush()
            return n
        def flush(self):
            self.to.flush()
    sys.stderr = io.TextIOWrapper(Ear(sys.stderr.buffer), line_buffering=True)
if "create" in args:
    import time
    archive = [a for a in args if "::" in a][0].split("::")[1]
    note("executed", archive.encode() + b"\n")
    while os.path.exists(os.path.join(here, "hold")):
        time.sleep(0.01)
    class Heard(io.BufferedIOBase):
        def __init__(self, to):
            self.to = to
        def writable(self):
            return True
        def fileno(self):
            return self.to.fileno()
        def write(self, data):
            note(archive + ".ahead", bytes(data))
            n = self.to.write(data)
            self.to.flush()
            note(archive + ".stderr", bytes(data))
            return n
        def flush(self):
            self.to.flush()
    sys.stderr = io.TextIOWrapper(Heard(sys.stderr.buffer), line_buffering=True)
    leave = sys.exit
    def exit(code=None):
        note(archive + ".exit", b"%%d\n" %% (code or 0))
        leave(code)
    sys.exit = exit
`

// newWitness makes a program named borg that becomes the real one, and gives
// the environment by which an agent finds it. repos are the borg repositories.
func newWitness(dir string, repos []string) (witness, []string, error) {
	real, err := exec.LookPath("borg")
	if err != nil {
		return witness{}, nil, errors.New("borg is not installed; make faults installs it")
	}
	w := witness{dir: filepath.Join(dir, "seen"), repos: repos}
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return w, nil, err
	}
	program := fmt.Sprintf("#!/bin/sh\nexport PYTHONPATH=%q\nexec %q \"$@\"\n", dir, real)
	if err := os.WriteFile(filepath.Join(dir, "borg"), []byte(program), 0o755); err != nil {
		return w, nil, err
	}
	err = os.WriteFile(filepath.Join(dir, "sitecustomize.py"), fmt.Appendf(nil, witnessing, w.dir), 0o644)
	return w, []string{"PATH=" + dir + ":" + os.Getenv("PATH")}, err
}

// hold makes every backup wait before it touches the repository, until release.
func (w witness) hold() error { return os.WriteFile(filepath.Join(w.dir, "hold"), nil, 0o600) }

func (w witness) release() error {
	err := os.Remove(filepath.Join(w.dir, "hold"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// executions says how often borg was executed for each archive.
func (w witness) executions() (map[string]int, error) {
	data, err := os.ReadFile(filepath.Join(w.dir, "executed"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	out := map[string]int{}
	for _, name := range strings.Fields(string(data)) {
		out[name]++
	}
	return out, nil
}

// exit is borg's exit status, if it came to that.
func (w witness) exit(archive string) (code int, ok bool) {
	data, err := os.ReadFile(filepath.Join(w.dir, archive+".exit"))
	if err != nil {
		return 0, false
	}
	code, err = strconv.Atoi(strings.TrimSpace(string(data)))
	return code, err == nil
}

// lockedOut says whether borg waited for the repository's lock in vain.
func (w witness) lockedOut(archive string) bool {
	data, err := os.ReadFile(filepath.Join(w.dir, archive+".stderr"))
	return err == nil && bytes.Contains(data, []byte(`"msgid": "LockTimeout"`))
}

// files are the lines about files in one account of what borg wrote, in its
// order, as a log shows them.
func (w witness) files(account string) (out []string, err error) {
	data, err := os.ReadFile(filepath.Join(w.dir, account))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for line := range bytes.Lines(data) {
		var m struct{ Type, Status, Path string }
		if !bytes.HasPrefix(line, []byte(`{"type": "file_status"`)) || json.Unmarshal(line, &m) != nil {
			continue // a line that borg was killed in is none
		}
		out = append(out, m.Status+" "+m.Path)
	}
	return out, nil
}
