package store

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// TestEveryKindIsChecked: a kind of record that Check does not know makes every
// backup look as if a newer controller had written it.
func TestEveryKindIsChecked(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "keys.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewReader()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 || !strings.HasSuffix(v.Names[0].Name, "Prefix") {
			return true
		}
		found++
		c, _, _, err := strconv.UnquoteChar(v.Values[0].(*ast.BasicLit).Value[1:], '\'')
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Check(Entry{Key: []byte{byte(c)}}); err != nil && strings.Contains(err.Error(), "newer controller") {
			t.Errorf("%s is not known to Check", v.Names[0].Name)
		}
		return true
	})
	if found < 10 {
		t.Errorf("only %d kinds were found", found)
	}
}
