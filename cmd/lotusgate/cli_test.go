package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"lotusgate/gateway/config"
)

var update = flag.Bool("update", false, "rewrite man pages and examples")

// golden compares with a file of the tree, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("%v: run go test ./cmd/lotusgate -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: run go test ./cmd/lotusgate -update (-file +code):\n%s", name, diff)
	}
}

// answer runs a command line as main does, with somebody at the keyboard.
func answer(t *testing.T, input string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Setenv("LC_ALL", "C")
	var out, errs bytes.Buffer
	code = executeWith(t.Context(), args, strings.NewReader(input), &out, &errs)
	return code, out.String(), errs.String()
}

// Each board has an example, which is what init writes for it, and the check has nothing to say about it.
func TestInitExamples(t *testing.T) {
	for _, b := range boardKinds {
		code, text, stderr := answer(t, "", "init", "--board", b.flag, "--site", "lianhua", "--broker", "mqtts://broker.lan:8883",
			"--lanes", "2", "--elevators", "4", "--cameras", "2")
		if code != 0 {
			t.Fatalf("%s: %d %s", b.flag, code, stderr)
		}
		golden(t, "../../deploy/examples/"+b.flag+".yaml", strings.Replace(text, "/usr/share/lotusgate/lotusgate.schema.json", "../lotusgate.schema.json", 1))
		cfg, err := config.Parse(b.flag, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if len(cfg.Warnings) > 0 {
			t.Errorf("%s:\n%s", b.flag, cfg.Warnings.In(config.English))
		}
	}
}

// Any number of devices that init accepts gives a file that the check accepts.
func TestInitSizes(t *testing.T) {
	for lanes := range 3 {
		for _, contacts := range [][2]int{{0, 0}, {1, 0}, {0, 1}, {14, 0}, {7, 8}, {56, 0}, {0, 56}, {20, 36}} {
			o := initOptions{board: "pi5", site: "s", id: "g", lanes: lanes, elevators: contacts[0], cameras: contacts[1]}
			text, err := o.write()
			if err != nil {
				t.Fatalf("%d lanes, %v: %v", lanes, contacts, err)
			}
			cfg, err := config.Parse("x", text)
			if err != nil {
				t.Fatalf("%d lanes, %v: %v", lanes, contacts, err)
			}
			if got, want := len(cfg.Devices()), 4*lanes+contacts[0]+contacts[1]; got != want {
				t.Errorf("%d lanes, %v: %d devices, want %d", lanes, contacts, got, want)
			}
		}
	}
}

func TestInitAsks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lotusgate.yaml")
	code, _, stderr := answer(t, "pi5\nlianhua\n\n\n2\n1\n0\n", "init", "--ask", "-o", file)
	if code != 0 || !strings.Contains(stderr, "Board (pi3, pi4, pi5, zero2w) [pi4]: ") || !strings.Contains(stderr, "next: lotusgate check") {
		t.Fatalf("%d\n%s", code, stderr)
	}
	if code, out, errs := answer(t, "", "check", file); code != 0 || !strings.Contains(out, "ok, 11 points, 9 devices") {
		t.Errorf("%d %s%s", code, out, errs)
	}
	if code, _, stderr := answer(t, "", "init", "--site", "x", "-o", file); code != exitUsage || !strings.Contains(stderr, "there already") {
		t.Errorf("a file was replaced: %d %s", code, stderr)
	}
	if code, _, _ := answer(t, "", "init", "--site", "x", "-o", file, "--force"); code != 0 {
		t.Error("--force does not replace")
	}
}

func TestExitCodes(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("gateway: {siet: x}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		says string // on stderr
	}{
		{"check ../../deploy/examples/minimal.yaml", 0, ""},
		{"check " + bad, exitFailed, "did you mean site?"},
		{"check --json " + bad, exitFailed, ""},
		{"check /no/such/file", exitUsage, "name the file with --config"},
		{"run --config /no/such/file", exitUsage, "name the file with --config"},
		{"check one two", exitUsage, "See lotusgate --help."},
		{"chekc", exitUsage, "check"},
		{"init", exitUsage, "--site is missing"},
		{"init --ask", exitUsage, "answers ended early"},
		{"init --site x --board pi9", exitUsage, "pi3, pi4, pi5, zero2w"},
		{"init --site x --lanes 3", exitUsage, "0 to 2"},
		{"init --site x --elevators 57", exitUsage, "0 to 56"},
		{"init --site No", exitUsage, "did you mean no?"},
		{"version", 0, ""},
		{"schema", 0, ""},
		{"completion bash", 0, ""},
	} {
		code, _, stderr := answer(t, "", strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(stderr, c.says) || (c.says == "") != (stderr == "") {
			t.Errorf("%s: exit %d, want %d; says %q, want %q", c.args, code, c.code, stderr, c.says)
		}
	}
}

func TestVersionJSON(t *testing.T) {
	code, out, _ := answer(t, "", "version", "--json")
	var v struct {
		Version, Go, OS, Arch string
		Modules               map[string]string
	}
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != 0 || v.Version != version || v.Go == "" || v.Arch == "" {
		t.Errorf("%d %v %s", code, err, out)
	}
}

func TestSchemaCommand(t *testing.T) {
	code, out, _ := answer(t, "", "schema")
	shipped, err := os.ReadFile("../../deploy/lotusgate.schema.json")
	if err != nil || code != 0 || out != string(shipped) {
		t.Errorf("the shipped schema is not the printed one: %d %v", code, err)
	}
}

// commands of the program, without those that cobra adds.
func commands(root *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{root}
	for _, c := range root.Commands() {
		if c.Name() != "help" && c.Name() != "completion" {
			list = append(list, commands(c)...)
		}
	}
	return list
}

// Man pages are what the commands say about themselves.
func TestManPages(t *testing.T) {
	root := rootCommand()
	root.InitDefaultCompletionCmd()
	have := map[string]bool{}
	for _, c := range commands(root) {
		name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
		c.DisableAutoGenTag = true
		var b bytes.Buffer
		// The date of a page is that of the release; it is left out so that two builds are equal.
		if err := doc.GenMan(c, &doc.GenManHeader{Section: "1", Source: "Lotusgate", Manual: "Lotusgate"}, &b); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		if head, rest, ok := strings.Cut(text, "\n.TH "); ok { // .TH "NAME" "1" "Nov 2026" "Lotusgate" …
			fields := strings.SplitN(rest, "\" \"", 4)
			fields[2] = ""
			text = head + "\n.TH " + strings.Join(fields, "\" \"")
		} else {
			t.Fatal("a man page without a title")
		}
		have[name] = true
		golden(t, "../../deploy/man/"+name, text)
	}
	files, err := filepath.Glob("../../deploy/man/*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if !have[filepath.Base(file)] {
			t.Errorf("%s describes a command that does not exist", file)
		}
	}
}

// Help is complete: each command says what it does, and its examples are calls that exist.
func TestHelp(t *testing.T) {
	root := rootCommand()
	for _, c := range commands(root) {
		if c.Short == "" || c.Example == "" {
			t.Errorf("%s: no sentence or no example", c.CommandPath())
		}
		for line := range strings.Lines(c.Example) {
			words := strings.Fields(line)
			if len(words) == 0 || words[0] != "lotusgate" {
				continue
			}
			if end := slices.IndexFunc(words, func(w string) bool { return w == ">" || w == "|" }); end > 0 {
				words = words[:end]
			}
			found, rest, err := rootCommand().Find(words[1:])
			if err != nil || found.CommandPath() == "lotusgate" {
				t.Errorf("%s: example %q: %v", c.CommandPath(), line, err)
				continue
			}
			if err := found.ParseFlags(rest); err != nil {
				t.Errorf("%s: example %q: %v", c.CommandPath(), line, err)
			}
		}
	}
}

// What is linked into the program that stands at the gate: nothing of demos, browsers and tests.
func TestModulesOfTheProgram(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{
		"lotusgate", "github.com/eclipse/paho.mqtt.golang", "github.com/gorilla/websocket", "github.com/goccy/go-yaml",
		"github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/warthog618/go-gpiocdev", "periph.io/x/conn/v3", "periph.io/x/host/v3",
		"github.com/coreos/go-systemd/v22", "github.com/go-jose/go-jose/v4", "golang.org/x/", "rsc.io/qr",
		"github.com/prometheus/", "github.com/beorn7/perks", "github.com/cespare/xxhash/v2", "github.com/munnerz/goautoneg", "google.golang.org/protobuf",
	}
	seen := 0
	for path := range strings.FieldsSeq(string(out)) {
		seen++
		if !slices.ContainsFunc(allowed, func(a string) bool { return path == a || strings.HasSuffix(a, "/") && strings.HasPrefix(path, a) }) {
			t.Errorf("%s is linked into lotusgate: is that worth its bytes on every gateway? Then say so here", path)
		}
	}
	if seen == 0 {
		t.Error("no modules were listed")
	}
}
