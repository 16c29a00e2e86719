package status

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lotusgate/gateway/hub"
	"lotusgate/gateway/text"
)

// addresses of everything that is served at once; the stream has its own tests.
func addresses(s *Server) []string {
	all := []string{"/", "/?lang=en", "/support.zip", "/login", "/walk", "/walk?" + walkedQuery(), "/api/v1/walk", "/walk/step?point=ea", "/signals", "/wiring", "/history", "/history?device=cam-1", "/api/v1/signals", "/api/v1/signals.vcd", "/api/v1/view", "/metrics", "/healthz", "/readyz", "/no/such/page"}
	for name := range s.assets {
		all = append(all, "/assets/"+name)
	}
	return all
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	s := newServer(t, brokenHub(), Options{})
	foreign := regexp.MustCompile(`(?i)(https?:|src=["']?)//`)
	for _, address := range addresses(s) {
		r := get(t, s, address)
		for header, want := range map[string]string{
			"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		} {
			if got := r.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q", address, header, got)
			}
		}
		if r.Header.Get("Content-Type") == "" {
			t.Errorf("%s has no content type", address)
		}
		if address != "/?lang=en" && len(r.Cookies()) > 0 {
			t.Errorf("%s sets cookies nobody asked for: %v", address, r.Cookies())
		}
		if m := foreign.FindString(body(t, r)); m != "" {
			t.Errorf("%s leads to another host: %q", address, m)
		}
	}
	if strings.Contains(policy, "unsafe") || !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("the policy is lax: %s", policy)
	}
}

// TestLabelsAreEscaped looks for what somebody typed into a label in everything that a browser takes for HTML.
func TestLabelsAreEscaped(t *testing.T) {
	s := newServer(t, brokenHub(), Options{})
	for _, l := range text.Langs() {
		html := body(t, get(t, s, "/?lang="+l.Tag()))
		if !strings.Contains(html, "&lt;script&gt;alert") {
			t.Errorf("%s: the label is not shown at all", l.Tag())
		}
		f, err := s.pages[l].newest(0)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range f.parts() {
			html += string(p.HTML)
		}
		for _, bad := range []string{"<script>", "<img", "'\">", "onerror=alert(1)>"} {
			if strings.Contains(html, bad) {
				t.Errorf("%s: %q came through", l.Tag(), bad)
			}
		}
		if inline := regexp.MustCompile(`<[^>]* (style|on[a-z]+)=`).FindString(html); inline != "" {
			t.Errorf("%s: inline code or style, which the policy forbids: %q", l.Tag(), inline)
		}
	}
}

func TestLanguage(t *testing.T) {
	s := newServer(t, wellHub(), Options{})
	for _, c := range []struct {
		target, accept, cookie, want string
	}{
		{"/", "", "", "zh-CN"},
		{"/", "en-GB,en;q=0.8", "", "en"},
		{"/", "en-GB,en;q=0.8", "zh-CN", "zh-CN"},
		{"/?lang=en", "zh", "zh-CN", "en"},
		{"/?lang=zh-CN", "en", "en", "zh-CN"},
		{"/?lang=klingon", "en", "", "en"},
		{"/", "", "<script>", "zh-CN"},
	} {
		r := get(t, s, c.target, "Accept-Language", c.accept, "Cookie", languageCookie+"="+c.cookie)
		if got := r.Header.Get("Content-Language"); got != c.want {
			t.Errorf("%+v: answered in %s", c, got)
		}
		if html := body(t, r); !strings.Contains(html, `<html lang="`+c.want+`">`) {
			t.Errorf("%+v: the page says it is in another language", c)
		}
	}
	cookies := get(t, s, "/?lang=en").Cookies()
	if len(cookies) != 1 || cookies[0].Value != "en" || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode {
		t.Errorf("cookies: %v", cookies)
	}
}

func TestOnlyReading(t *testing.T) {
	s := newServer(t, wellHub(), Options{})
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions, "TRACE", "BREW"} {
		for _, address := range append(addresses(s), "/api/v1/stream") {
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, httptest.NewRequest(method, address, nil))
			if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
				t.Errorf("%s %s: %d", method, address, w.Code)
			}
		}
	}
	for _, address := range append(addresses(s), "/api/v1/stream") {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, strings.NewReader("body")))
		if w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("GET %s with a body: %d", address, w.Code)
		}
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/", nil))
	if w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Content-Length") == "" {
		t.Errorf("HEAD /: %d with %d bytes", w.Code, w.Body.Len())
	}
}

func TestHealth(t *testing.T) {
	var stuck error
	s := newServer(t, wellHub(), Options{Alive: func() error { return stuck }})
	if r := get(t, s, "/healthz"); r.StatusCode != http.StatusOK {
		t.Errorf("alive: %d", r.StatusCode)
	}
	stuck = errors.New("core: no step for 9 s")
	if r := get(t, s, "/healthz"); r.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body(t, r), "no step") {
		t.Errorf("stuck: %d", r.StatusCode)
	}
}

func TestReady(t *testing.T) {
	silent := wellHub()
	silent.PutSource(hub.Source{ID: "gpio", Kind: "gpio", Since: testNow})
	for name, c := range map[string]struct {
		hub  *hub.Hub
		code int
		ids  []string
	}{
		"starting": {emptyHub(), 503, []string{"starting"}},
		"well":     {wellHub(), 200, []string{}},
		"reading":  {silent, 503, []string{"source/gpio"}},
		// Elevators and cameras may be broken: telling that is what the gateway is for.
		"broken": {brokenHub(), 503, []string{"storage", "link", "source/x1"}},
	} {
		s := newServer(t, c.hub, Options{})
		r := get(t, s, "/readyz", "Accept", "application/json")
		var answer struct {
			Ready   bool
			Reasons []struct {
				ID   string
				What struct{ ZH, EN string }
			}
		}
		if err := json.Unmarshal([]byte(body(t, r)), &answer); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		ids := []string{}
		for _, reason := range answer.Reasons {
			ids = append(ids, reason.ID)
			if reason.What.ZH == "" || reason.What.EN == "" {
				t.Errorf("%s: %s has no words", name, reason.ID)
			}
		}
		if r.StatusCode != c.code || answer.Ready != (c.code == 200) || !slices.Equal(ids, c.ids) {
			t.Errorf("%s: %d %+v, want %d %v", name, r.StatusCode, answer, c.code, c.ids)
		}
		plain := get(t, s, "/readyz", "Accept-Language", "en")
		if said := body(t, plain); plain.StatusCode != c.code || (c.code == 200) != (said == "ready\n") {
			t.Errorf("%s as text: %d %q", name, plain.StatusCode, said)
		}
	}
}

func TestAssetsAreKept(t *testing.T) {
	s := newServer(t, wellHub(), Options{})
	for name, a := range s.assets {
		r := get(t, s, "/assets/"+name, "Accept-Encoding", "br, gzip")
		if !strings.Contains(r.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s may not be kept: %q", name, r.Header.Get("Cache-Control"))
		}
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			if raw, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(raw, a.raw) {
			t.Errorf("%s arrives changed", name)
		}
	}
	if r := get(t, s, "/assets/app.000000000000.css"); r.StatusCode != http.StatusNotFound {
		t.Errorf("an asset of another version: %d", r.StatusCode)
	}
}

func TestFigures(t *testing.T) {
	for got, want := range map[string]string{
		count(uint64(0)): "0", count(999): "999", count(1000): "1,000", count(uint64(1234567)): "1,234,567",
		size(1023): "1023 B", size(1536): "1.5 KiB", size(64 << 20): "64 MiB", size(5 << 30): "5 GiB",
		millis(377 * time.Microsecond): "0.4", millis(1340 * time.Millisecond): "1,340",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestWeight adds up what a phone loads before it shows the page.
func TestWeight(t *testing.T) {
	const most = 60_000
	for name, h := range sites() {
		s := newServer(t, h, Options{})
		heaviest, page := "", []byte{}
		for screen, path := range shots() {
			if b, _ := io.ReadAll(get(t, s, path, "Accept-Encoding", "gzip").Body); len(b) > len(page) {
				heaviest, page = screen, b
			}
		}
		total, parts := len(page), "page "+strconv.Itoa(len(page))
		for file := range s.assets {
			b, _ := io.ReadAll(get(t, s, "/assets/"+file, "Accept-Encoding", "gzip").Body)
			total += len(b)
			parts += ", " + file + " " + strconv.Itoa(len(b))
		}
		t.Logf("%s: %s and all files are %d bytes compressed (%s)", name, heaviest, total, parts)
		if total > most {
			t.Errorf("%s weighs %d bytes, more than %d", name, total, most)
		}
	}
}

// TestContrast computes what the style sheet promises: 7:1 for text on its ground, in both colour schemes.
func TestContrast(t *testing.T) {
	css, err := pageFiles.ReadFile("page/app.css")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllSubmatch(css, -1)
	if len(blocks) != 2 {
		t.Fatalf("%d sets of tokens, want light and dark", len(blocks))
	}
	token := regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`)
	for i, scheme := range []string{"light", "dark"} {
		colour := map[string]string{}
		for _, m := range token.FindAllSubmatch(blocks[i][1], -1) {
			colour[string(m[1])] = string(m[2])
		}
		pairs := [][2]string{{"ink", "ground"}, {"ink", "card"}, {"soft", "ground"}, {"soft", "card"}, {"crit", "crit-ground"}, {"soft", "unknown-ground"}}
		for _, tone := range []string{"good", "active", "warn", "bad", "unknown"} {
			pairs = append(pairs, [2]string{tone, tone + "-ground"}, [2]string{tone, "card"}, [2]string{"ink", tone + "-ground"})
		}
		for _, p := range pairs {
			if c := contrast(t, colour[p[0]], colour[p[1]]); c < 7 {
				t.Errorf("%s: --%s on --%s is %.1f:1, want 7:1", scheme, p[0], p[1], c)
			}
		}
	}
}

// contrast ratio of WCAG 2.2.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	luminance := func(hex string) float64 {
		n, err := strconv.ParseUint(strings.TrimPrefix(hex, "#"), 16, 24)
		if err != nil {
			t.Fatalf("colour %q: %v", hex, err)
		}
		linear := func(c uint64) float64 {
			if s := float64(c&0xff) / 255; s > 0.04045 {
				return math.Pow((s+0.055)/1.055, 2.4)
			} else {
				return s / 12.92
			}
		}
		return 0.2126*linear(n>>16) + 0.7152*linear(n>>8) + 0.0722*linear(n)
	}
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// FuzzAddress asks for anything: the answer is one of the few there are, whole and guarded.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"/", "/?lang=en", "/assets/../status.go", "/api/v1/view?x=%00", "//", "/%2e%2e/", "/readyz?lang=<script>", "/api/v1/streams"} {
		f.Add(seed, "en;q=0.5", "lang=zh-CN")
	}
	s := newServer(f, brokenHub(), Options{})
	f.Fuzz(func(t *testing.T, address, accept, cookie string) {
		u, err := url.ParseRequestURI(address)
		if err != nil || !strings.HasPrefix(address, "/") || u.Path == "/api/v1/stream" {
			t.Skip() // not what a server gets to see, or not an answer that ends
		}
		r := &http.Request{
			Method: http.MethodGet, URL: u, Host: "gateway", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{"Accept-Language": {accept}, "Cookie": {cookie}}, Body: http.NoBody, RequestURI: address,
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r.WithContext(t.Context()))
		if !slices.Contains([]int{200, 301, 303, 307, 404, 503}, w.Code) || w.Header().Get("Content-Security-Policy") != policy {
			t.Errorf("%q: %d, %v", address, w.Code, w.Header())
		}
		if strings.Contains(w.Body.String(), "<script>") {
			t.Errorf("%q: reflected %q", address, w.Body)
		}
	})
}
