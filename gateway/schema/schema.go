// Package schema writes JSON Schema (draft 2020-12) of this project's own Go types: what is said in a type, its tags and
// its comments is written nowhere else. It is used by tests that hold the shipped schemas against the code, and is in no
// program.
//
// It knows the kinds of Go that our payloads use and panics at any other, which is a test that fails.
package schema

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// Dialect of every schema here.
const Dialect = "https://json-schema.org/draft/2020-12/schema"

// Node is one schema. Fields stand in the order in which people read them.
type Node struct {
	Dialect     string       `json:"$schema,omitempty"`
	ID          string       `json:"$id,omitempty"`
	Title       string       `json:"title,omitempty"`
	Description string       `json:"description,omitempty"`
	Ref         string       `json:"$ref,omitempty"`
	Type        any          `json:"type,omitempty"` // a word or a list of them
	Const       any          `json:"const,omitempty"`
	Enum        []any        `json:"enum,omitempty"`
	Pattern     string       `json:"pattern,omitempty"`
	Format      string       `json:"format,omitempty"`
	Minimum     *json.Number `json:"minimum,omitempty"`
	Maximum     *json.Number `json:"maximum,omitempty"`
	MaxLength   int          `json:"maxLength,omitempty"`
	Default     any          `json:"default,omitempty"`
	Examples    []any        `json:"examples,omitempty"`

	Properties           Properties `json:"properties,omitempty"`
	PropertyNames        *Node      `json:"propertyNames,omitempty"`
	AdditionalProperties any        `json:"additionalProperties,omitempty"` // false, or a Node
	MaxProperties        int        `json:"maxProperties,omitempty"`
	Required             []string   `json:"required,omitempty"`
	Items                *Node      `json:"items,omitempty"`
	If                   *Node      `json:"if,omitempty"`
	Then                 *Node      `json:"then,omitempty"`
	AnyOf                []*Node    `json:"anyOf,omitempty"`
	OneOf                []*Node    `json:"oneOf,omitempty"`
	AllOf                []*Node    `json:"allOf,omitempty"`
}

// Property is one key of an object.
type Property struct {
	Name string
	*Node
}

// Properties keep their order, which is that of the type.
type Properties []Property

// MarshalJSON writes an object.
func (p Properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, prop := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:", prop.Name)
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(prop.Node); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Get is the schema of a key, or nil.
func (n *Node) Get(name string) *Node {
	for _, p := range n.Properties {
		if p.Name == name {
			return p.Node
		}
	}
	return nil
}

// JSON is any value of ours, indented, with a newline at the end and no HTML escapes.
func JSON(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// Number for Minimum and Maximum.
func Number[T int | int64](n T) *json.Number {
	v := json.Number(fmt.Sprint(n))
	return &v
}

// Of describes the JSON of a Go type. Every key without omitempty is required; keys that are not listed are allowed,
// because a newer gateway may say more.
func (s *Source) Of(t reflect.Type) *Node {
	if t.Kind() == reflect.Pointer {
		n := s.Of(t.Elem())
		n.Type = []string{n.Type.(string), "null"}
		return n
	}
	n := &Node{Description: s.Doc(t)}
	switch {
	case t == reflect.TypeFor[json.RawMessage](), t.Kind() == reflect.Interface:
		return n // anything
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		n.Type, n.Enum = "string", s.words(t)
		return n
	}
	switch t.Kind() {
	case reflect.String:
		n.Type, n.Enum = "string", s.texts(t)
	case reflect.Bool:
		n.Type = "boolean"
	case reflect.Int, reflect.Int64:
		n.Type = "integer"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n.Type, n.Minimum = "integer", Number(0)
	case reflect.Float64:
		n.Type = "number"
	case reflect.Slice:
		n.Type, n.Items = "array", s.Of(t.Elem())
	case reflect.Map:
		n.Type, n.AdditionalProperties = "object", s.Of(t.Elem())
	case reflect.Struct:
		n.Type = "object"
		s.object(n, t)
	default:
		panic(fmt.Sprintf("schema: no way to describe %v", t))
	}
	return n
}

func (s *Source) object(n *Node, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, flags, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		if name == "" {
			panic(fmt.Sprintf("schema: %v.%s has no name in JSON", t, f.Name))
		}
		kid := s.Of(f.Type)
		if doc := s.FieldDoc(t, f.Name); doc != "" {
			kid.Description = doc
		}
		n.Properties = append(n.Properties, Property{name, kid})
		if !strings.Contains(flags, "omitempty") {
			n.Required = append(n.Required, name)
		}
	}
}

// words of a counted type: what its constants marshal to.
func (s *Source) words(t reflect.Type) []any {
	if t.Kind() == reflect.Struct {
		return nil
	}
	var list []any
	for i := range s.counted[key(t)] {
		v := reflect.New(t).Elem()
		v.SetUint(uint64(i))
		text, err := v.Interface().(encoding.TextMarshaler).MarshalText()
		if err != nil {
			panic(err)
		}
		list = append(list, string(text))
	}
	return list
}

// texts of a named string type: its constants. The plain string has none.
func (s *Source) texts(t reflect.Type) []any {
	var list []any
	for _, text := range s.strings[key(t)] {
		list = append(list, text)
	}
	return list
}
