package config

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// FuzzParse: whatever the bytes are, there is a configuration or a reason, never both and never a panic; every reason can
// be shown; and a configuration that was accepted, written out with its defaults, is accepted again and is the same.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "testdata/odd/*.yaml", "testdata/ok/*.yaml", "../../deploy/examples/*.yaml"} {
		names, _ := filepath.Glob(pattern)
		for _, name := range names {
			src, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		cfg, err := Parse("fuzz.yaml", src)
		if (cfg == nil) == (err == nil) {
			t.Fatal("a configuration and an error, or neither")
		}
		if err != nil {
			showable(t, src, err)
			return
		}
		text, err := yaml.Marshal(cfg)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("again.yaml", text)
		if err != nil {
			t.Fatalf("accepted, then refused:\n%s\n%v", text, err)
		}
		again.Hash, again.Warnings = cfg.Hash, nil
		cfg.Warnings = nil
		if diff := cmp.Diff(cfg, again); diff != "" {
			t.Errorf("read back (-first +again):\n%s\n%s", diff, text)
		}
	})
}

func showable(t *testing.T, src []byte, err error) {
	t.Helper()
	var found Errors
	if !errors.As(err, &found) || len(found) == 0 {
		t.Fatalf("no reason: %v", err)
	}
	errorsFound := 0
	for _, p := range found {
		if !p.Warning {
			errorsFound++
		}
		if p.Line < 0 || p.Line > strings.Count(string(src), "\n")+1 || (p.Line > 0 && p.Column < 1) {
			t.Errorf("place %s is not in the file", p.Place)
		}
	}
	if errorsFound == 0 {
		t.Error("refused for warnings alone")
	}
	for _, l := range []Language{English, Chinese} {
		if strings.ContainsAny(found.In(l), "\x1b\x00\r") {
			t.Error("the message could take over a terminal")
		}
	}
	if _, err := json.Marshal(found); err != nil {
		t.Error(err)
	}
}
