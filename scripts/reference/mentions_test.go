package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"borgfleet/shared/term/cmdline"
)

// A program's name, and what a person would type behind it: up to the end of the
// command, as texts and documents mark it.
var mention = regexp.MustCompile("(borgfleet-(?:agent|controller))((?: +\\\\?\\n? *[^\\s;|`\"()]+)*)")

// notTheProgram: before it stands what makes it a path, a service or an image.
var notTheProgram = regexp.MustCompile(`([/@\w]|-[ut] )$`)

// prose are words that follow a program's name in a sentence, not on a command
// line.
var prose = []string{"is", "of", "as", "at", "are", "has", "does", "can", "on", "in", "and", "or", "runs", "gives", "serves", "makes", "with", "to", "container"}

// lookAtMentions: who is told to run a command can run it. Looked at
// are the texts of the programs and the documents.
func lookAtMentions(t *testing.T, programs []string) {
	refs := map[string]cmdline.Reference{}
	for _, p := range programs {
		ref, err := ask(p)
		if err != nil {
			t.Fatal(err)
		}
		refs[ref.Name] = ref
	}
	found := 0
	for _, text := range texts(t, filepath.Join("..", "..")) {
		for _, m := range mention.FindAllStringSubmatchIndex(text.text, -1) {
			program, rest := text.text[m[2]:m[3]], text.text[m[4]:m[5]]
			if notTheProgram.MatchString(text.text[:m[0]]) {
				continue
			}
			found++
			if wrong := check(refs[program], strings.Fields(strings.ReplaceAll(rest, "\\\n", " "))); wrong != "" {
				t.Errorf("%s: %q: %s", text.at, program+rest, wrong)
			}
		}
	}
	if found < 300 {
		t.Fatalf("only %d commands are mentioned: this test looks in the wrong place", found)
	}
}

// check says what is wrong with a command; empty: nothing.
func check(ref cmdline.Reference, words []string) string {
	all := ref.Commands
	var last *cmdline.CommandHelp
	for _, word := range words {
		bare := strings.TrimRight(word, ".,:*?!'")
		bare, _, formatted := strings.Cut(bare, "%")
		switch {
		case word == "--", formatted && bare == "":
			return ""
		case strings.HasPrefix(word, "--") || len(word) == 2 && word[0] == '-':
			name, _, _ := strings.Cut(bare, "=")
			if name == "--help" || name == "--version" {
				return ""
			}
			if last == nil {
				return "an option stands before the command"
			}
			if !takes(*last, name) {
				return fmt.Sprintf("%s has no option %s", last.Name, name)
			}
		case last == nil || len(last.Commands) > 0:
			at := slices.IndexFunc(all, func(c cmdline.CommandHelp) bool { return c.Name == bare })
			switch {
			case at >= 0:
				last, all = &all[at], all[at].Commands
			case bare == "help" || bare == "completion" || strings.ToUpper(bare) == bare || strings.ContainsAny(bare, "<{…$"):
				return ""
			case slices.Contains(prose, bare):
				return "" // the sentence goes on
			default:
				return fmt.Sprintf("there is no command %q", bare)
			}
		}
		if word != bare && !formatted && !strings.HasSuffix(word, "'") {
			return "" // the sentence, or the command's own options, go on
		}
	}
	return ""
}

// takes says whether c, or a command below it, has an option.
func takes(c cmdline.CommandHelp, name string) bool {
	for _, o := range c.Options {
		if slices.Contains(o.Names, name) {
			return true
		}
	}
	return slices.ContainsFunc(c.Commands, func(below cmdline.CommandHelp) bool { return takes(below, name) })
}

type located struct{ at, text string }

// texts are the strings of what ships, and the documents.
func texts(t *testing.T, root string) (out []located) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		top, _, _ := strings.Cut(rel, string(filepath.Separator))
		switch {
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && rel != ".":
			return filepath.SkipDir
		case d.IsDir():
			return nil
		case filepath.Ext(path) == ".md" && !strings.Contains(rel, "cli-reference"):
			data, err := os.ReadFile(path)
			out = append(out, located{rel, string(data)})
			return err
		case filepath.Ext(path) == ".go" && !strings.HasSuffix(path, "_test.go") && slices.Contains([]string{"agent", "controller", "shared", "certs"}, top):
			found, err := literals(path)
			out = append(out, found...)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func literals(path string) (out []located, err error) {
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, unquoteErr := strconv.Unquote(lit.Value); unquoteErr == nil {
				out = append(out, located{files.Position(lit.Pos()).String(), text})
			}
		}
		return true
	})
	return out, nil
}
