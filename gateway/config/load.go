package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// file is one file as it was read.
type file struct {
	name string
	data []byte
}

// Load reads the file at path, and over it the drop-ins path.d/*.yaml in the order of their names: mappings are merged
// by key, anything else is replaced. A configuration that cannot be used is an Errors; any other error means that a file
// could not be read. A configuration without an error is shown to looks, which may find some on the machine.
func Load(path string, looks ...func(*Config) []Remark) (*Config, error) {
	files, err := readAll(path)
	if err != nil {
		return nil, err
	}
	return check(files, looks...)
}

// readAll reads the file and its drop-ins, in the order in which they are laid over each other.
func readAll(path string) ([]file, error) {
	names := []string{path}
	entries, err := os.ReadDir(path + ".d") // sorted by name
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("config: read drop-ins: %w", err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".yaml") && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, filepath.Join(path+".d", e.Name()))
		}
	}
	var files []file
	for _, name := range names {
		data, err := readFile(name)
		if err != nil {
			return nil, fmt.Errorf("config: read configuration: %w", err)
		}
		files = append(files, file{name, data})
	}
	return files, nil
}

// readFile reads one byte more than is allowed, so that the check sees it.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxBytes+1))
}

// Parse checks one file's text; name is what the messages call it. The error is an Errors.
func Parse(name string, src []byte) (*Config, error) {
	return check([]file{{name, src}})
}

func check(files []file, looks ...func(*Config) []Remark) (*Config, error) {
	hash := sha256.New()
	var root *node
	var problems []*Problem
	for _, f := range files {
		hash.Write(f.data)
		tree, found := f.read()
		problems = append(problems, found...)
		switch {
		case root == nil:
			root = tree
		case tree != nil:
			root.merge(tree)
		}
		if tree == nil {
			return nil, Errors(problems) // half a tree would be full of errors that nobody made
		}
	}
	c := newChecker(root, files)
	c.problems = problems
	c.check()
	isError := func(p *Problem) bool { return !p.Warning }
	if !slices.ContainsFunc(c.problems, isError) {
		c.remark(looks)
	}
	if slices.ContainsFunc(c.problems, isError) {
		return nil, Errors(c.problems)
	}
	c.cfg.Warnings = c.problems
	c.cfg.Hash = "sha256:" + hex.EncodeToString(hash.Sum(nil))
	return c.cfg, nil
}

// read turns one file into a tree; nil if it cannot be read to its end.
func (f file) read() (*node, []*Problem) {
	text := strings.TrimPrefix(string(f.data), "\ufeff") // Windows editors begin with a byte order mark
	r := &reader{src: newSource(f.name, text)}
	if len(f.data) > maxBytes {
		r.refuse("too_large", spot{src: r.src}, "", "1 MiB")
		return nil, r.problems
	}
	return r.read(text), r.problems
}
