// Package scenario reads scenario files: what happens, and what comes of it. A file is a txtar archive whose name says the
// behaviour and whose comment says what it is about. The same format serves one machine (tests of gateway/device), a whole
// gateway with its simulated field (package district), and the program on a real kernel (tests in a VM).
//
// Parts:
//
//	-- device --  one machine and what differs from a site's defaults: "loop max_presence=10m"; or
//	-- site --    a shipped configuration, "minimal", and how long: "minimal 2m"; in the lines below,
//	              "this => that" changes it
//	-- inputs --  one a line, in the order of time: "1.5s entry-a-in+" activates a wire, "2s entry-a-in-" lets it rest,
//	              "10s entry car" sends a car, "20s entry-gate open! ref=a" is a command; district/verbs.go has all words
//	-- events --  what the gateway concluded: time, device, type, data
//	-- relays --  what it switched: time, line, on or off
//	-- state --   what devices that had a part in it say at the end: device, value, quality
//
// A comment that names a row of the table of truth and report, as "entry lane.vehicle_waiting", says that they differ there
// on purpose. Times of events and relays count from the start, as those of inputs do.
package scenario

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// File is one scenario.
type File struct {
	Path    string
	archive *txtar.Archive
}

// Input is one line of a script.
type Input struct {
	At   time.Duration
	Text string // the rest of the line
}

// The parts of a file. A file has one of Device and Site.
const (
	Device, Site            = "device", "site"
	Inputs, Events          = "inputs", "events"
	Relays, State           = "relays", "state"
	errParts       fileFlaw = "a scenario has a comment, one of device and site, inputs, events, state, and with a site relays"
)

type fileFlaw string

func (f fileFlaw) Error() string { return string(f) }

// Read reads a file and holds that it has the parts of a scenario.
func Read(path string) (*File, error) {
	a, err := txtar.ParseFile(path)
	if err != nil {
		return nil, err
	}
	f := &File{Path: path, archive: a}
	var parts []string
	for _, p := range a.Files {
		parts = append(parts, p.Name)
	}
	slices.Sort(parts)
	one := slices.Equal(parts, []string{Device, Events, Inputs, State})
	all := slices.Equal(parts, []string{Events, Inputs, Relays, Site, State})
	if strings.TrimSpace(string(a.Comment)) == "" || !one && !all {
		return nil, fmt.Errorf("read scenario %s: %w", path, errParts)
	}
	return f, nil
}

// Name is the behaviour.
func (f *File) Name() string { return strings.TrimSuffix(filepath.Base(f.Path), ".txtar") }

// Comment says what it is about.
func (f *File) Comment() string { return strings.TrimSpace(string(f.archive.Comment)) }

func (f *File) part(name string) *txtar.File {
	for i := range f.archive.Files {
		if f.archive.Files[i].Name == name {
			return &f.archive.Files[i]
		}
	}
	return nil
}

// Part is the text of a part; "" if there is none.
func (f *File) Part(name string) string {
	if p := f.part(name); p != nil {
		return string(p.Data)
	}
	return ""
}

// Differs tells how a part differs from lines that were found; "" = not at all.
func (f *File) Differs(part string, lines []string) string {
	got := text(lines)
	if want := f.Part(part); got != want {
		return fmt.Sprintf("%s: got\n%swant\n%s", part, got, want)
	}
	return ""
}

// Set replaces a part, and Write writes the file.
func (f *File) Set(part string, lines []string) { f.part(part).Data = []byte(text(lines)) }

// Write writes the file as it is now.
func (f *File) Write() error { return os.WriteFile(f.Path, txtar.Format(f.archive), 0o644) }

func text(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// Script reads the inputs. Times must not go back.
func (f *File) Script() ([]Input, error) {
	var all []Input
	for line := range strings.Lines(f.Part(Inputs)) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "" {
			continue
		}
		at, err := time.ParseDuration(word)
		if err != nil {
			return nil, fmt.Errorf("scenario %s: %q: begin the line with a time, as in 1.5s", f.Name(), line)
		}
		if len(all) > 0 && at < all[len(all)-1].At {
			return nil, fmt.Errorf("scenario %s: %q: time goes back", f.Name(), line)
		}
		all = append(all, Input{at, strings.TrimSpace(rest)})
	}
	return all, nil
}

// Setup of a site scenario: the shipped configuration, how long it lasts, and YAML to be added.
func (f *File) Setup() (config string, end time.Duration, more string, err error) {
	first, more, _ := strings.Cut(f.Part(Site), "\n")
	words := strings.Fields(first)
	if len(words) != 2 {
		return "", 0, "", fmt.Errorf("scenario %s: -- site -- names a configuration and a time: minimal 2m", f.Name())
	}
	end, err = time.ParseDuration(words[1])
	return words[0], end, more, err
}

// Explains tells whether the comment names a row in which truth and report differ on purpose.
func (f *File) Explains(row string) bool { return strings.Contains(f.Comment(), row) }

// Leave leaves out the rows that the comment explains.
func Leave[T any](f *File, rows []T, name func(T) string) (kept []T) {
	for _, r := range rows {
		if !f.Explains(name(r)) {
			kept = append(kept, r)
		}
	}
	return kept
}
