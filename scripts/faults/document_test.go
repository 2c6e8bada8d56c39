package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestProofsAreThere: RELIABILITY.md and SECURITY.md name what shows each promise.
// A test that was renamed away would leave a claim without a proof.
func TestProofsAreThere(t *testing.T) {
	there := testNames(t, "../..")
	for _, doc := range []string{"RELIABILITY.md", "SECURITY.md"} {
		text, err := os.ReadFile("../../" + doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w+`).FindAllString(string(text), -1) {
			if !there[name] {
				t.Errorf("%s names %s, and there is no such test", doc, name)
			}
		}
	}
}

// TestTheDocumentIsTrue: RELIABILITY.md names every kind of fault, and no other.
func TestTheDocumentIsTrue(t *testing.T) {
	doc, err := os.ReadFile("../../RELIABILITY.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, list := range regexp.MustCompile(`harness \[([^\]]+)\]`).FindAllStringSubmatch(string(doc), -1) {
		for kind := range strings.SplitSeq(list[1], ", ") {
			found := false
			for _, k := range kinds() {
				if begin, ok := strings.CutSuffix(kind, "…"); k.name == kind || ok && strings.HasPrefix(k.name, begin) {
					found, named[k.name] = true, true
				}
			}
			if !found {
				t.Errorf("RELIABILITY.md names the fault %s, and the harness has none", kind)
			}
		}
	}
	for _, k := range kinds() {
		if !named[k.name] {
			t.Errorf("RELIABILITY.md says nothing of the fault %s", k.name)
		}
	}
}

func testNames(t *testing.T, root string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(b, -1) {
			names[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
