package deploy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// metrics are the names that the program exports, read from where they are made.
func metrics(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../gateway/status/*.go")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{
		"up",                        // Prometheus itself
		"process_cpu_seconds_total", // client_golang's collector
		"process_resident_memory_bytes", "process_start_time_seconds",
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\b(gauge|counter|histogram)\("([a-z_]+)"`).FindAllStringSubmatch(string(b), -1) {
			name := "lotusgate_" + m[2]
			switch m[1] {
			case "counter":
				name += "_total"
			case "histogram":
				names = append(names, name+"_bucket", name+"_sum", name+"_count")
			}
			names = append(names, name)
		}
	}
	if len(names) < 20 {
		t.Fatalf("only %d metrics were found", len(names))
	}
	return names
}

// queried are the metrics in an expression: words before a selector, a range, an operator or the end that are no functions.
func queried(expr string) []string {
	expr = regexp.MustCompile(`"[^"]*"|\b(by|on|without) *\([^)]*\)|\{[^}]*\}`).ReplaceAllString(expr, " ")
	var names []string
	for _, m := range regexp.MustCompile(`\b([a-z][a-z_]*[a-z])\b *(\(?)`).FindAllStringSubmatch(expr, -1) {
		if m[2] == "" && !slices.Contains([]string{"or", "and", "unless", "by", "on", "sum", "count", "max", "min"}, m[1]) {
			names = append(names, m[1])
		}
	}
	return names
}

func TestDashboard(t *testing.T) {
	b, err := os.ReadFile("grafana/lotusgate.json")
	if err != nil {
		t.Fatal(err)
	}
	type rect struct{ X, Y, W, H int }
	var board struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos rect
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(b, &board); err != nil {
		t.Fatal(err)
	}
	exported := metrics(t)
	ids, queries := map[int]bool{}, 0
	for i, p := range board.Panels {
		if ids[p.ID] || p.ID == 0 || p.Title == "" {
			t.Errorf("panel %d %q: no id or title of its own", p.ID, p.Title)
		}
		ids[p.ID] = true
		for _, q := range board.Panels[:i] {
			a, b := p.GridPos, q.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("panels %q and %q lie on each other", p.Title, q.Title)
			}
		}
		if p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %q is wider than the board", p.Title)
		}
		for _, target := range p.Targets {
			names := queried(target.Expr)
			queries += len(names)
			for _, name := range names {
				if !slices.Contains(exported, name) {
					t.Errorf("panel %q queries %s, which the program does not export", p.Title, name)
				}
			}
		}
	}
	if queries < 20 {
		t.Errorf("only %d queries were found", queries)
	}
}

// Each alert queries what exists, is raised in a test, and stays silent over a healthy gateway.
func TestAlerts(t *testing.T) {
	promtool := tool(t, "promtool")
	output(t, promtool, "check", "rules", "--lint=all", "--lint-fatal", "prometheus/lotusgate.rules.yml")
	output(t, promtool, "test", "rules", "prometheus/lotusgate.test.yml")

	rules, err := os.ReadFile("prometheus/lotusgate.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile("prometheus/lotusgate.test.yml")
	if err != nil {
		t.Fatal(err)
	}
	exported := metrics(t)
	alerts := regexp.MustCompile(`- alert: (\w+)\n +expr: (.*)\n`).FindAllStringSubmatch(string(rules), -1)
	if len(alerts) < 10 {
		t.Fatalf("only %d alerts were found", len(alerts))
	}
	for _, m := range alerts {
		for _, name := range queried(m[2]) {
			if !slices.Contains(exported, name) {
				t.Errorf("%s queries %s, which the program does not export", m[1], name)
			}
		}
		if !strings.Contains(string(tests), "alertname: "+m[1]+"\n        exp_alerts:\n") {
			t.Errorf("no test raises %s", m[1])
		}
		if !strings.Contains(string(tests), "alertname: "+m[1]+", exp_alerts: []") {
			t.Errorf("no test says that %s stays silent over a healthy gateway", m[1])
		}
	}

	// The tests can fail.
	dir := t.TempDir()
	broken := strings.Replace(string(rules), "lotusgate_ready == 0", "lotusgate_ready == 1", 1)
	for name, text := range map[string]string{"lotusgate.rules.yml": broken, "lotusgate.test.yml": string(tests)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if exec.Command(promtool, "test", "rules", filepath.Join(dir, "lotusgate.test.yml")).Run() == nil {
		t.Error("promtool accepts an alert that is wrong")
	}
}
