package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with a file beside the input, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if hole := regexp.MustCompile(`\{#?\d\}`).FindString(got); hole != "" {
		t.Errorf("%s: %s was not filled in:\n%s", name, hole, got)
	}
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// Each file of testdata/bad is a mistake; what the technician reads about it stands beside it in both languages.
func TestBad(t *testing.T) {
	names, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(names) < 25 {
		t.Fatal(len(names), err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".yaml"), func(t *testing.T) {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse(filepath.Base(name), src)
			var found Errors
			if !errors.As(err, &found) {
				t.Fatalf("accepted, or another error: %v", err)
			}
			golden(t, strings.TrimSuffix(name, ".yaml")+".en", found.Error()+"\n")
			golden(t, strings.TrimSuffix(name, ".yaml")+".zh", found.In(Chinese)+"\n")
		})
	}
}

// Each file of testdata/odd works but for its warnings.
func TestOdd(t *testing.T) {
	names, err := filepath.Glob("testdata/odd/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".yaml"), func(t *testing.T) {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			cfg, err := Parse(filepath.Base(name), src)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(name, ".yaml")+".en", cfg.Warnings.In(English)+"\n")
			golden(t, strings.TrimSuffix(name, ".yaml")+".zh", cfg.Warnings.In(Chinese)+"\n")
		})
	}
}
