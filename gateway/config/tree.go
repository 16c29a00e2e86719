package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of one file. The parser is quadratic in the keys of a mapping: 20,000 take it 0.7 s on a small machine.
const (
	maxBytes = 1 << 20
	maxKeys  = 20000
	maxDepth = 16
	maxLine  = 4096
)

// shape of a node.
type shape uint8

const (
	nothing shape = iota // nothing behind the colon, or null
	scalar
	mapping
	sequence
)

// node is one value of a file with its places. It is all that the rest of the package knows of YAML.
type node struct {
	shape shape
	name  string // key it stands under; "" in a list and at the root
	key   spot   // of that key
	at    spot   // of the value
	text  string // scalar: as written, without quotes
	kids  []*node
}

// where is the spot to point at when the value as a whole is meant.
func (n *node) where() spot {
	if n.shape != scalar && n.name != "" {
		return n.key
	}
	return n.at
}

// kid finds the value under a key; nil if there is none.
func (n *node) kid(name string) *node {
	for _, k := range n.kids {
		if k.name == name {
			return k
		}
	}
	return nil
}

// merge lays a drop-in over n: mappings are merged by key, anything else is replaced, and nothing (null) changes nothing.
func (n *node) merge(over *node) {
	switch {
	case over.shape == nothing:
	case n.shape == mapping && over.shape == mapping:
		for _, k := range over.kids {
			if have := n.kid(k.name); have != nil {
				have.merge(k)
			} else {
				n.kids = append(n.kids, k)
			}
		}
	default:
		*n = *over
	}
}

// reader turns the text of one file into a tree. It stops at the first thing that makes the rest unreadable; duplicate
// keys are collected.
type reader struct {
	src      *source
	problems []*Problem
}

// read returns nil if the file cannot be read any further.
func (r *reader) read(text string) *node {
	if !r.readable(text) {
		return nil
	}
	tokens, ok := r.tokens(text)
	if !ok {
		return nil
	}
	file, err := parse(tokens)
	if err != nil {
		r.syntax(err)
		return nil
	}
	root := &node{at: spot{src: r.src}}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if root.shape != nothing {
			at := r.span(doc.Body.GetToken())
			if doc.Start != nil {
				at = r.span(doc.Start)
			}
			r.refuse("second_document", at, "---")
			return nil
		}
		root = r.node(doc.Body, "", 0)
	}
	return root
}

func (r *reader) refuse(code Code, at spot, text string, args ...string) *Problem {
	p := &Problem{Code: code, Place: at.place(), Text: text, Args: args}
	r.problems = append(r.problems, p)
	return p
}

// readable finds what makes a text file no YAML file before the parser has to guess.
func (r *reader) readable(text string) bool {
	for i, line := range r.src.lines {
		line = strings.TrimSuffix(line, "\r")
		if len(line) > maxLine {
			r.refuse("long_line", spot{r.src, i + 1, 1, 1}, "", fmt.Sprint(maxLine)).Excerpt = ""
			return false
		}
		if !utf8.ValidString(line) {
			valid := strings.ToValidUTF8(line, string(utf8.RuneError))
			column := utf8.RuneCountInString(valid[:strings.IndexRune(valid, utf8.RuneError)]) + 1
			r.refuse("not_utf8", spot{r.src, i + 1, column, 1}, "")
			return false
		}
		if j := strings.IndexFunc(line, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }); j >= 0 {
			r.refuse("control_character", spot{r.src, i + 1, utf8.RuneCountInString(line[:j]) + 1, 1}, fmt.Sprintf("U+%04X", line[j]))
			return false
		}
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if j := strings.IndexByte(indent, '\t'); j >= 0 && len(indent) < len(line) && line[len(indent)] != '#' {
			r.refuse("tab", spot{r.src, i + 1, j + 1, strings.Count(indent, "\t")}, "")
			return false
		}
	}
	return true
}

// tokens splits the text, and refuses what this product does not use of YAML: anchors and aliases (one of them can
// stand for gigabytes), tags, directives, complex keys, and nesting that no configuration needs.
func (r *reader) tokens(text string) (tokens token.Tokens, ok bool) {
	tokens, err := tokenize(text)
	if err != nil {
		r.syntax(err)
		return nil, false
	}
	depth, keys, line, entries := 0, 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, entries = t.Position.Line, 0
		}
		switch t.Type {
		case token.AnchorType, token.AliasType, token.TagType, token.MergeKeyType, token.DirectiveType, token.MappingKeyType:
			r.refuse("not_used", r.span(t), t.Value, t.Type.String())
			return nil, false
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.SequenceEntryType:
			entries++
		case token.MappingValueType:
			keys++
		}
		if depth > maxDepth || entries > maxDepth {
			r.refuse("too_deep", r.span(t), "", fmt.Sprint(maxDepth))
			return nil, false
		}
		if keys > maxKeys {
			r.refuse("too_many_keys", r.span(t), "", fmt.Sprint(maxKeys))
			return nil, false
		}
	}
	return tokens, true
}

// tokenize and parse call the library; a panic in it is a syntax error without a place.
func tokenize(text string) (tokens token.Tokens, err error) {
	defer rescue(&err)
	return lexer.Tokenize(text), nil
}

func parse(tokens token.Tokens) (file *ast.File, err error) {
	defer rescue(&err)
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

func rescue(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the YAML parser gave up: %v", r)
	}
}

// syntax reports what the parser did not understand. The common slips of people who write YAML by hand get a sentence
// of their own.
func (r *reader) syntax(err error) {
	at := spot{src: r.src}
	var e yaml.Error
	if !errors.As(err, &e) || e.GetToken() == nil || e.GetToken().Position == nil {
		r.refuse("syntax", at, "", err.Error())
		return
	}
	t, message := e.GetToken(), e.GetMessage()
	at = r.span(t)
	switch {
	case strings.Contains(message, "end character of"):
		r.refuse("open_quote", at, "")
	case message == "non-map value is specified" && strings.Contains(t.Value, ":"):
		r.refuse("no_space_after_colon", at, t.Value).Nearest = strings.Replace(t.Value, ":", ": ", 1)
	case strings.Contains(message, "not allowed in this context"), message == "non-map value is specified":
		// A value that runs on into a deeper line swallowed the key that follows: point there.
		if t.Type == token.StringType && t.Next != nil && t.Next.Position.Line > t.Position.Line && t.Next.Position.Line <= len(r.src.lines) {
			line := r.src.lines[t.Next.Position.Line-1]
			indent := len(line) - len(strings.TrimLeft(line, " "))
			at = spot{r.src, t.Next.Position.Line, indent + 1, t.Next.Position.Column - indent - 1}
		}
		r.refuse("indentation", at, "")
	default:
		r.refuse("syntax", at, "", message)
	}
}

// span is the place of a token as far as it stands on its first line.
func (r *reader) span(t *token.Token) spot {
	width := utf8.RuneCountInString(t.Value)
	if t.Type == token.DoubleQuoteType || t.Type == token.SingleQuoteType {
		width = utf8.RuneCountInString(strings.TrimSpace(t.Origin))
	}
	if t.Type == token.InvalidType {
		width = 1
	}
	return spot{r.src, t.Position.Line, t.Position.Column, width}
}

// node turns the library's tree into ours.
func (r *reader) node(n ast.Node, path string, depth int) *node {
	out := &node{at: r.span(n.GetToken())}
	if depth > maxDepth {
		r.refuse("too_deep", out.at, "", fmt.Sprint(maxDepth))
		return out
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		out.shape = mapping
		r.entries(out, n.Values, path, depth)
	case *ast.MappingValueNode:
		out.shape = mapping
		r.entries(out, []*ast.MappingValueNode{n}, path, depth)
	case *ast.SequenceNode:
		out.shape = sequence
		for i, v := range n.Values {
			out.kids = append(out.kids, r.node(v, join(path, strconv.Itoa(i)), depth+1))
		}
	case *ast.LiteralNode:
		out.shape, out.text = scalar, n.Value.Value
	case *ast.NullNode:
		out.shape = nothing
	case ast.ScalarNode:
		out.shape, out.text = scalar, n.GetToken().Value
	default:
		r.refuse("not_used", out.at, n.GetToken().Value, n.Type().String())
	}
	return out
}

// entries fills a mapping; of keys that stand there twice the first counts.
func (r *reader) entries(out *node, values []*ast.MappingValueNode, path string, depth int) {
	seen := make(map[string]*node, len(values))
	for _, v := range values {
		t := v.Key.GetToken()
		at := join(path, t.Value)
		kid := r.node(v.Value, at, depth+1)
		kid.name, kid.key = t.Value, r.span(t)
		if first, ok := seen[kid.name]; ok {
			r.refuse("duplicate_key", kid.key, kid.name).also(first.key.place()).Path = at
			continue
		}
		seen[kid.name] = kid
		out.kids = append(out.kids, kid)
	}
}
