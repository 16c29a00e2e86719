package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// mutant is a deliberate fault in the product: the simulation must find it, or it proves nothing.
type mutant struct {
	name, what, gateway string
	seeds               int
	file, old, new      string
}

// mutants reads testdata/mutants: a sentence, the gateway and the most seeds it may take, the file, and the text to replace.
func mutants(t *testing.T) (all []mutant) {
	t.Helper()
	files, err := filepath.Glob("testdata/mutants/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	for _, path := range files {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m := mutant{name: strings.TrimSuffix(filepath.Base(path), ".txtar")}
		head := strings.SplitN(string(a.Comment), "\n", 2)
		m.what = head[0]
		if _, err := fmt.Sscanf(head[1], "gateway %s\nseeds %d\nfile %s\n", &m.gateway, &m.seeds, &m.file); err != nil || len(a.Files) != 2 {
			t.Fatalf("%s: gateway, seeds, file, old and new are wanted: %v", path, err)
		}
		m.old, m.new = string(a.Files[0].Data), string(a.Files[1].Data)
		all = append(all, m)
	}
	return all
}

// apply writes the mutated file below dir and returns its place in the tree.
func (m mutant) apply(t *testing.T, root, dir string) (place, replaced string) {
	t.Helper()
	place = filepath.Join(root, m.file)
	b, err := os.ReadFile(place)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b, []byte(m.old)); n != 1 {
		t.Fatalf("%s: %s has the text to replace %d times: bring the mutant up to date", m.name, m.file, n)
	}
	replaced = filepath.Join(dir, filepath.Base(m.file))
	if err := os.WriteFile(replaced, bytes.Replace(b, []byte(m.old), []byte(m.new), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	return place, replaced
}

func root(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// Every mutant still fits the code.
func TestMutantsApply(t *testing.T) {
	for _, m := range mutants(t) {
		m.apply(t, root(t), t.TempDir())
	}
}

// violated is the line of a day and its first violation.
var violated = regexp.MustCompile(`(?m)^seed (\d+) .*\n +\S+: (.*)$`)

// mutantRow is a row of the table: at most so many seeds may pass until the fault is found.
const mutantRow = "%-24s %-12s %5s  %-9s  %s\n"

// Each fault is found, within its number of seeds. The faults are never in the product: they are laid over it for one
// build. make sim asks for it.
func TestMutants(t *testing.T) {
	if os.Getenv("LOTUSGATE_MUTANTS") != "1" {
		t.Skip("builds the product anew for each mutant: make mutants (LOTUSGATE_MUTANTS=1)")
	}
	base := root(t)
	fmt.Fprintf(os.Stdout, mutantRow, "mutant", "gateway", "seeds", "found at", "what it does, and what was found")
	for _, m := range mutants(t) {
		t.Run(m.name, func(t *testing.T) {
			dir := t.TempDir()
			place, replaced := m.apply(t, base, dir)
			overlay, err := json.Marshal(map[string]map[string]string{"Replace": {place: replaced}})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
				t.Fatal(err)
			}
			program := filepath.Join(dir, "firmware-sim")
			if out, err := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, "lotusgate/cmd/firmware-sim").CombinedOutput(); err != nil {
				t.Errorf("%s does not build: %v\n%s", m.name, err, out)
				return
			}
			cmd := exec.Command(program, "sim", "--quiet", "--first", "--save=", "--seeds", strconv.Itoa(m.seeds), filepath.Join(base, "deploy/examples", m.gateway+".yaml"))
			out, err := cmd.Output()
			found, violation := "NOT FOUND", ""
			var exit *exec.ExitError
			if errors.As(err, &exit) && exit.ExitCode() == 1 {
				found = "an error" // the simulation itself stopped
				if at := violated.FindSubmatch(out); at != nil {
					found, violation = fmt.Sprintf("seed %s", at[1]), string(at[2])
				}
			}
			fmt.Fprintf(os.Stdout, mutantRow, m.name, m.gateway, strconv.Itoa(m.seeds), found, m.what)
			if violation != "" {
				fmt.Fprintf(os.Stdout, mutantRow, "", "", "", "", "→ "+violation)
			}
			if found == "NOT FOUND" {
				t.Errorf("%s: %d seeds found nothing\n%s", m.name, m.seeds, out)
			}
		})
	}
}
