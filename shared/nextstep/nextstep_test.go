package nextstep

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// codes are the values of the constants Code… in file.
func codes(t *testing.T, file string) (all []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		value, ok := n.(*ast.ValueSpec)
		if !ok || len(value.Values) != 1 || !strings.HasPrefix(value.Names[0].Name, "Code") {
			return true
		}
		if lit, ok := value.Values[0].(*ast.BasicLit); ok {
			code, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, code)
		}
		return true
	})
	return all
}

// inTable are the codes that the table has.
func inTable(t *testing.T) map[string]bool {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "table.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if c, ok := n.(*ast.CaseClause); ok {
			for _, e := range c.List {
				code, err := strconv.Unquote(e.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				all[code] = true
			}
		}
		return true
	})
	return all
}

// TestEveryCodeIsKnown holds the table to the two lists of codes that a job may
// end with: each is in it, and it has no other.
func TestEveryCodeIsKnown(t *testing.T) {
	table := inTable(t)
	n := 0
	for _, file := range []string{filepath.Join("..", "job", "verdict.go"), filepath.Join("..", "..", "agent", "internal", "borg", "error.go")} {
		for _, code := range codes(t, file) {
			n++
			if !Known(code) {
				t.Errorf("%s: nothing says what to do about %q", file, code)
			}
			delete(table, code)
		}
	}
	if n < 50 {
		t.Fatalf("only %d codes were found", n)
	}
	for code := range table {
		t.Errorf("%q is in the table, and no job ends with it", code)
	}
}

func TestOf(t *testing.T) {
	for _, c := range []struct {
		code  string
		about About
		want  string
	}{
		{"passphrase_wrong", About{Repository: "web home"}, "give the right one: borgfleet-controller repositories update 'web home' --passphrase-file FILE; if the host has it, correct the file that its agent.yaml names"},
		{"passphrase_missing", About{Repository: "3"}, "give it: borgfleet-controller repositories update 3 --passphrase-file FILE; or on the host: borgfleet-agent adopt, with the repository's location and --passphrase-file FILE"},
		{"lost", About{Agent: "web1", Repository: "REPOSITORY"}, "see whether the host is back (borgfleet-controller agents show web1), then order the job again"},
		{"hook_failed", About{}, "the log has what the hook said: borgfleet-controller jobs logs JOB. Mend it on the host, then order the job again"},
		{"nothing_restored", About{Job: "17", Agent: "JOB"}, "the log says why of each file: borgfleet-controller jobs logs 17"},
		{"host_key_unknown", About{}, ""}, // its message has the command
		{"from_a_newer_agent", About{}, ""},
		{"", About{}, ""},
	} {
		if got := Of(c.code, c.about); got != c.want {
			t.Errorf("%s: %q, want %q", c.code, got, c.want)
		}
	}
	for _, code := range []string{"", "from_a_newer_agent"} {
		if Known(code) {
			t.Errorf("%q is known", code)
		}
	}
}
