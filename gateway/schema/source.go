package schema

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// Source is what stands in Go files and not in compiled types: comments, and the constants of a type.
type Source struct {
	docs    map[string]string   // "gateway.Status", "gateway.Status.Clock"
	strings map[string][]string // type → values of its string constants
	counted map[string]int      // type → number of its iota constants
}

// Read parses the packages in these folders; their types are found by package name and type name.
func Read(folders ...string) (*Source, error) {
	s := &Source{docs: map[string]string{}, strings: map[string][]string{}, counted: map[string]int{}}
	for _, folder := range folders {
		names, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil || len(names) == 0 {
			return nil, fmt.Errorf("schema: no Go files in %s: %w", folder, fs.ErrNotExist)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return nil, fmt.Errorf("schema: %w", err)
			}
			for _, decl := range file.Decls {
				if d, ok := decl.(*ast.GenDecl); ok {
					s.declaration(file.Name.Name, d)
				}
			}
		}
	}
	return s, nil
}

// Doc of a named type.
func (s *Source) Doc(t reflect.Type) string { return s.docs[key(t)] }

// FieldDoc of a field of a struct: the comment above it, or else the one behind it.
func (s *Source) FieldDoc(t reflect.Type, field string) string { return s.docs[key(t)+"."+field] }

func key(t reflect.Type) string { return path.Base(t.PkgPath()) + "." + t.Name() }

func (s *Source) declaration(pkg string, d *ast.GenDecl) {
	switch d.Tok {
	case token.TYPE:
		for _, spec := range d.Specs {
			t := spec.(*ast.TypeSpec)
			name := pkg + "." + t.Name.Name
			doc := t.Doc
			if doc == nil && len(d.Specs) == 1 {
				doc = d.Doc
			}
			s.docs[name] = sentence(doc, t.Name.Name)
			if body, ok := t.Type.(*ast.StructType); ok {
				s.fields(name, body)
			}
		}
	case token.CONST:
		s.constants(pkg, d)
	}
}

func (s *Source) fields(name string, body *ast.StructType) {
	for _, f := range body.Fields.List {
		doc := f.Doc
		if doc == nil {
			doc = f.Comment
		}
		for _, ident := range f.Names {
			s.docs[name+"."+ident.Name] = sentence(doc, ident.Name)
		}
	}
}

func (s *Source) constants(pkg string, d *ast.GenDecl) {
	counted := "" // type of the block's first constant, if that is iota
	for _, spec := range d.Specs {
		v := spec.(*ast.ValueSpec)
		typ := ""
		if ident, ok := v.Type.(*ast.Ident); ok {
			typ = pkg + "." + ident.Name
		}
		if len(v.Values) == 1 {
			switch x := v.Values[0].(type) {
			case *ast.Ident:
				if x.Name == "iota" && typ != "" {
					counted = typ
				}
			case *ast.BasicLit:
				if text, err := strconv.Unquote(x.Value); err == nil && typ != "" && text != "" {
					s.strings[typ] = append(s.strings[typ], text)
				}
			}
		}
		if counted != "" {
			s.counted[counted]++
		}
	}
}

var spaces = regexp.MustCompile(`\s+`)

// sentence makes one paragraph of a comment, without the name that Go puts in front.
func sentence(group *ast.CommentGroup, name string) string {
	text := strings.TrimSpace(spaces.ReplaceAllString(group.Text(), " "))
	for _, prefix := range []string{name + " is ", name + ", "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}
