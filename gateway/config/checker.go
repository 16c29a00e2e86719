package config

import (
	"cmp"
	"slices"
	"strings"
)

// checker fills a Config from a tree and collects what is wrong with it. Values are named by path: points.p1.line.
type checker struct {
	root     *node
	cfg      *Config
	at       map[string]*node // every value of the tree that has a key of ours
	bad      map[string]bool  // paths of values that were refused: their followers stay silent
	refs     []reference
	order    map[string]int // of the files, by name
	problems []*Problem
}

// reference is an id that stands as a value.
type reference struct {
	path, id string
	sections []string // it may be in one of these
}

func newChecker(root *node, files []file) *checker {
	c := &checker{root: root, cfg: &Config{}, at: map[string]*node{}, bad: map[string]bool{}, order: map[string]int{}}
	for i, f := range files {
		c.order[f.name] = i
	}
	return c
}

// check runs everything; the order only decides which problem hides its followers.
func (c *checker) check() {
	c.decode()
	c.complete()
	c.checkIDs()
	c.checkReferences()
	c.checkMQTT()
	c.checkWiring()
	c.checkDevices()
	c.checkCommands()
	c.checkUse()
	slices.SortStableFunc(c.problems, func(a, b *Problem) int { return c.compare(a.Place, b.Place) })
}

// compare orders places as they are read: the main file first, then the drop-ins by name.
func (c *checker) compare(p, q Place) int {
	return cmp.Or(cmp.Compare(c.order[p.File], c.order[q.File]), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// fail reports an error about the value at path.
func (c *checker) fail(path string, code Code, text string, args ...string) *Problem {
	c.bad[path] = true
	return c.add(c.place(path), path, code, text, args)
}

// warn reports what is allowed but hardly meant.
func (c *checker) warn(path string, code Code, text string, args ...string) *Problem {
	p := c.add(c.place(path), path, code, text, args)
	p.Warning = true
	return p
}

func (c *checker) add(at Place, path string, code Code, text string, args []string) *Problem {
	p := &Problem{Code: code, Place: at, Path: path, Text: text, Args: args}
	c.problems = append(c.problems, p)
	return p
}

// written tells whether the file has a value at path; nothing and "" are none.
func (c *checker) written(path string) bool {
	n := c.at[path]
	return n != nil && n.shape != nothing && (n.shape != scalar || n.text != "")
}

// good tells whether the file has a value at path that was not refused.
func (c *checker) good(path string) bool { return c.written(path) && !c.bad[path] }

// text is the text of the value at path, "" where there is none.
func (c *checker) text(path string) string {
	if n := c.at[path]; n != nil {
		return n.text
	}
	return ""
}

// place of the value at path, or of the nearest thing above it that is in the file.
func (c *checker) place(path string) Place { return c.spot(path).place() }

func (c *checker) spot(path string) spot {
	for path != "" {
		if n := c.at[path]; n != nil {
			return n.where()
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
	return spot{src: c.root.at.src}
}

// key is the place of the key at path.
func (c *checker) key(path string) Place {
	if n := c.at[path]; n != nil {
		return n.key.place()
	}
	return c.place(path)
}

// ids of a section in the order of the file.
func (c *checker) ids(section string) []string {
	n := c.at[section]
	if n == nil || n.shape != mapping {
		return nil
	}
	var ids []string
	for _, k := range n.kids {
		ids = append(ids, k.name)
	}
	return ids
}
