package projections_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keytrail/keytrail/events"
)

// The fold names every fact that can be read from a journal, and no other.
func TestFoldNamesEveryFact(t *testing.T) {
	var registered, folded []string
	each := func(pattern string, visit func(ast.Node)) {
		files, _ := filepath.Glob(pattern)
		for _, name := range files {
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool { visit(n); return true })
		}
	}
	each("../events/*.go", func(n ast.Node) { // register[UserCreated]()
		if call, ok := n.(*ast.CallExpr); ok {
			if index, ok := call.Fun.(*ast.IndexExpr); ok {
				if name, ok := index.X.(*ast.Ident); ok && name.Name == "register" {
					registered = append(registered, index.Index.(*ast.Ident).Name)
				}
			}
		}
	})
	each("world.go", func(n ast.Node) { // case events.UserCreated:
		if f, ok := n.(*ast.FuncDecl); !ok || f.Name.Name != "apply" {
			return
		}
		ast.Inspect(n, func(n ast.Node) bool {
			if c, ok := n.(*ast.CaseClause); ok {
				for _, e := range c.List {
					folded = append(folded, e.(*ast.SelectorExpr).Sel.Name)
				}
			}
			return true
		})
	})
	slices.Sort(registered)
	slices.Sort(folded)
	if diff := cmp.Diff(registered, folded); diff != "" || len(registered) != len(events.Types()) {
		t.Errorf("%d types; registered (-) and folded (+):\n%s", len(events.Types()), diff)
	}
}
