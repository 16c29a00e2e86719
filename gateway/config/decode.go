package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The decoder is our own, and small, because the library's stops at the first wrong value; a technician at a gate wants
// to hear all of it at once. Text is taken as it stands in the file: a label 0195 keeps its zero.

func (c *checker) decode() {
	c.at[""] = c.root
	c.value(c.root, reflect.ValueOf(c.cfg).Elem(), "", "")
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// value decodes n into v. pattern is path with * for what the file names itself; rules are found by it.
func (c *checker) value(n *node, v reflect.Value, path, pattern string) {
	if n != nil {
		c.at[path] = n
	}
	if v.Kind() == reflect.Pointer {
		isStruct := v.Type().Elem().Kind() == reflect.Struct
		if isStruct && (n == nil || n.shape == nothing) {
			return // an output that is not wired
		}
		target := reflect.New(v.Type().Elem())
		c.value(n, target.Elem(), path, pattern)
		if isStruct || (n != nil && n.shape == scalar && !c.bad[path]) || rules[pattern].def != "" {
			v.Set(target)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if c.expect(n, mapping, path) {
			c.fields(n, v, path, pattern)
		}
	case reflect.Map:
		if c.expect(n, mapping, path) {
			c.entries(n, v, path, pattern)
		}
	case reflect.Slice:
		if n != nil && c.expect(n, sequence, path) {
			c.items(n, v, path, pattern)
		}
	default:
		c.scalar(n, v, path, pattern)
	}
}

// expect tells whether n can be read as want; nothing at all reads as an empty one.
func (c *checker) expect(n *node, want shape, path string) bool {
	if n == nil || n.shape == want || n.shape == nothing {
		return true
	}
	code := map[shape]Code{mapping: "not_a_mapping", sequence: "not_a_list", scalar: "not_a_value"}[want]
	have := map[shape]string{mapping: "mapping", sequence: "list", scalar: "value"}[n.shape]
	p := c.fail(path, code, n.text, have)
	if n.shape == scalar {
		p.Place = n.at.place()
		if want == sequence {
			p.Nearest = "[" + n.text + "]"
		}
	}
	return false
}

// fields decodes a struct.
func (c *checker) fields(n *node, v reflect.Value, path, pattern string) {
	names, byName := fieldsOf(v.Type())
	if n != nil {
		for _, k := range n.kids {
			if _, ok := byName[k.name]; ok {
				continue
			}
			at := join(path, k.name)
			p := c.add(k.key.place(), at, "unknown_key", k.name, []string{strings.Join(names, ", ")}).near(names...)
			if p.Nearest != "" && n.kid(p.Nearest) == nil {
				c.bad[join(path, p.Nearest)] = true // misspelled, not missing
			}
		}
	}
	for _, name := range names {
		var kid *node
		if n != nil {
			kid = n.kid(name)
		}
		c.value(kid, v.Field(byName[name]), join(path, name), join(pattern, name))
	}
}

// fieldsOf lists the keys of a struct in its order.
func fieldsOf(t reflect.Type) (names []string, byName map[string]int) {
	byName = map[string]int{}
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("yaml")
		if name == "-" {
			continue
		}
		names = append(names, name)
		byName[name] = i
	}
	return names, byName
}

func (c *checker) entries(n *node, v reflect.Value, path, pattern string) {
	if n == nil || len(n.kids) == 0 {
		return
	}
	if len(n.kids) > maxEntries {
		c.fail(path, "too_many_entries", strconv.Itoa(len(n.kids)), strconv.Itoa(maxEntries))
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(n.kids)))
	for _, k := range n.kids {
		elem := reflect.New(v.Type().Elem()).Elem()
		c.value(k, elem, join(path, k.name), join(pattern, "*"))
		v.SetMapIndex(reflect.ValueOf(k.name), elem)
	}
}

func (c *checker) items(n *node, v reflect.Value, path, pattern string) {
	for i, k := range n.kids {
		elem := reflect.New(v.Type().Elem()).Elem()
		c.value(k, elem, fmt.Sprintf("%s.%d", path, i), pattern+".*")
		v.Set(reflect.Append(v, elem))
	}
}

// scalar decodes one value, or its default where nothing is written.
func (c *checker) scalar(n *node, v reflect.Value, path, pattern string) {
	r := rules[pattern]
	if !c.expect(n, scalar, path) {
		return
	}
	if n == nil || n.shape == nothing || (n.text == "" && v.Kind() == reflect.String) {
		switch {
		case c.bad[path]:
		case r.like != "":
			c.fail(path, "missing_key", "", r.like)
		case n != nil && v.Kind() != reflect.String:
			c.fail(path, "no_value", n.name)
		case r.def != "":
			_ = assign(v, r.def) // a test holds that each is readable
		}
		return
	}
	if code := assign(v, n.text); code != "" {
		p := c.fail(path, code, n.text)
		if g := c.spellings(n.text, v, r); len(g) > 0 {
			p.Nearest = g[0]
		}
		return
	}
	c.inRange(n, v, path, r)
	switch {
	case r.words != nil:
		if !slices.Contains(r.words, n.text) {
			c.fail(path, "unknown_word", n.text, strings.Join(r.words, ", ")).near(r.words...)
		}
	case r.refs != nil:
		c.refs = append(c.refs, reference{path: path, id: n.text, sections: r.refs})
	case r.form != nil:
		r.form(c, path, n.text)
	}
}

// inRange checks a quantity against its rule.
func (c *checker) inRange(n *node, v reflect.Value, path string, r rule) {
	if r.min == "" {
		return
	}
	least, most := reflect.New(v.Type()).Elem(), reflect.New(v.Type()).Elem()
	_, _ = assign(least, r.min), assign(most, r.max)
	if v.Int() < least.Int() || v.Int() > most.Int() {
		c.fail(path, "out_of_range", n.text, r.min, r.max)
	}
}

// assign reads text into v; it returns the code of what is wrong with it, or "".
func assign(v reflect.Value, text string) Code {
	switch target := v.Addr().Interface().(type) {
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return "bad_duration"
		}
		*target = d
		return ""
	case encoding.TextUnmarshaler:
		if target.UnmarshalText([]byte(text)) != nil {
			switch v.Addr().Interface().(type) {
			case *Hertz:
				return "bad_frequency"
			case *Volts, *Ohms, *Amps:
				return "bad_quantity"
			}
			return "bad_size"
		}
		return ""
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return "bad_bool"
		}
		v.SetBool(text == "true")
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return "bad_number"
		}
		v.SetInt(int64(n))
	case reflect.Uint16:
		n, err := strconv.ParseUint(text, 0, 16)
		if err != nil {
			return "bad_address"
		}
		v.SetUint(n)
	default:
		panic("config: no way to read a " + v.Type().String())
	}
	return ""
}

// spellings are readable values that text may stand for, the likeliest first.
func (c *checker) spellings(text string, v reflect.Value, r rule) []string {
	var guess []string
	switch v.Addr().Interface().(type) {
	case *time.Duration:
		units := []string{"ms", "s", "m"}
		if strings.HasSuffix(r.def, "s") && !strings.HasSuffix(r.def, "ms") || strings.HasSuffix(r.def, "m") {
			units = []string{"s", "ms", "m"}
		}
		guess = guesses(text, durationWords, units...)
	case *Bytes:
		guess = guesses(text, byteWords, "MiB", "KiB")
	case *Hertz:
		guess = guesses(text, hertzWords, "kHz", "Hz")
	case *Volts:
		guess = guesses(text, voltWords, "V", "mV")
	case *Ohms:
		guess = guesses(text, ohmWords, "mohm", "ohm")
	case *Amps:
		guess = guesses(text, ampWords, "A", "mA")
	case *bool:
		switch strings.ToLower(text) {
		case "yes", "on", "1", "y", "true":
			return []string{"true"}
		case "no", "off", "0", "n", "false":
			return []string{"false"}
		}
	}
	var fit []string
	probe := reflect.New(v.Type()).Elem()
	least, most := reflect.New(v.Type()).Elem(), reflect.New(v.Type()).Elem()
	for _, g := range guess {
		if assign(probe, g) != "" {
			continue
		}
		if r.min != "" && assign(least, r.min) == "" && assign(most, r.max) == "" &&
			(probe.Int() < least.Int() || probe.Int() > most.Int()) {
			continue
		}
		fit = append(fit, g)
	}
	return fit
}
