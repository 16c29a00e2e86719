package config

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lotusgate/gateway"
)

// example has one of everything and no key that a default would give.
const example = "testdata/ok/site.yaml"

// What is shipped is in order, and raises no warning.
func TestExamplesAreClean(t *testing.T) {
	names, err := filepath.Glob("../../deploy/examples/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range append(names, example) {
		cfg, err := Load(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if len(cfg.Warnings) > 0 {
			t.Error(cfg.Warnings.In(English))
		}
	}
}

func TestDefaults(t *testing.T) {
	cfg, err := Load(example)
	if err != nil {
		t.Fatal(err)
	}
	ms, num, yes := func(n time.Duration) *time.Duration { d := n * time.Millisecond; return &d }, func(n int) *int { return &n }, true
	loop := func(input string) Loop {
		return Loop{
			Input: input, Output: OutputPresence, Fail: FailSafe, FaultMeans: "detector", Blank: 10 * time.Second,
			MaxPresence: 10 * time.Minute, NoActivity: 12 * time.Hour, Erratic: 30, Healthy: time.Minute,
		}
	}
	want := &Config{
		Gateway: Gateway{Site: "lianhua", ID: "park-01", Label: "Car park, gate cabinet", Labels: map[string]string{"community": "wanquan"}},
		MQTT: MQTT{
			Broker: "mqtt://broker.lan:1883", Prefix: "lotusgate/v1", ClientID: "lianhua_park-01",
			Ack: AckBroker, Format: FormatCloudEvents, Window: 64, KeepAlive: 20 * time.Second, AckTimeout: 15 * time.Second, Stall: 10 * time.Minute,
		},
		Storage: Storage{Path: "/var/lib/lotusgate", Alarm: 16 << 20, Normal: 64 << 20, Record: 32 << 20},
		Status:  Status{Listen: "127.0.0.1:8080"},
		Control: Control{Socket: "/run/lotusgate/control.sock", Group: "lotusgate-operators"},
		Buses:   map[string]Bus{"i2c-1": {Device: "/dev/i2c-1", Speed: 400e3}},
		Chips:   map[string]Chip{"x1": {Kind: MCP23017, Bus: "i2c-1", Address: 0x20, Interrupt: "GPIO25", Poll: time.Second}},
		Points: map[string]Point{
			"entry-a-in":     {Label: "Loop A before the barrier", Line: "GPIO17", Active: ActiveLow, Bias: BiasUp, Budget: num(120), Settle: ms(20)},
			"entry-b-in":     {Label: "Loop B behind the barrier", Line: "GPIO27", Active: ActiveLow, Bias: BiasUp, Budget: num(120), Settle: ms(20)},
			"eg-open":        {Label: "Arm is up", Line: "GPIO22", Active: ActiveLow, Bias: BiasUp, Budget: num(60), Settle: ms(20)},
			"eg-closed":      {Label: "Arm is down", Line: "GPIO23", Active: ActiveLow, Bias: BiasUp, Budget: num(60), Settle: ms(20)},
			"eg-photo":       {Label: "Photocell under the arm", Line: "GPIO24", Active: ActiveLow, Bias: BiasUp, Budget: num(60), Settle: ms(20)},
			"car-1-fault-in": {Label: "General fault contact", Chip: "x1", Pin: "GPA0", Active: ActiveLow, Bias: BiasUp, Budget: num(60), Settle: ms(30)},
			"cam-01-pulse":   {Label: "Heartbeat output", Chip: "x1", Pin: "GPA1", Active: ActiveLow, Bias: BiasUp, Budget: num(64), Settle: ms(30)},
		},
		Loops: map[string]Loop{"entry-a": loop("entry-a-in"), "entry-b": loop("entry-b-in")},
		Lanes: map[string]Lane{"entry": {
			Label: "Entry", Direction: gateway.In, OneWay: &yes, A: "entry-a", B: "entry-b", Gap: 3 * time.Second, Jitter: 50 * time.Millisecond,
			Waiting: time.Minute, UTurn: time.Minute, CreditFor: 2 * time.Minute, WhenAway: AwayNone,
		}},
		Gates: map[string]Gate{"entry-gate": {
			Label: "Entry barrier", Lane: "entry", OpenLimit: "eg-open", ClosedLimit: "eg-closed", Travel: 5 * time.Second,
			Safety: []string{"eg-photo", "entry-b"},
			Outputs: GateOutputs{
				Open:  &Output{Line: "GPIO16", Active: ActiveHigh, Guard: GuardKernel},
				Close: &Output{Line: "GPIO20", Active: ActiveHigh, Guard: GuardKernel},
				Stop:  &Output{Line: "GPIO21", Active: ActiveHigh, Guard: GuardKernel},
			},
			Pulse: 500 * time.Millisecond, OnTrip: TripOpens, Clear: time.Second, OnPowerFail: PowerFailNothing,
		}},
		Elevators: map[string]Elevator{"car-1": {
			Label: "Building 1, car 1", Fault: "car-1-fault-in", RaiseAfter: ms(1000), ClearAfter: ms(1000),
			Filter: ms(10_000), Override: ms(30_000), OutOfZone: 15 * time.Second, InZone: 90 * time.Second, TestEvery: 72 * time.Hour,
		}},
		Cameras:  map[string]Camera{"cam-01": {Label: "Camera over the entry", Heartbeat: "cam-01-pulse", Period: time.Minute}},
		Service:  Service{Window: 10 * time.Minute},
		Commands: Commands{Auth: AuthJWS, PerMinute: 60},
		Hash:     cfg.Hash,
	}
	if diff := cmp.Diff(want, cfg); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(cfg.Hash) {
		t.Errorf("hash %q", cfg.Hash)
	}
}

// Defaults that hang on other keys, and the port of a broker.
func TestDefaultsThatDepend(t *testing.T) {
	cfg := accept(t, `
gateway: {site: s, id: g}
storage: {path: /var/lib/lotusgate}
mqtt: {broker: "mqtts://broker.lan"}
buses: {b: {device: I2C1}}
chips:
  polled: {kind: mcp23017, bus: b, address: 0x20}
  wired: {kind: mcp23017, bus: b, address: 0x21, interrupt: GPIO25}
  set: {kind: mcp23017, bus: b, address: 0x22, poll: 5ms}
points:
  high: {line: GPIO17, active: high}
  chip-high: {chip: wired, pin: GPB3, active: high}
  fast: {line: GPIO27, settle: 0s, bias: none}
`)
	if cfg.MQTT.Broker != "mqtts://broker.lan:8883" || cfg.Buses["b"].Speed != 100e3 {
		t.Error(cfg.MQTT.Broker, cfg.Buses)
	}
	for id, want := range map[string]time.Duration{"polled": 20 * time.Millisecond, "wired": time.Second, "set": 5 * time.Millisecond} {
		if got := cfg.Chips[id].Poll; got != want {
			t.Errorf("chip %s is polled every %v, want %v", id, got, want)
		}
	}
	for id, want := range map[string]Bias{"high": BiasDown, "chip-high": BiasNone, "fast": BiasNone} {
		if got := cfg.Points[id].Bias; got != want {
			t.Errorf("bias of %s is %q, want %q", id, got, want)
		}
	}
	if got := *cfg.Points["fast"].Settle; got != 0 {
		t.Errorf("settle 0s became %v", got)
	}
}

// Every key of the structs has a rule, every rule a key, and the comments in config.go say what the rules do.
func TestRulesMatchTheStructs(t *testing.T) {
	comments := fieldComments(t)
	seen := map[string]bool{}
	var walk func(typ reflect.Type, pattern, comment string)
	walk = func(typ reflect.Type, pattern, comment string) {
		switch {
		case typ.Kind() == reflect.Pointer:
			walk(typ.Elem(), pattern, comment)
		case typ.Kind() == reflect.Map || typ.Kind() == reflect.Slice:
			walk(typ.Elem(), pattern+".*", "")
		case typ.Kind() == reflect.Struct:
			for i := range typ.NumField() {
				f := typ.Field(i)
				if tag := f.Tag.Get("yaml"); tag != "-" {
					walk(f.Type, join(pattern, tag), comments[typ.Name()+"."+f.Name])
				}
			}
		default:
			seen[pattern] = true
			r, ok := rules[pattern]
			if !ok {
				t.Errorf("%s has no rule", pattern)
			}
			v := reflect.New(typ).Elem()
			for _, text := range []string{r.def, r.min, r.max} {
				if text != "" && assign(v, text) != "" {
					t.Errorf("%s: rule says %q, which is not readable", pattern, text)
				}
			}
			if r.def != "" && r.def != "0" && !strings.Contains(strings.ToLower(comment), "default "+strings.ToLower(r.def)) {
				t.Errorf("%s: default is %s, comment in config.go says %q", pattern, r.def, comment)
			}
			if m := regexp.MustCompile(`(?i)default ([0-9]\S*)(;|$|, at)`).FindStringSubmatch(comment); m != nil && r.def != m[1] {
				t.Errorf("%s: comment says default %s, rule %q", pattern, m[1], r.def)
			}
			if m := regexp.MustCompile(`at least (\S+)`).FindStringSubmatch(comment); m != nil && r.min != m[1] {
				t.Errorf("%s: comment says at least %s, rule %q", pattern, m[1], r.min)
			}
		}
	}
	walk(reflect.TypeFor[Config](), "", "")
	for pattern := range rules {
		if !seen[pattern] {
			t.Errorf("rule for %s, which is no key", pattern)
		}
	}
}

// fieldComments are the comments behind the fields of the configuration's types, by Type.Field.
func fieldComments(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	comments := map[string]string{}
	var decls []ast.Decl
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		decls = append(decls, file.Decls...)
	}
	for _, d := range decls {
		gen, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range gen.Specs {
			spec, ok := s.(*ast.TypeSpec)
			if !ok {
				continue
			}
			if st, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range st.Fields.List {
					for _, name := range f.Names {
						comments[spec.Name.Name+"."+name.Name] = strings.TrimSpace(f.Comment.Text())
					}
				}
			}
		}
	}
	return comments
}

// Every code that the code uses has a sentence in both languages, and no sentence is left over.
func TestSentencesAreComplete(t *testing.T) {
	names, _ := filepath.Glob("*.go")
	var text strings.Builder
	for _, name := range names {
		if name == "sentences.go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(src)
	}
	for code, s := range sentences {
		if !strings.Contains(text.String(), `"`+string(code)+`"`) {
			t.Errorf("%s: no code reports it", code)
		}
		if s.what.EN == "" || s.what.ZH == "" || (s.advice.EN == "") != (s.advice.ZH == "") {
			t.Errorf("%s: a language is missing", code)
		}
		hole := regexp.MustCompile(`\{#?\d\}`)
		for _, pair := range []gateway.Text{s.what, s.advice} {
			en, zh := hole.FindAllString(pair.EN, -1), hole.FindAllString(pair.ZH, -1)
			slices.Sort(en)
			slices.Sort(zh)
			if !slices.Equal(slices.Compact(en), slices.Compact(zh)) {
				t.Errorf("%s: English fills %v, Chinese %v", code, en, zh)
			}
		}
	}
	used := regexp.MustCompile(`(?:fail|warn|refuse|add)\([^"\n]*"([a-z_0-9]+)"|return "([a-z_]+)"`)
	for _, m := range used.FindAllStringSubmatch(text.String(), -1) {
		code := Code(m[1] + m[2])
		if _, ok := sentences[code]; !ok && strings.Contains(string(code), "_") {
			t.Errorf("%s is reported and has no sentence", code)
		}
	}
}

func TestDevices(t *testing.T) {
	cfg, err := Load(example)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, d := range cfg.Devices() {
		ids = append(ids, d.ID)
	}
	if want := []string{"cam-01", "car-1", "entry", "entry-a", "entry-b", "entry-gate"}; !slices.Equal(ids, want) {
		t.Errorf("devices %v, want %v", ids, want)
	}
	want := gateway.MetaDevice{
		ID: "entry-gate", Kind: KindGate, Label: "Entry barrier", Parts: []string{"entry", "entry-b"},
		Points: []string{"eg-open", "eg-closed", "eg-photo"}, Commands: []string{"open", "close", "stop", "hold_open", "release"},
	}
	if diff := cmp.Diff(want, cfg.Devices()[5]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if cfg.Root() != "lotusgate/v1/lianhua/park-01" || cfg.Source() != "//lianhua/park-01" {
		t.Error(cfg.Root(), cfg.Source())
	}
	if got := IDs(cfg.Loops); !slices.Equal(got, []string{"entry-a", "entry-b"}) {
		t.Error(got)
	}
}

func TestChannelOf(t *testing.T) {
	for pin, want := range map[string]int{"GPA0": 0, "GPA7": 7, "GPB0": 8, "GPB7": 15} {
		if got, err := ChannelOf(MCP23017, pin); err != nil || got != want {
			t.Errorf("%s: %d, %v", pin, got, err)
		}
	}
	for _, pin := range []string{"", "GPA8", "gpa0", "GPC0"} {
		if got, err := ChannelOf(MCP23017, pin); err == nil {
			t.Errorf("%q is channel %d", pin, got)
		}
	}
	if _, err := ChannelOf("pca9555", "GPA0"); err == nil {
		t.Error("a chip that is not known has pins")
	}
}

func TestUnits(t *testing.T) {
	for text, want := range map[string]Bytes{"64MiB": 64 << 20, "512KiB": 512 << 10, "1GiB": 1 << 30, "0KiB": 0} {
		var b Bytes
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want || b.String() != text {
			t.Errorf("%s: %d, %v, %s", text, b, err, b)
		}
	}
	for _, text := range []string{"", "64", "MiB", "-1MiB", "1.5GiB", "64MB", "64 MiB", "9999999999GiB", "99999999999999999999KiB"} {
		var b Bytes
		if err := b.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is read as %d", text, b)
		}
	}
	for text, want := range map[string]Hertz{"100kHz": 100e3, "1MHz": 1e6, "12345Hz": 12345} {
		var h Hertz
		if err := h.UnmarshalText([]byte(text)); err != nil || h != want || h.String() != text {
			t.Errorf("%s: %d, %v, %s", text, h, err, h)
		}
	}
	for _, text := range []string{"", "400", "400khz", "kHz", "0.4MHz"} {
		var h Hertz
		if err := h.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is read as %d", text, h)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"line", "label", "active", "settle"}
	for text, want := range map[string]string{
		"lien": "line", "Line": "line", "lable": "label", "actve": "active", "setle": "settle", "line": "", "voltage": "", "": "",
	} {
		if got := nearest(text, words); got != want {
			t.Errorf("nearest to %q is %q, want %q", text, got, want)
		}
	}
}

// What `check --json` prints.
func TestProblemAsJSON(t *testing.T) {
	found := refuse(t, "gateway: {site: s, id: g}\nstorage: {path: /var/lib/lotusgate, alram: 16MiB}\n")
	got, err := json.MarshalIndent(found, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want := `[
  {
    "severity": "error",
    "code": "unknown_key",
    "file": "test.yaml",
    "line": 2,
    "column": 37,
    "width": 5,
    "excerpt": "storage: {path: /var/lib/lotusgate, alram: 16MiB}",
    "path": "storage.alram",
    "text": "alram",
    "message": {
      "zh": "此处没有名为“alram”的键",
      "en": "there is no key \"alram\" here"
    },
    "advice": {
      "zh": "允许：path, alarm, normal, record",
      "en": "allowed: path, alarm, normal, record"
    },
    "nearest": "alarm"
  }
]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A secret that somebody wrote into the file appears in no message.
func TestSecretsStayOut(t *testing.T) {
	for _, line := range []string{"password: hunter2", `"password": "hunter2"`, "broker: mqtt://u:hunter2@h", "broker: tcp://u:hunter2@h", "token: hunter2", "{password: hunter2}"} {
		found := refuse(t, "gateway: {site: s, id: g}\nstorage: {path: /p}\nmqtt:\n  "+line+"\n")
		text, err := json.Marshal(found)
		if err != nil {
			t.Fatal(err)
		}
		if all := found.Error() + found.In(Chinese) + string(text); strings.Contains(all, "hunter2") {
			t.Errorf("%s:\n%s", line, all)
		}
	}
}

func accept(t *testing.T, src string) *Config {
	t.Helper()
	cfg, err := Parse("test.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func refuse(t *testing.T, src string) Errors {
	t.Helper()
	_, err := Parse("test.yaml", []byte(src))
	var found Errors
	if !errors.As(err, &found) {
		t.Fatalf("accepted, or another error: %v", err)
	}
	return found
}
