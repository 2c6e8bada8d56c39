package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/shared/term/cmdline"
)

// TestReferenceIsTheProgram: what docs/cli-reference says is what the programs
// say of themselves.
func TestReferenceIsTheProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var programs []string
	for _, name := range []string{"controller", "agent"} {
		program := filepath.Join(dir, name)
		if out, err := exec.Command("go", "build", "-o", program, "../../"+name).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		programs = append(programs, program)
	}
	if err := run(append([]string{"-check", "-markdown", "../../docs/cli-reference"}, programs...), os.Stderr); err != nil {
		t.Error(err)
	}
	// Another reference is noticed.
	wrong := t.TempDir()
	if err := run(append([]string{"-markdown", wrong}, programs...), os.Stderr); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(wrong, "borgfleet-agent.md"), []byte("# other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(append([]string{"-check", "-markdown", wrong}, programs...), os.Stderr); err == nil || !strings.Contains(err.Error(), "run make reference") {
		t.Errorf("got %v", err)
	}
	lookAtPages(t, programs)
	lookAtMentions(t, programs)
}

// lookAtPages has man itself read the pages, and complain.
func lookAtPages(t *testing.T, programs []string) {
	man := t.TempDir()
	if err := run(append([]string{"-man", man, "-version", "1.2.3", "-date", "2026-11-26"}, programs...), os.Stderr); err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(man, "*.1"))
	if err != nil || len(pages) != len(programs) {
		t.Fatalf("%v %v", pages, err)
	}
	for _, page := range pages {
		if _, err := exec.LookPath("man"); err != nil {
			t.Skip(err)
		}
		cmd := exec.Command("man", "--warnings", "-l", page)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=80", "MANPAGER=cat")
		var complaints strings.Builder
		cmd.Stderr = &complaints
		out, err := cmd.Output()
		if err != nil || complaints.String() != "" {
			t.Errorf("%s: %v: %s", filepath.Base(page), err, complaints.String())
		}
		if !strings.Contains(string(out), "EXIT STATUS") || !strings.Contains(string(out), "completion SHELL") {
			t.Errorf("%s reads\n%s", filepath.Base(page), out)
		}
	}
}

// sample has what must not mean anything to a formatter.
func sample() cmdline.Reference {
	return cmdline.Reference{
		Name: "prog", Usage: "is tested", About: ".hidden 'words' of a-b\\n\n\n  prog do 'x' > f\n  .prog y\n\nThe <end> of [a_b].",
		Commands: []cmdline.CommandHelp{{Name: "jobs", Usage: "many", Commands: []cmdline.CommandHelp{{
			Name: "list", Usage: "show a | b", Arguments: "ID",
			Options: []cmdline.OptionHelp{{Names: []string{"--name", "-n"}, Value: "NAME", Many: true, Usage: "a NAME with *", Default: "x", Env: "BORGFLEET_NAME"}},
		}}}},
		Exit: []cmdline.ExitHelp{{Status: 2, Means: "it was wrong"}},
	}
}

func TestManPage(t *testing.T) {
	got := manPage(sample(), "1.2.3", "2026-11-26")
	for _, want := range []string{
		".TH PROG 1 \"2026\\-11\\-26\" \"borgfleet 1.2.3\" \"borgfleet\"\n", ".PP\n\\&.hidden \\(aqwords\\(aq of a\\-b\\en\n",
		".nf\nprog do \\(aqx\\(aq > f\n\\&.prog y\n.fi\n", ".SS \"jobs list\"\n", ".B prog jobs list [OPTIONS] ID\n",
		".TP\n.B \\-\\-name, \\-n NAME ...\na NAME with * (default: x) [$BORGFLEET_NAME]\n", ".B prog jobs COMMAND\n", ".TP\n.B 2\nit was wrong\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestMarkdownPage(t *testing.T) {
	got := markdownPage(sample())
	for _, want := range []string{
		"# prog\n\nIs tested.\n", "```\nprog do 'x' > f\n.prog y\n```\n\nThe \\<end> of \\[a\\_b\\].\n", "| [jobs list](#jobs-list) | show a \\| b |\n",
		"## jobs list\n\nShow a | b.\n\n```\nprog jobs list [OPTIONS] ID\n```\n", "- `--name, -n NAME ...`: a NAME with \\* (default: `x`) `BORGFLEET_NAME`\n", "- `2`: it was wrong\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
