package text

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"lotusgate/drivers"
	"lotusgate/gateway"
)

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

func placeholders(s string) []string {
	found := placeholder.FindAllString(s, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// TestCatalogue holds what every line of the catalogue promises.
func TestCatalogue(t *testing.T) {
	// Names, standards and markings that are the same in a Chinese sentence.
	latin := regexp.MustCompile(`\b(Lotusgate|English|MQTT|GPIO|NTP|DNS|CA|SDA|SCL|A|B)\b`)
	seen := map[Key]bool{}
	for _, table := range tables() {
		for _, e := range table {
			t.Run(string(e.key), func(t *testing.T) {
				if seen[e.key] {
					t.Error("the key is there twice")
				}
				seen[e.key] = true
				if strings.TrimSpace(e.zh) == "" || strings.TrimSpace(e.en) == "" {
					t.Errorf("a language is missing: zh %q, en %q", e.zh, e.en)
				}
				if zh, en := placeholders(e.zh), placeholders(e.en); !slices.Equal(zh, en) {
					t.Errorf("placeholders differ: zh %v, en %v", zh, en)
				}
				for i, p := range placeholders(e.zh) {
					if p != "{"+strconv.Itoa(i+1)+"}" {
						t.Errorf("placeholder %s: they count from {1} without a gap", p)
					}
				}
				if e.key == "page.language" { // names the other language in its own words
					return
				}
				rest := latin.ReplaceAllString(placeholder.ReplaceAllString(e.zh, ""), "")
				if strings.IndexFunc(rest, func(r rune) bool { return r < 0x80 && unicode.IsLetter(r) }) >= 0 {
					t.Errorf("zh has a Latin word: %q", e.zh)
				}
				if strings.ContainsAny(rest, ",;:?!()\"'") || strings.Contains(rest, ".") {
					t.Errorf("zh has Western punctuation: %q", e.zh)
				}
				if strings.IndexFunc(e.en, func(r rune) bool {
					return unicode.Is(unicode.Han, r) || (r >= 0x3000 && r < 0x3100) || (r >= 0xff00 && r < 0xfff0)
				}) >= 0 {
					t.Errorf("en has Chinese in it: %q", e.en)
				}
				if e.zh == e.en && len(placeholder.ReplaceAllString(e.zh, "")) > 3 {
					t.Errorf("not translated: %q", e.zh)
				}
			})
		}
	}
}

// families are the keys that are put together from words which the rest of the project defines.
func families() map[string][]string {
	f := map[string][]string{
		"value": {
			"unknown", "loop.occupied", "loop.clear", "lane.clear", "lane.waiting", "lane.passing", "bay.occupied",
			"bay.vacant", "gate.unknown", "gate.closed", "gate.opening", "gate.open", "gate.closing", "gate.stopped",
			"gate.obstructed", "gate.forced", "gate.arm_off", "gate.fault", "elevator.normal", "elevator.fault",
			"elevator.alarm", "elevator.entrapment_suspected", "elevator.entrapment_confirmed", "elevator.service",
			"camera.online", "camera.late", "camera.offline", "camera.stuck", "camera.power_lost",
			"camera.hung_or_dark", "contact.raised", "contact.clear",
			"input.idle", "input.active", "input.short", "input.open", "input.out_of_tolerance",
			"camera.overcurrent", "camera.reboot_loop", "camera_group.online", "camera_group.outage",
			"fire.clear", "fire.alarm", "fire.latched",
		},
		"kind":      {"loop", "lane", "gate", "bay", "lot", "elevator", "camera", "camera_group", "input", "contact", "counter", "fire"},
		"quality":   {gateway.Good.String(), gateway.Stale.String(), gateway.Bad.String()},
		"severity":  {gateway.Info.String(), gateway.Warning.String(), gateway.Major.String(), gateway.Critical.String()},
		"direction": {string(gateway.In), string(gateway.Out)},
		"clock":     {gateway.ClockSynced.String(), gateway.ClockHoldover.String(), gateway.ClockUnset.String()},
		"queue":     {gateway.AlarmQueue.String(), gateway.NormalQueue.String()},
		"span":      {"ms", "s", "m", "h", "d"},
		"drop":      {"evicted", "damaged", "power_cut", "poison", "oversize", "storage", "renumbered"},
		"nav":       {"overview", "signals", "wiring", "history", "walk", "operate", "login"},
		"walk":      {"open", "waiting", "ok", "chatters", "inverted", "swapped", "instead", "dead"},
		"walkfound": {"chatters", "inverted", "swapped", "instead", "dead"},
		"walkdo":    {"chatters", "inverted", "swapped", "instead", "dead"},
		"day":       {"events", "pulses", "errors"},
		"role": {
			"a", "b", "open_limit", "closed_limit", "safety", "manual", "force", "arm", "relay_open", "relay_close", "relay_stop", "relay_sign",
			"fault", "authorise", "supply", "heartbeat", "pulses", "bay", "lockout", "window", "lift_fault", "lift_alarm_button", "lift_door_zone",
			"lift_door_closed", "lift_moving", "lift_inspection", "lift_fire_mode", "lift_supply", "lift_presence", "lift_alarm_end", "lift_test",
		},
		"polarity":  {"low", "high"},
		"bias":      {"up", "down"},
		"action":    {"open", "close", "stop", "hold_open", "release", "reset_fire", "set_count", "ack_alarm", "shelve", "identify", "resend", "refresh"},
		"state":     {"gate.stopped", "gate.obstructed"},
		"alarmname": {"chattering", "vehicle_waiting", "alarm_button", "test_overdue"},
		"cause":     {"command", "rule", "fire", "safety", "manual_input", "unknown"},
		"mode":      {"normal", "inspection", "fire"},
		"lift_mode": {"inspection", "fire"},
	}
	for _, r := range gateway.Reasons() {
		f["reason"] = append(f["reason"], string(r))
	}
	for _, s := range gateway.Catalogue() {
		f["event"] = append(f["event"], string(s.Type))
		if s.Raises != "" {
			f["alarm"] = append(f["alarm"], string(s.Type))
		}
	}
	f["alarm"] = append(f["alarm"], "gate.fault.travel_timeout", "gate.fault.limit_conflict", "gate.fault.no_motion", "gate.fault.relay_readback")
	for _, cause := range []string{"max_presence", "no_activity", "erratic", "open", "short", "excessive_change", "detector_power"} {
		f["alarm"] = append(f["alarm"], "loop.fault."+cause)
	}
	f["advice"] = f["alarm"]
	f["alarm"] = append(slices.Clone(f["alarm"]), "loop.fault.detector") // the general advice is all there is
	f["alarm"] = append(f["alarm"], "input.tamper.short", "input.tamper.open", "input.tamper.out_of_tolerance")
	for _, name := range []string{
		"safety_circuit", "door_close", "door_open", "outside_zone", "unintended_movement", "run_time_limiter", "position_lost",
		"restart_prevention", "out_of_service", "main_power", "emergency_power", "earthquake", "bottom_overrun", "top_overrun",
	} {
		f["alarm"] = append(f["alarm"], "elevator.fault_raised."+name)
	}
	for fault := drivers.FaultNone + 1; fault == drivers.FaultIO || fault.String() != drivers.FaultIO.String(); fault++ {
		f["fault"] = append(f["fault"], fault.String())
	}
	f["repair"] = f["fault"]
	return f
}

// TestEveryKeyIsUsed reads every Go and template file of the repository: a key is used where it stands as a literal, or
// because it belongs to a word that the project says.
func TestEveryKeyIsUsed(t *testing.T) {
	used := literals(t, filepath.Join("..", ".."))
	for family, words := range families() {
		for _, w := range words {
			key := Key(family + "." + w)
			if _, ok := byKey[key]; !ok {
				t.Errorf("no text for %q", key)
			}
			used[string(key)] = true
		}
	}
	for _, key := range Keys() {
		if !used[string(key)] {
			t.Errorf("key %q is used nowhere", key)
		}
	}
}

// TestTemplatesNameKnownKeys finds keys that a template asks for and the catalogue lacks.
func TestTemplatesNameKnownKeys(t *testing.T) {
	n := 0
	call := regexp.MustCompile(`\bt "([^"]+)"`)
	eachFile(t, filepath.Join("..", ".."), func(path string, b []byte) {
		if filepath.Ext(path) != ".tmpl" {
			return
		}
		for _, m := range call.FindAllStringSubmatch(string(b), -1) {
			n++
			if _, ok := byKey[Key(m[1])]; !ok {
				t.Errorf("%s: no text for %q", path, m[1])
			}
		}
	})
	if n == 0 {
		t.Error("no template asks for any text: is the pattern wrong?")
	}
}

// literals collects the string literals of all Go files outside this package's tables, and the quoted words of all
// templates and scripts.
func literals(t *testing.T, root string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	quoted := regexp.MustCompile(`"([a-z]+(?:\.[a-z_]+)+)"`)
	eachFile(t, root, func(path string, b []byte) {
		switch filepath.Ext(path) {
		case ".tmpl":
			for _, m := range quoted.FindAllStringSubmatch(string(b), -1) {
				found[m[1]] = true
			}
		case ".go":
			if strings.HasSuffix(path, "_test.go") {
				return
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, b, 0)
			if err != nil {
				return // somebody is in the middle of writing it; the compiler will tell
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.ValueSpec: // the tables define keys, they do not use them
					return len(n.Names) != 1 || !slices.Contains(tableNames, n.Names[0].Name) || file.Name.Name != "text"
				case *ast.BasicLit:
					if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
						found[s] = true
					}
				}
				return true
			})
		}
	})
	return found
}

var tableNames = []string{"pageWords", "values", "alarmTexts", "eventTexts", "faultTexts", "problemTexts", "commandTexts"}

func eachFile(t *testing.T, root string, visit func(path string, b []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".git") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if ext := filepath.Ext(path); d.Type().IsRegular() && (ext == ".go" || ext == ".tmpl") {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			visit(path, b)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestEventSentencesAreFilled puts the zero value of every type's data in; no placeholder may be left.
func TestEventSentencesAreFilled(t *testing.T) {
	for _, s := range gateway.Catalogue() {
		got := Event(gateway.Event{Type: s.Type, ID: "x", Data: s.Data})
		for _, l := range Langs() {
			if text := l.Of(got); text == "" || strings.ContainsAny(text, "{}") {
				t.Errorf("%s, %s: %q", s.Type, l.Tag(), text)
			}
		}
	}
}

func TestUnknownWordsComeOutAsTheyAre(t *testing.T) {
	for _, got := range []gateway.Text{
		Event(gateway.Event{Type: "future.happened"}),
		Alarm(gateway.Alarm{Type: "future.raised", Name: "future.happened"}),
		Value("future", "future.happened"),
		{ZH: ZH.T("future.happened"), EN: EN.T("future.happened")},
	} {
		if got != same("future.happened") {
			t.Errorf("got %q", got)
		}
	}
	if got := Advice(gateway.Alarm{Type: "future.raised", Name: "x"}); got != (gateway.Text{}) {
		t.Errorf("advice on what is not known: %q", got)
	}
}

func TestNegotiate(t *testing.T) {
	for _, c := range []struct {
		accept string
		want   Lang
	}{
		{"", ZH},
		{"en", EN},
		{"zh-CN,zh;q=0.9,en;q=0.8", ZH},
		{"en-US,en;q=0.9,zh-CN;q=0.8", EN},
		{"fr-FR,de;q=0.7", ZH},
		{"fr-FR,en;q=0.1", EN},
		{"en;q=0.2, zh;q=0.3", ZH},
		{"en;q=0", ZH},
		{"en;q=nonsense", ZH},
		{"en;q=9, zh", ZH},
		{";;;,,,=", ZH},
	} {
		if got := Negotiate(c.accept); got != c.want {
			t.Errorf("Negotiate(%q) = %s, want %s", c.accept, got.Tag(), c.want.Tag())
		}
	}
}

func TestDuration(t *testing.T) {
	for _, c := range []struct {
		d      time.Duration
		zh, en string
	}{
		{0, "0 毫秒", "0 ms"},
		{999 * time.Millisecond, "999 毫秒", "999 ms"},
		{61 * time.Second, "1 分钟", "1 min"},
		{47 * time.Hour, "47 小时", "47 h"},
		{49 * time.Hour, "2 天", "2 d"},
	} {
		if zh, en := ZH.Duration(c.d), EN.Duration(c.d); zh != c.zh || en != c.en {
			t.Errorf("%v: %q, %q; want %q, %q", c.d, zh, en, c.zh, c.en)
		}
	}
}

func FuzzNegotiate(f *testing.F) {
	f.Add("zh-CN,zh;q=0.9,en;q=0.8")
	f.Add("en;q=NaN")
	f.Fuzz(func(t *testing.T, accept string) {
		if l := Negotiate(accept); !slices.Contains(Langs(), l) {
			t.Fatalf("Negotiate(%q) = %d", accept, l)
		}
	})
}

func ExampleLang_T() {
	fmt.Println(ZH.T("outbox.waiting", 12))
	fmt.Println(EN.T("ago.m", 3))
	// Output:
	// 12 条待确认
	// 3 min ago
}
