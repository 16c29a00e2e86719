package deploy

import (
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// docs/security.md promises nothing that no test holds: each line names tests, and they exist.
func TestSecurityNamesTests(t *testing.T) {
	exist := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		b, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(string(b), -1) {
			exist[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(read(t, "../docs/security.md")) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if !strings.HasPrefix(line, "| S") && !strings.HasPrefix(line, "| 5.") {
			continue
		}
		rows++
		names := strings.Split(cells[len(cells)-1], ", ")
		for _, name := range names {
			if !exist[name] {
				t.Errorf("%s: there is no test %q", cells[0], name)
			}
		}
	}
	if rows != 15+13 {
		t.Errorf("%d requirements, want S1 to S15 and provisions 5.1 to 5.13", rows)
	}
}

func TestSecurityPolicy(t *testing.T) {
	policy := read(t, "../SECURITY.md")
	for _, word := range []string{"Report a weakness", "within", "Supported:"} {
		if !strings.Contains(policy, word) {
			t.Errorf("SECURITY.md does not say %q", word)
		}
	}
}

// The documents for who installs link to what exists, and drawings are well formed and have words for who cannot see them.
func TestDocuments(t *testing.T) {
	for _, name := range []string{"boards", "wiring", "install", "security", "consumers/README"} {
		file := "../docs/" + name + ".md"
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(read(t, file), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", file, m[1], err)
			}
		}
	}
	drawings, err := filepath.Glob("../docs/*.svg")
	if err != nil || len(drawings) < 3 {
		t.Fatal(drawings, err)
	}
	for _, file := range drawings {
		text := read(t, file)
		d := xml.NewDecoder(strings.NewReader(text))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%s: %v", file, err)
				break
			}
		}
		if !strings.Contains(text, "<title") && !strings.Contains(text, "aria-label") {
			t.Errorf("%s has no words for who cannot see it", file)
		}
	}
	// Lines that the examples want in the boot configuration are explained.
	boards := read(t, "../docs/boards.md")
	examples, err := filepath.Glob("examples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range examples {
		for _, m := range regexp.MustCompile(`(?m)^#   (dtparam=[a-z0-9_]+|dtoverlay=\S+|gpio=)`).FindAllStringSubmatch(read(t, file), -1) {
			if !strings.Contains(boards, m[1]) {
				t.Errorf("%s wants %s, docs/boards.md does not say why", file, m[1])
			}
		}
	}
}
