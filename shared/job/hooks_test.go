package job

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestHookNames(t *testing.T) {
	for _, good := range []string{"a", "pg-dump", "10_mount.sh", strings.Repeat("x", MostHookName)} {
		if err := CheckHookName(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", ".", "..", "../sh", "../../bin/sh", "/bin/sh", "a/b", "a/", "-x", "--rsh", ".hidden", "a b", "a\nb", "a\x00b",
		"ü", "a*", "$(id)", "a;b", "~", strings.Repeat("x", MostHookName+1), strings.Repeat("x", 300),
	} {
		if CheckHookName(bad) == nil {
			t.Errorf("%q is a hook's name", bad)
		}
	}
}

func TestHooksAt(t *testing.T) {
	h := Hooks{Before: []string{"b", "a"}, After: []string{"c"}, OnFailure: []string{"d"}, OnWarning: []string{"e"}, Always: []string{"a"}}
	var all []string
	for _, at := range HookTimes() {
		all = append(all, h.At(at)...)
	}
	if !slices.Equal(all, []string{"b", "a", "c", "e", "d", "a"}) || h.At("other") != nil {
		t.Error(all)
	}
	if names := h.Names(); !slices.Equal(names, []string{"a", "b", "c", "d", "e"}) {
		t.Error(names)
	}
}

// FuzzHookName: what passes for a hook's name is one component of a path, and
// nothing that a shell or a program takes for more.
func FuzzHookName(f *testing.F) {
	for _, s := range []string{"pg-dump", "../sh", "-x", "a/b", "a\x00", ".", "é", "a b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckHookName(name) != nil {
			return
		}
		if path := filepath.Join("/hooks", name); filepath.Dir(path) != "/hooks" || filepath.Base(path) != name || name == ".." {
			t.Errorf("%q leads to %s", name, path)
		}
		if strings.ContainsAny(name, " \t\n\x00/\\'\"$`;&|<>*?[]{}()~#!=") || name[0] == '-' || len(name) > 64 {
			t.Errorf("%q is a name", name)
		}
	})
}
