package main

import (
	"go/parser"
	"go/token"
	"testing"
)

// TestVariantsFit: an edit that no longer fits the code would try the real
// programs, and show nothing. That they compile is for make broken to see.
func TestVariantsFit(t *testing.T) {
	names := map[string]bool{}
	for _, v := range variants() {
		if names[v.name] || v.what == "" || len(v.only) == 0 || len(v.edits) == 0 {
			t.Errorf("variant %q is not whole, or there are two", v.name)
		}
		names[v.name] = true
		sources, err := v.sources("../..")
		if err != nil {
			t.Error(err)
		}
		for file, text := range sources {
			if _, err := parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution); err != nil {
				t.Errorf("variant %s: %v", v.name, err)
			}
		}
	}
}

func TestRead(t *testing.T) {
	const said = `seed 1: kept every promise; kill-job; 7 jobs
seed 3: BROKEN; kill-job a at 1s; everything is in /tmp/x
    job 4 is failed, its archive is there
    job 5 is failed
seed 2: kept every promise; 7 jobs

3 runs in 9s, 1 broken: seeds [3]
`
	runs, first := read(said)
	if runs != 3 || first != "job 4 is failed, its archive is there" {
		t.Errorf("%d runs, %q", runs, first)
	}
}
