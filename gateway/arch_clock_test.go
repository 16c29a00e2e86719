package gateway_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"testing"
)

// clockCalls of package time that read or wait for the wall or monotonic clock.
var clockCalls = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

func checkNoClock(t *testing.T, path string) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	ast.Inspect(file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clockCalls, sel.Sel.Name) {
			t.Errorf("%s: time.%s: this package is given the time, it never reads it", fset.Position(n.Pos()), sel.Sel.Name)
		}
		return true
	})
}

// The guards must be able to fail.
func TestArchitectureGuardsBite(t *testing.T) {
	if fence, places := fenceOf("github.com/eclipse/paho.mqtt.golang/packets"); fence == "" || inside("gateway/status", places) {
		t.Error("paho is not fenced")
	}
	if !inside("drivers/mcp23017", []string{"drivers"}) || inside("drivers2", []string{"drivers"}) {
		t.Error("inside mistakes a prefix for a folder")
	}
}
