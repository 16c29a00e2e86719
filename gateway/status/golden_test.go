package status

import (
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"lotusgate/gateway/hub"
	"lotusgate/gateway/text"
)

var update = flag.Bool("update", false, "write the golden files anew; read the difference as code")

// golden compares got with a file of testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("%s (-want +got); go test -update writes it anew:\n%s", file, d)
	}
}

// get asks a handler without a network.
func get(t testing.TB, s *Server, target string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Result()
}

func body(t testing.TB, r *http.Response) string {
	t.Helper()
	var b strings.Builder
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(b.String(), "\r\n\r\n")
	return text
}

func sites() map[string]*hub.Hub {
	return map[string]*hub.Hub{"starting": emptyHub(), "well": wellHub(), "broken": brokenHub()}
}

// chance is what differs from process to process.
var chance = regexp.MustCompile(`have=[A-Z0-9]{8}-[0-9a-z]+|data-layout="[0-9a-z]+"|(?:app|signals|icon)\.[0-9a-f]{12}`)

func TestPageGolden(t *testing.T) {
	for name, h := range sites() {
		s := newServer(t, h, Options{})
		for _, l := range text.Langs() {
			html := body(t, get(t, s, "/?lang="+l.Tag()))
			golden(t, name+"."+l.Tag()+".html", chance.ReplaceAllString(html, "…"))
		}
	}
}

// TestScreensGolden holds what is between the frame of the other screens.
func TestScreensGolden(t *testing.T) {
	for name, h := range sites() {
		s := newServer(t, h, Options{})
		for screen, address := range map[string]string{
			"wiring": "/wiring?x", "history": "/history?x", "signals": "/signals?x", "walk": "/walk?" + walkedQuery(),
			"history-camera": "/history?device=cam-1&level=major",
		} {
			for _, l := range text.Langs() {
				html := body(t, get(t, s, address+"&lang="+l.Tag()))
				_, main, _ := strings.Cut(html, "<main")
				main, _, _ = strings.Cut(main, "</main>")
				golden(t, screen+"-"+name+"."+l.Tag()+".html", main)
			}
		}
	}
}

func TestViewGolden(t *testing.T) {
	snake := regexp.MustCompile(`^[a-z0-9_]+$`)
	for name, h := range sites() {
		s := newServer(t, h, Options{})
		var v any
		if err := json.Unmarshal([]byte(body(t, get(t, s, "/api/v1/view"))), &v); err != nil {
			t.Fatal(err)
		}
		eachKey(v, func(key string) {
			if !snake.MatchString(key) {
				t.Errorf("%s: key %q is not in snake case", name, key)
			}
		})
		var pretty strings.Builder
		e := json.NewEncoder(&pretty)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".json", pretty.String())
	}
}

func eachKey(v any, visit func(string)) {
	switch v := v.(type) {
	case map[string]any:
		for k, child := range v {
			visit(k)
			eachKey(child, visit)
		}
	case []any:
		for _, child := range v {
			eachKey(child, visit)
		}
	}
}

func TestMetricsGolden(t *testing.T) {
	for name, h := range sites() {
		s := newServer(t, h, Options{})
		registry := prometheus.NewRegistry()
		registry.MustRegister(&viewMetrics{s: s, metrics: metricTable(s)})
		if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
			t.Errorf("%s: lint: %v %v", name, problems, err)
		}
		file := filepath.Join("testdata", name+".metrics")
		if *update {
			var own strings.Builder
			for _, line := range strings.SplitAfter(body(t, get(t, s, "/metrics")), "\n") {
				if strings.Contains(line, "lotusgate_") {
					own.WriteString(line)
				}
			}
			golden(t, name+".metrics", own.String())
			continue
		}
		want, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer want.Close()
		if err := testutil.GatherAndCompare(registry, want); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMetricsHaveRuntime says that the process's own figures are there too.
func TestMetricsHaveRuntime(t *testing.T) {
	all := body(t, get(t, newServer(t, wellHub(), Options{}), "/metrics"))
	for _, name := range []string{"\ngo_goroutines ", "\nprocess_resident_memory_bytes ", "\nlotusgate_ready 1"} {
		if !strings.Contains(all, name) {
			t.Errorf("no %q in the metrics", strings.TrimSpace(name))
		}
	}
}
