package main

import (
	"bytes"
	"debug/buildinfo"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNotices: every module in the program is named with its licence, and so is
// Go's own library.
func TestNotices(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "agent")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", program, "borgfleet/agent").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var out bytes.Buffer
	if err := run([]string{program}, &out); err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Deps) == 0 {
		t.Fatal("the program says that no module is in it")
	}
	text := out.String()
	for _, m := range info.Deps {
		if !strings.Contains(text, rule+"\n"+m.Path+" "+m.Version+"\n\n---- ") {
			t.Errorf("%s %s is not there", m.Path, m.Version)
		}
	}
	for _, want := range []string{rule + "\n" + golang + " " + info.GoVersion + "\n\n---- LICENSE\n", "The Go Authors", "---- PATENTS"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q", want)
		}
	}
	if strings.Contains(text, info.Main.Path+" "+info.Main.Version) {
		t.Error("what is ours is among what is others'")
	}
}

// TestFiles: what lies above a linked package counts, what lies elsewhere does not,
// and a module without a licence is refused.
func TestFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, file := range []string{"LICENSE.md", "license.go", "README", "taken/COPYING", "taken/NOTICE.txt", "taken/in/x.go", "other/LICENSE"} {
		path := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("text\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		root, dir, want string
	}{
		{root, root, "LICENSE.md"},
		{root, filepath.Join(root, "taken", "in"), "LICENSE.md taken/COPYING taken/NOTICE.txt"},
		{filepath.Join(root, "taken", "in"), filepath.Join(root, "taken", "in"), "it has none"},
		{filepath.Join(root, "taken"), root, "is not below"},
	} {
		p := &part{root: c.root, packages: map[string]struct{}{c.dir: {}}}
		files, err := p.files()
		got := strings.Join(files, " ")
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s of %s: got %q, want %q", c.dir, c.root, got, c.want)
		}
	}
}
