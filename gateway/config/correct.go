package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Correction says how a point is to be wired from now on. What is empty stays as it is.
type Correction struct {
	Point           string
	Active          Level
	Bias            Bias
	Line, Chip, Pin string
}

// Correct writes a drop-in with corrections over the configuration at path, and returns its name. It is written only if
// the whole configuration is then in order and the corrections are in force; it is durable when Correct returns.
// Removing the file undoes it. An error that is an Errors says what would not be in order.
func Correct(path, why string, corrections []Correction) (name string, err error) {
	files, err := readAll(path)
	if err != nil {
		return "", err
	}
	name = nextCorrection(path, files)
	drop := file{name, dropIn(why, corrections)}
	cfg, err := checkWith(files, drop)
	if err != nil {
		return "", err
	}
	for _, c := range corrections {
		if !c.holds(cfg.Points[c.Point]) {
			return "", fmt.Errorf("config: correct %s: a drop-in behind %s says otherwise: change it there", c.Point, filepath.Base(name))
		}
	}
	if err := writeDurably(name, drop.data); err != nil {
		return "", fmt.Errorf("config: write correction: %w: let the daemon's user write to %s", err, filepath.Dir(name))
	}
	return name, nil
}

// checkWith checks the configuration as it would be with one more drop-in, or with another text of it.
func checkWith(files []file, drop file) (*Config, error) {
	rest := slices.Clone(files[1:])
	at, there := slices.BinarySearchFunc(rest, drop.name, func(f file, name string) int { return strings.Compare(f.name, name) })
	if there {
		rest[at] = drop
	} else {
		rest = slices.Insert(rest, at, drop)
	}
	return check(append(files[:1:1], rest...))
}

// Enrol writes a drop-in with the files of an identity over the configuration at path, and returns its name; ca may be "".
// It is written only if the whole configuration is then in order.
func Enrol(path, cert, key, ca string) (name string, err error) {
	files, err := readAll(path)
	if err != nil {
		return "", err
	}
	name = filepath.Join(path+".d", "40-identity.yaml")
	mqtt := map[string]string{"cert_file": cert, "key_file": key}
	if ca != "" {
		mqtt["ca_file"] = ca
	}
	body, _ := json.MarshalIndent(map[string]any{"mqtt": mqtt}, "", "  ") // strings cannot fail
	drop := file{name, fmt.Appendf(nil, "# Written by lotusgate enrol.\n%s\n", body)}
	if _, err := checkWith(files, drop); err != nil {
		return "", err
	}
	if err := writeDurably(name, drop.data); err != nil {
		return "", fmt.Errorf("config: write identity: %w", err)
	}
	return name, nil
}

// Swap is the correction of two wires that were swapped: each point gets the other's terminal. Everything else belongs
// to the contact, not to the terminal, and stays.
func Swap(cfg *Config, a, b string) ([]Correction, error) {
	p, q := cfg.Points[a], cfg.Points[b]
	if (p.Line == "") != (q.Line == "") {
		return nil, fmt.Errorf("config: swap %s and %s: one is on the board and the other on a module: swap the two wires by hand", a, b)
	}
	return []Correction{{Point: a, Line: q.Line, Chip: q.Chip, Pin: q.Pin}, {Point: b, Line: p.Line, Chip: p.Chip, Pin: p.Pin}}, nil
}

// Invert is the correction of a point that rests active. The bias stays, which by default follows the level.
func Invert(cfg *Config, point string) []Correction {
	p := cfg.Points[point]
	c := Correction{Point: point, Active: ActiveHigh, Bias: p.Bias}
	if p.Active == ActiveHigh {
		c.Active = ActiveLow
	}
	return []Correction{c}
}

func (c Correction) holds(p Point) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(string(c.Active), string(p.Active)) && is(string(c.Bias), string(p.Bias)) && is(c.Line, p.Line) && is(c.Chip, p.Chip) && is(c.Pin, p.Pin)
}

// dropIn is the file. JSON is YAML.
func dropIn(why string, corrections []Correction) []byte {
	points := map[string]map[string]string{}
	for _, c := range corrections {
		keys := map[string]string{"active": string(c.Active), "bias": string(c.Bias), "line": c.Line, "chip": c.Chip, "pin": c.Pin}
		for key, value := range keys {
			if value == "" {
				delete(keys, key)
			}
		}
		points[c.Point] = keys
	}
	body, _ := json.MarshalIndent(map[string]any{"points": points}, "", "  ") // strings cannot fail
	why = strings.NewReplacer("\n", " ", "\r", " ").Replace(why)
	return fmt.Appendf(nil, "# %s\n# Delete this file to undo it.\n%s\n", why, body)
}

const correctionPrefix = "50-correction-"

// nextCorrection is a name behind those of all corrections before it.
func nextCorrection(path string, files []file) string {
	last := 0
	for _, f := range files {
		var n int
		if _, err := fmt.Sscanf(filepath.Base(f.name), correctionPrefix+"%04d.yaml", &n); err == nil {
			last = max(last, n)
		}
	}
	return filepath.Join(path+".d", fmt.Sprintf(correctionPrefix+"%04d.yaml", last+1))
}

// writeDurably creates a file that is there as a whole or not at all, whenever the power goes.
func writeDurably(name string, data []byte) error {
	dir := filepath.Dir(name)
	if err := os.Mkdir(dir, 0o755); err == nil {
		if err := syncDir(filepath.Dir(dir)); err != nil {
			return err
		}
	} else if !os.IsExist(err) {
		return err
	}
	f, err := os.CreateTemp(dir, ".correction-*") // a leading dot is not read
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
