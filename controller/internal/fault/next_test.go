package fault

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"borgfleet/shared/nextstep"
)

// made is a place in the source that makes an Error.
type made struct {
	at     token.Position
	code   ast.Expr
	format string // what its message is made of, as it stands in the source
	step   bool   // it says itself what to do
}

// source is the controller's code, and the constants of all of it.
type source struct {
	files  *token.FileSet
	consts map[string]string
	made   []made
	things []string // the names that pathID makes codes of
}

// readSource finds every place that makes an Error.
func readSource(t *testing.T) source {
	t.Helper()
	s := source{files: token.NewFileSet(), consts: map[string]string{}}
	var controller []*ast.File
	root := filepath.Join("..", "..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(s.files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		s.readConsts(f)
		if rel, _ := filepath.Rel(root, path); strings.HasPrefix(rel, "controller"+string(filepath.Separator)) {
			controller = append(controller, f)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range controller {
		ast.Inspect(f, s.look)
	}
	return s
}

// readConsts reads those in functions, too.
func (s *source) readConsts(f *ast.File) {
	ast.Inspect(f, func(n ast.Node) bool {
		decl, ok := n.(*ast.GenDecl)
		if !ok || decl.Tok != token.CONST {
			return true
		}
		for _, spec := range decl.Specs {
			value := spec.(*ast.ValueSpec)
			for i, name := range value.Names {
				if i < len(value.Values) {
					if text, ok := literal(value.Values[i]); ok {
						s.consts[name.Name] = text
					}
				}
			}
		}
		return true
	})
}

// look takes down what n makes.
func (s *source) look(n ast.Node) bool {
	if lit, ok := n.(*ast.CompositeLit); ok {
		s.lookAtLiteral(lit)
	}
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return true
	}
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		if fun.Name == "pathID" && len(call.Args) == 3 {
			if thing, ok := literal(call.Args[2]); ok {
				s.things = append(s.things, thing)
			}
		}
	case *ast.SelectorExpr:
		from, ok := fun.X.(*ast.Ident)
		if !ok || from.Name != "fault" {
			return true
		}
		code := map[string]int{"New": 1, "Wrap": 2}[fun.Sel.Name]
		if code == 0 {
			return true
		}
		m := made{at: s.files.Position(call.Pos()), code: call.Args[code]}
		for _, arg := range call.Args[code+1:] {
			m.format += s.text(arg) + " "
		}
		s.made = append(s.made, m)
	}
	return true
}

// lookAtLiteral takes down a fault.Error{…}.
func (s *source) lookAtLiteral(lit *ast.CompositeLit) {
	kind, ok := lit.Type.(*ast.SelectorExpr)
	if !ok || kind.Sel.Name != "Error" {
		return
	}
	if from, ok := kind.X.(*ast.Ident); !ok || from.Name != "fault" {
		return
	}
	m := made{at: s.files.Position(lit.Pos())}
	for _, e := range lit.Elts {
		field := e.(*ast.KeyValueExpr)
		switch field.Key.(*ast.Ident).Name {
		case "Code":
			m.code = field.Value
		case "Message":
			m.format = s.text(field.Value)
		case "Step":
			m.step = true
		}
	}
	s.made = append(s.made, m)
}

// text is what is known of an expression's text before the program runs.
func (s *source) text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, _ := literal(e)
		return text
	case *ast.BinaryExpr:
		return s.text(e.X) + s.text(e.Y)
	case *ast.CallExpr: // of fmt.Sprintf
		if len(e.Args) > 0 {
			return s.text(e.Args[0])
		}
	case *ast.Ident:
		return s.consts[e.Name]
	case *ast.SelectorExpr:
		return s.consts[e.Sel.Name]
	}
	return ""
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// elsewhere are the codes that are decided while the program runs, by file. What
// they may be is held by the tests of their packages, and by nextstep's.
var elsewhere = map[string]string{
	"contents.go": "what became of the job that lists the folder: the job's code, or list_failed",
}

// instruction is what a message has that says what to do: a second half, which
// begins with a word that can be done, or a command.
var instruction = regexp.MustCompile(`(?i)borgfleet-(agent|controller) |[;:,.] (or |then |and |to be .* |if [^;]*[,:] |in hand .* )?(until then|ask|add|bring|revoke|try|use|say|send|make|choose|leave|log in|wait|upgrade|look|cancel|delete|change|end|set|read|register|name|prune|list|see|run|make room|settle|mend|take|get|one is heard|the (job|agent)|/api|archives/list)|\?refresh|lists what there is`)

// TestEveryCodeHasANextStep holds the table to the source: a new code is in it,
// and a code that is left to its messages has one that says what to do.
func TestEveryCodeHasANextStep(t *testing.T) {
	s := readSource(t)
	if len(s.made) < 100 || len(s.things) < 10 {
		t.Fatalf("only %d errors and %d things were found: this test looks in the wrong place", len(s.made), len(s.things))
	}
	used := map[string]bool{"invalid_request": true, "list_failed": true}
	for _, m := range s.made {
		code := s.text(m.code)
		if m.step {
			used[code] = true
			continue
		}
		if code == "_not_found" { // pathID: a thing's name is before it
			for _, thing := range s.things {
				s.hold(t, made{at: m.at, format: m.format}, thing+code, used)
			}
			continue
		}
		if v, ok := m.code.(*ast.Ident); ok && v.Name == "code" && elsewhere[filepath.Base(m.at.Filename)] != "" {
			continue
		}
		if code == "" {
			t.Errorf("%s: the code cannot be read from the source: write it as a constant, or tell this test", m.at)
			continue
		}
		s.hold(t, m, code, used)
	}
	for _, code := range tableCodes(t) {
		if !used[code] {
			t.Errorf("%s is in the table, and nothing has it", code)
		}
	}
}

func (s source) hold(t *testing.T, m made, code string, used map[string]bool) {
	t.Helper()
	used[code] = true
	text, ok := next(code)
	if !ok && !nextstep.Known(code) {
		t.Errorf("%s: nothing says what to do about %q: put it into the table in next.go", m.at, code)
		return
	}
	if ok && text == message && !instruction.MatchString(m.format) {
		t.Errorf("%s: the table leaves it to the message what to do about %q, and this one does not say it: %q", m.at, code, m.format)
	}
}

// tableCodes are the codes that next.go names.
func tableCodes(t *testing.T) (codes []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "next.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if c, ok := n.(*ast.CaseClause); ok {
			for _, e := range c.List {
				if code, ok := literal(e); ok {
					codes = append(codes, code)
				}
			}
		}
		return true
	})
	return codes
}
