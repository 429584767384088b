package canary

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keytrail/keytrail/test/harness"
)

// revealers are the functions that may see a secret's plaintext, each with its
// reason. A new one is a decision: think, then add it here.
var revealers = []string{
	"cmd/keytrail/sigv4.derive",             // a signature is made with it
	"cmd/keytrail/sigv4.(*cache).id",        // its hash names the derived key
	"commands.(*Tx).CreateAccessKey",        // shown once, in the answer
	"commands.(*Tx).issue",                  // shown once, in the answer
	"commands.(*Tx).CreateAccount",          // shown once, in the answer
	"commands.(*Tx).CreateVirtualMFADevice", // likewise
}

// Only who is listed calls Secret.Reveal, and only package seal reaches past it.
func TestWhoRevealsSecrets(t *testing.T) {
	var found []string
	root := harness.Module()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			ast.Inspect(decl, func(n ast.Node) bool {
				// The method's name alone is looked for: a value, a method
				// expression and an interface with it are found as well.
				switch n := n.(type) {
				case *ast.SelectorExpr:
					if n.Sel.Name == "Reveal" {
						found = append(found, filepath.ToSlash(rel)+"."+within(decl))
					}
				case *ast.InterfaceType:
					for _, m := range n.Methods.List {
						for _, name := range m.Names {
							if name.Name == "Reveal" {
								found = append(found, filepath.ToSlash(rel)+"."+within(decl)+" (an interface)")
							}
						}
					}
				case *ast.ImportSpec:
					return false
				}
				return true
			})
		}
		for _, i := range file.Imports { // reflect and unsafe see unexported fields
			if i.Path.Value == `"unsafe"` && strings.HasPrefix(rel, "events/seal") {
				found = append(found, rel+" imports unsafe")
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	found = slices.Compact(found)
	want := slices.Sorted(slices.Values(revealers))
	if d := cmp.Diff(want, found); d != "" {
		t.Errorf("who calls Secret.Reveal (- listed, + found):\n%s", d)
	}
}

func within(d ast.Decl) string {
	f, ok := d.(*ast.FuncDecl)
	if !ok {
		return "(package level)"
	}
	if f.Recv == nil {
		return f.Name.Name
	}
	switch r := f.Recv.List[0].Type.(type) {
	case *ast.StarExpr:
		return "(*" + r.X.(*ast.Ident).Name + ")." + f.Name.Name
	case *ast.Ident:
		return r.Name + "." + f.Name.Name
	}
	return f.Name.Name
}
