package gateway_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"lotusgate/gateway"
)

// The contract names every event type and every data field of it.
func TestWireDocNamesEverything(t *testing.T) {
	b, err := os.ReadFile("../docs/wire.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	for _, s := range gateway.Catalogue() {
		if !strings.Contains(doc, string(s.Type)) && !listed(doc, s.Type) {
			t.Errorf("docs/wire.md does not name %s", s.Type)
		}
		for _, field := range jsonFields(s.Data) {
			if !strings.Contains(doc, "`"+field+"`") && !strings.Contains(doc, `"`+field+`"`) {
				t.Errorf("docs/wire.md does not name field %s of %s", field, s.Type)
			}
		}
	}
}

// listed finds "gate.opening, opened, closing" for gate.closing.
func listed(doc string, t gateway.Type) bool {
	for line := range strings.Lines(doc) {
		first, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " |")
		if !ok || !strings.HasPrefix(first, t.Kind()+".") {
			continue
		}
		for word := range strings.SplitSeq(first, ", ") {
			if word == t.Name() || word == string(t) {
				return true
			}
		}
	}
	return false
}

func jsonFields(data any) []string {
	var names []string
	typ := reflect.TypeOf(data)
	for i := range typ.NumField() {
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		if name != "-" {
			names = append(names, name)
		}
	}
	return names
}
