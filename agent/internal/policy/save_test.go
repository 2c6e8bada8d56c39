package policy

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestSaveNew(t *testing.T) {
	file := filepath.Join(t.TempDir(), "agent.yaml")
	c := Default()
	c.ControllerURL = "https://h:5443"
	if err := c.Allow.AddRepository("/srv/backups/*"); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(file); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	got, err := Load(file)
	if err != nil || !reflect.DeepEqual(normalLists(got), normalLists(c)) {
		t.Errorf("read %+v, want %+v: %v", got, c, err)
	}
	text, err := os.ReadFile(file)
	if want := "controller_url: https://h:5443\nallow:\n  repositories:\n    - /srv/backups/*\n"; err != nil || string(text) != want {
		t.Errorf("wrote\n%s", text)
	}
}

func TestSaveKeepsTheOwnersText(t *testing.T) {
	file := filepath.Join(t.TempDir(), "agent.yaml")
	const before = `# how this host is backed up
allow:
  # ann said so
  repositories:
    - /srv/a # the old disk
    - "host:x"
  maintenance: false # ask ann first
borg: borg1.4
`
	const after = `# how this host is backed up
allow:
  # ann said so
  repositories:
    - /srv/a # the old disk
    - "host:x"
    - /srv/b
  maintenance: true # ask ann first
  sources:
    - /etc
borg: borg1.4
`
	if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Save(file); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(file); string(got) != before {
		t.Errorf("unchanged, it became\n%s", got)
	}
	if err := c.Allow.AddRepository("/srv/b"); err != nil {
		t.Fatal(err)
	}
	if err := c.Allow.AddSource("/etc"); err != nil {
		t.Fatal(err)
	}
	c.Allow.Maintenance = true
	if err := c.Save(file); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(file); string(got) != after {
		t.Errorf("it became\n%s", got)
	}
}

// An anchor makes one text stand for two values. Changing one would change the
// other, and with it what the controller may do.
func TestSaveNeverWritesSomethingElse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "agent.yaml")
	const text = "allow:\n  sources: &l [/srv]\n  repositories: *l\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	c.Allow.Sources = append(c.Allow.Sources, "/home")
	if err := c.Save(file); err != nil {
		if got, _ := os.ReadFile(file); string(got) != text || !strings.Contains(err.Error(), "by hand") {
			t.Errorf("%v, and the file is\n%s", err, got)
		}
		return
	}
	if got, err := Load(file); err != nil || !reflect.DeepEqual(normalLists(got), normalLists(c)) {
		t.Errorf("read %+v, want %+v: %v", got, c, err)
	}
}

func TestSaveRefusesWhatLoadWould(t *testing.T) {
	file := filepath.Join(t.TempDir(), "agent.yaml")
	c := Default()
	c.Allow.Repositories = []string{"relative"}
	if err := c.Save(file); err == nil {
		t.Error("an invalid configuration was written")
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file is there: %v", err)
	}
}

func TestSaveFollowsALink(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "agent.yaml")
	if err := os.WriteFile(filepath.Join(dir, "real.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real.yaml", link); err != nil {
		t.Fatal(err)
	}
	c := Default()
	c.MaxParallel = 3
	if err := c.Save(link); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v", err)
	}
	if got, err := Load(link); err != nil || got.MaxParallel != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}
