package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"lotusgate/gateway/schema"
)

// patterns of texts that the forms in rules.go check; a form that needs more than a pattern is not here.
var patterns = map[string]string{
	"gateway.site":   "^[a-z0-9-]{1,32}$",
	"gateway.id":     "^[a-z0-9-]{1,32}$",
	"mqtt.broker":    "^mqtts?://[^/@]+/?$",
	"mqtt.prefix":    topicPrefix.String(),
	"mqtt.client_id": clientID.String(),
	"storage.path":   "^/.",
	"status.listen":  ":[0-9]{1,5}$",
}

// schemaAuthor writes the schema of Config.
type schemaAuthor struct {
	*schema.Source
	used map[string]bool // patterns
}

func (a schemaAuthor) node(t reflect.Type, pattern string) *schema.Node {
	n := &schema.Node{}
	switch {
	case t.Kind() == reflect.Pointer:
		return a.node(t.Elem(), pattern)
	case t.Kind() == reflect.Struct:
		n.Type, n.AdditionalProperties = []string{"object", "null"}, false
		a.object(n, t, pattern)
	case t.Kind() == reflect.Map:
		n.Type, n.MaxProperties = []string{"object", "null"}, maxEntries
		n.AdditionalProperties = a.node(t.Elem(), pattern+".*")
		if t.Elem().Kind() == reflect.Struct {
			n.PropertyNames = &schema.Node{Pattern: "^[a-z0-9-]{1,32}$"}
		}
	case t.Kind() == reflect.Slice:
		n.Type, n.Items = []string{"array", "null"}, a.node(t.Elem(), pattern+".*")
	default:
		a.scalar(n, t, pattern)
	}
	return n
}

func (a schemaAuthor) object(n *schema.Node, t reflect.Type, pattern string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("yaml")
		if name == "-" {
			continue
		}
		path := join(pattern, name)
		kid := a.node(f.Type, path)
		doc := a.FieldDoc(t, f.Name)
		if doc == "" {
			elem := f.Type
			for elem.Kind() == reflect.Pointer || elem.Kind() == reflect.Map {
				elem = elem.Elem()
			}
			if elem.Kind() == reflect.Struct {
				doc = a.Doc(elem)
			}
		}
		kid.Description = strings.TrimSpace(doc + " " + kid.Description)
		n.Properties = append(n.Properties, schema.Property{Name: name, Node: kid})
		if rules[path].like != "" {
			n.Required = append(n.Required, name)
		}
	}
}

// units of times as YAML texts; time.ParseDuration reads them.
const (
	durationPattern = `^([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$`
	bytesPattern    = `^[0-9]+(KiB|MiB|GiB)$`
	hertzPattern    = `^[0-9]+(Hz|kHz|MHz)$`
)

func (a schemaAuthor) scalar(n *schema.Node, t reflect.Type, pattern string) {
	r := rules[pattern]
	_, example, _ := strings.Cut(r.like, ": ")
	written := func(text string) any { return text }
	switch {
	case t == reflect.TypeFor[time.Duration]():
		n.Type, n.Pattern = "string", durationPattern
	case t == reflect.TypeFor[Bytes]():
		n.Type, n.Pattern = "string", bytesPattern
	case t == reflect.TypeFor[Hertz]():
		n.Type, n.Pattern = "string", hertzPattern
	case t.Kind() == reflect.Bool:
		n.Type = "boolean"
		written = func(text string) any { return text == "true" }
	case t.Kind() == reflect.Int:
		n.Type = "integer"
		if r.min != "" {
			least, _ := strconv.Atoi(r.min)
			most, _ := strconv.Atoi(r.max)
			n.Minimum, n.Maximum = schema.Number(least), schema.Number(most)
		}
		written = func(text string) any { return json.Number(text) }
	case t.Kind() == reflect.Uint16:
		n.Type, n.Minimum, n.Maximum = "integer", schema.Number(0), schema.Number(0x7f)
		written = func(text string) any { v, _ := strconv.ParseUint(text, 0, 16); return v }
	case len(r.words) > 0:
		for _, w := range r.words {
			n.Enum = append(n.Enum, w)
		}
	case r.like != "":
		n.Type = []string{"string", "number"} // a site may be called 2026
	case strings.Contains(pattern, ".label"), pattern == "mqtt.client_id", pattern == "elevator_codes.*":
		n.Type = []string{"string", "number", "boolean", "null"} // text is taken as it stands: 0195, yes
	default:
		n.Type = []string{"string", "null"}
	}
	if p, ok := patterns[pattern]; ok {
		n.Pattern = p
		a.used[pattern] = true
	}
	if strings.HasSuffix(pattern, ".label") || strings.HasSuffix(pattern, ".labels.*") {
		n.MaxLength = maxLabel
	}
	if r.def != "" {
		n.Default = written(r.def)
	}
	if example != "" {
		n.Examples = []any{written(example)}
	}
	switch {
	case r.min != "" && n.Minimum == nil:
		n.Description = fmt.Sprintf("(%s to %s)", r.min, r.max)
	case r.refs != nil:
		n.Description = "(an id in " + strings.Join(r.refs, " or ") + ")"
	}
}

// schema.json is what config.go and rules.go say; go test ./gateway/config -update writes it.
func TestSchemaIsUpToDate(t *testing.T) {
	src, err := schema.Read(".")
	if err != nil {
		t.Fatal(err)
	}
	a := schemaAuthor{src, map[string]bool{}}
	n := a.node(reflect.TypeFor[Config](), "")
	n.Type = "object"
	n.Dialect, n.ID, n.Title = schema.Dialect, "urn:lotusgate:v1:configuration", "Lotusgate configuration"
	n.Required = []string{"gateway", "storage"}
	golden(t, "schema.json", string(schema.JSON(n)))
	for path := range patterns {
		if !a.used[path] {
			t.Errorf("a pattern for %s, which does not exist", path)
		}
	}
	if Schema() == "" {
		t.Error("the schema is not in the program")
	}
}

// judge holds a YAML file against the schema as an editor does.
func judge(t *testing.T, s *jsonschema.Schema, name string) error {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := yaml.Unmarshal(bytes.TrimPrefix(src, []byte("\ufeff")), &doc); err != nil {
		return err
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// What the daemon accepts, an editor does not underline. Of the bad files it finds those that the list does not name;
// the others need the whole check.
func TestSchemaAgreesWithTheCheck(t *testing.T) {
	c := jsonschema.NewCompiler()
	b, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource("mem:///schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("mem:///schema.json")
	if err != nil {
		t.Fatal(err)
	}
	good := 0
	for _, glob := range []string{"testdata/ok/*.yaml", "testdata/odd/*.yaml", "../../deploy/examples/*.yaml"} {
		names, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			good++
			if err := judge(t, s, name); err != nil {
				t.Errorf("%s is in order, but the schema says: %v", name, err)
			}
		}
	}
	bad, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || good == 0 {
		t.Fatal(good, err)
	}
	var accepted strings.Builder
	for _, name := range bad {
		if judge(t, s, name) == nil {
			fmt.Fprintln(&accepted, filepath.Base(name))
		}
	}
	golden(t, "testdata/schema-accepts.txt", accepted.String())
}
