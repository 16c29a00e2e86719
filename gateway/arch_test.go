package gateway_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "lotusgate"

// mayImport lists, for each package of ours, which of our packages its product files may import. A package without a
// row is a failure, so that no new one appears quietly. Arrows point down only; see ARCHITECTURE.md.
var mayImport = map[string][]string{
	"drivers":          {},
	"drivers/line":     {"drivers"},
	"drivers/meter":    {"drivers"},
	"drivers/probe":    {"drivers"},
	"drivers/mcp23017": {"drivers"},
	"drivers/pca9555":  {"drivers"},
	"drivers/ds3231":   {"drivers"},
	"drivers/pcf8574":  {"drivers"},
	"drivers/ina219":   {"drivers"},
	"drivers/ina226":   {"drivers"},
	"drivers/ads1115":  {"drivers"},

	"gateway":               {},
	"gateway/device":        {"gateway"},
	"gateway/hub":           {"gateway"},
	"gateway/outbox":        {},
	"gateway/checkpoint":    {},
	"gateway/audit":         {"gateway", "gateway/outbox"},
	"gateway/text":          {"gateway", "gateway/hub"},
	"gateway/config":        {"gateway"},
	"gateway/trace":         {"gateway"},
	"gateway/control":       {},
	"gateway/access":        {},
	"gateway/support":       {},
	"gateway/day":           {"gateway", "gateway/hub"},
	"gateway/plain":         {},
	"gateway/field":         {"drivers", "gateway", "gateway/device", "gateway/hub", "gateway/plain", "gateway/trace"},
	"gateway/record":        {"drivers", "gateway", "gateway/device", "gateway/field", "gateway/hub", "gateway/plain"},
	"gateway/uplink":        {"gateway", "gateway/hub"},
	"gateway/homeassistant": {"gateway", "gateway/hub"},
	"gateway/intake":        {"gateway"},
	"gateway/status":        {"gateway", "gateway/access", "gateway/control", "gateway/day", "gateway/hub", "gateway/support", "gateway/text", "gateway/trace"},
	"gateway/schema":        {},
	"gateway/contract":      {"gateway"},
	"gateway/daemon": {
		"drivers", "drivers/ads1115", "drivers/ds3231", "drivers/ina219", "drivers/ina226", "drivers/line",
		"drivers/mcp23017", "drivers/meter", "drivers/pca9555", "drivers/pcf8574", "gateway", "gateway/access", "gateway/checkpoint",
		"gateway/config", "gateway/control", "gateway/day", "gateway/device", "gateway/field", "gateway/homeassistant", "gateway/hub", "gateway/intake",
		"gateway/outbox", "gateway/record", "gateway/status", "gateway/support", "gateway/text",
		"gateway/trace", "gateway/uplink",
	},

	"deploy":          {},
	"deploy/examples": {},
	"gateway/faults":  {},

	"firmware-sim/chip":     {},
	"firmware-sim/plant":    {},
	"firmware-sim/disk":     {},
	"firmware-sim/rig":      {"firmware-sim/chip", "firmware-sim/plant"},
	"firmware-sim/vm":       {"firmware-sim/chip"},
	"firmware-sim/scenario": {},
	"firmware-sim/soak":     {"gateway", "gateway/audit", "gateway/intake"},
	"firmware-sim/district": {
		"drivers", "drivers/line", "firmware-sim/plant", "firmware-sim/rig", "firmware-sim/scenario", "gateway", "gateway/config", "gateway/daemon", "gateway/device", "gateway/field",
		"gateway/hub",
	},

	"firmware-sim/sim": {
		"deploy/examples", "drivers/line", "firmware-sim/disk", "firmware-sim/district", "firmware-sim/plant", "firmware-sim/rig", "gateway", "gateway/audit",
		"gateway/checkpoint", "gateway/config", "gateway/daemon", "gateway/device", "gateway/field", "gateway/hub", "gateway/outbox", "gateway/record",
		"gateway/status", "gateway/uplink",
	},

	"cmd/lotusgate": {
		"drivers", "drivers/line", "drivers/probe", "gateway", "gateway/access", "gateway/audit", "gateway/config",
		"gateway/control", "gateway/daemon", "gateway/intake", "gateway/outbox", "gateway/record", "gateway/support", "gateway/text",
	},
	"cmd/firmware-sim": {
		"deploy/examples", "drivers/line", "firmware-sim/district", "firmware-sim/plant", "firmware-sim/rig", "firmware-sim/scenario",
		"firmware-sim/sim", "firmware-sim/soak", "gateway", "gateway/access", "gateway/config", "gateway/daemon", "gateway/intake", "gateway/text",
	},
}

// onlyIn fences modules of others: the one place that may import them. Longest prefix wins; a module without a row may
// be imported anywhere.
var onlyIn = map[string][]string{
	"github.com/eclipse/paho.mqtt.golang":      {"gateway/uplink", "cmd/lotusgate"}, // command send speaks as a center
	"github.com/prometheus/client_golang":      {"gateway/status"},
	"html/template":                            {"gateway/status"},
	"github.com/goccy/go-yaml":                 {"gateway/config"},
	"periph.io/x/host/v3":                      {"cmd/lotusgate"},
	"periph.io/x/conn/v3":                      {"drivers", "firmware-sim", "gateway/daemon", "cmd"},
	"github.com/go-jose/go-jose/v4":            {"gateway/intake"},
	"github.com/warthog618/go-gpiocdev":        {"drivers/line"},
	"github.com/gorilla/websocket":             {"gateway/uplink"},
	"github.com/mochi-mqtt/server/v2":          {"cmd/firmware-sim"},
	"github.com/coreos/go-systemd/v22":         {"cmd/lotusgate"},
	"github.com/chromedp":                      {},
	"pgregory.net/rapid":                       {},
	"go.uber.org/goleak":                       {},
	"testing":                                  {"firmware-sim/vm"},
	"net/http/pprof":                           {},
	"unsafe":                                   {"drivers/line", "firmware-sim/vm", "gateway/plain"},
	"log":                                      {},
	"math/rand":                                {},
	"github.com/rogpeppe/go-internal":          {"firmware-sim/scenario"},
	"github.com/google/go-cmp":                 {},
	"github.com/cloudevents/sdk-go/v2":         {"gateway/contract"}, // which is in no program
	"github.com/santhosh-tekuri/jsonschema/v6": {"gateway/contract"},
}

// noClock lists packages that must not read a clock: time is an argument there.
var noClock = []string{"gateway/device", "gateway", "firmware-sim/plant"}

func TestArchitecture(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (strings.HasPrefix(name, ".") && path != root || name == "testdata" || name == "node_modules") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		checkFile(t, filepath.ToSlash(rel), path, strings.HasSuffix(name, "_test.go"), seen)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !seen["gateway"] || !seen["gateway/field"] {
		t.Fatalf("walked the wrong tree: %s", root)
	}
}

func checkFile(t *testing.T, pkg, path string, isTest bool, seen map[string]bool) {
	t.Helper()
	allowed, ok := mayImport[pkg]
	if !ok {
		t.Errorf("%s: package %s has no row in the import table: say in ARCHITECTURE.md what it is for, or put the code where it belongs", path, pkg)
		return
	}
	seen[pkg] = true
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	for _, spec := range file.Imports {
		imp, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if isTest {
			continue // a test may look down and sideways; what is shipped may not
		}
		if ours, ok := strings.CutPrefix(imp, module+"/"); ok && !slices.Contains(allowed, ours) {
			t.Errorf("%s: %s may not import %s", path, pkg, ours)
		}
		if fence, places := fenceOf(imp); fence != "" && !inside(pkg, places) {
			t.Errorf("%s: %s may only be imported in %v", path, imp, places)
		}
	}
	if slices.Contains(noClock, pkg) && !isTest {
		checkNoClock(t, path)
	}
}

func fenceOf(imp string) (fence string, places []string) {
	for prefix, p := range onlyIn {
		if (imp == prefix || strings.HasPrefix(imp, prefix+"/")) && len(prefix) > len(fence) {
			if prefix == "math/rand" && imp != "math/rand" {
				continue // math/rand/v2 is seeded and welcome
			}
			if prefix == "log" && imp != "log" {
				continue
			}
			fence, places = prefix, p
		}
	}
	return fence, places
}

func inside(pkg string, places []string) bool {
	return slices.ContainsFunc(places, func(p string) bool { return pkg == p || strings.HasPrefix(pkg, p+"/") })
}
