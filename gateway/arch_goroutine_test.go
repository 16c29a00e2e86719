package gateway_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// endWithUs are packages whose goroutines live as long as a virtual machine or a process outside: their tests cannot look
// for leaks at the end.
var endWithUs = map[string]string{
	"firmware-sim/vm":   "guests",
	"firmware-sim/soak": "brokers, browsers and a gateway",
}

// A package that starts goroutines looks for leaked ones when its tests are over (goleak). What runs in a bubble of synctest
// is looked at there as well: a bubble that leaves one behind fails.
func TestGoroutinesAreLookedFor(t *testing.T) {
	starts := 0
	for dir := range mayImport {
		files, err := filepath.Glob("../" + dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		starting, looked := "", false
		for _, path := range files {
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(path, "_test.go") && startsGoroutine(file) {
				starting = path
			}
			for _, i := range file.Imports {
				looked = looked || i.Path.Value == `"go.uber.org/goleak"`
			}
		}
		if starting == "" {
			continue
		}
		starts++
		if _, excused := endWithUs[dir]; !looked && !excused {
			t.Errorf("%s starts goroutines, and no test of the package looks whether they end: goleak.VerifyTestMain(m)", starting)
		}
	}
	if starts < 8 {
		t.Errorf("only %d packages start goroutines: this test does not see them", starts)
	}
}

// startsGoroutine also knows sync.WaitGroup.Go.
func startsGoroutine(file *ast.File) (found bool) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = true
		case *ast.CallExpr:
			sel, ok := n.Fun.(*ast.SelectorExpr)
			found = found || ok && sel.Sel.Name == "Go"
		}
		return !found
	})
	return found
}
