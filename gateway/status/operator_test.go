package status

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"lotusgate/gateway"
	"lotusgate/gateway/access"
	"lotusgate/gateway/hub"
)

const password = "four words are enough"

// operated is a server with a password, over HTTPS, whose acknowledgements come at once.
func operated(t *testing.T, h *hub.Hub) (*httptest.Server, *Server, *time.Duration) {
	t.Helper()
	dir := t.TempDir() + "/access"
	if err := access.Set(dir, password); err != nil {
		t.Fatal(err)
	}
	now := time.Hour
	s := newServer(t, h, Options{
		HTTPS: ":8443", Keeper: access.New(dir, func() time.Duration { return now }),
		ActOnAlarm: func(_ context.Context, a gateway.Alarm, act AlarmAct, howLong time.Duration) {
			switch act {
			case Acknowledge:
				a.Acknowledged = testNow
			case Shelve:
				a.ShelvedUntil = testNow.Add(howLong)
			case Unshelve:
				a.ShelvedUntil = 0
			}
			h.PutAlarm(a)
		},
	})
	server := httptest.NewTLSServer(s.Handler())
	t.Cleanup(func() {
		s.closeOnce.Do(func() { close(s.closing) })
		server.Close()
	})
	return server, s, &now
}

func browserOf(t *testing.T, server *httptest.Server) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := server.Client()
	c.Jar = jar
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// post sends a form as a page of ours does, or as headers say.
func post(t *testing.T, c *http.Client, address string, form url.Values, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept-Language", "en")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func TestOperator(t *testing.T) {
	h := brokenHub()
	server, s, now := operated(t, h)
	c := browserOf(t, server)
	ack := url.Values{"alarm": {"car-1/fault_raised"}, "act": {"acknowledge"}}
	acknowledged := func() bool {
		for _, a := range h.View().Alarms {
			if a.Key() == "car-1/fault_raised" {
				return !a.Acknowledged.IsZero()
			}
		}
		t.Fatal("the alarm is gone")
		return false
	}

	if r, _ := post(t, c, server.URL+"/alarms", ack); r.Header.Get("Location") != "/login" || acknowledged() {
		t.Errorf("without log-in: %d", r.StatusCode)
	}
	if r, said := post(t, c, server.URL+"/login", url.Values{"password": {"wrong wrong wrong"}}); r.StatusCode != http.StatusForbidden || !strings.Contains(said, "Wrong password") || len(r.Cookies()) > 0 {
		t.Errorf("wrong password: %d", r.StatusCode)
	}
	r, _ := post(t, c, server.URL+"/login", url.Values{"password": {password}})
	if r.StatusCode != http.StatusSeeOther || len(r.Cookies()) != 1 {
		t.Fatalf("log-in: %d %v", r.StatusCode, r.Cookies())
	}
	if k := r.Cookies()[0]; !k.Secure || !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || !strings.HasPrefix(k.Name, "__Host-") || k.Path != "/" {
		t.Errorf("cookie: %v", k)
	}
	// Another site makes the operator's browser post.
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "", "Origin", "https://evil.example"}} {
		if r, _ := post(t, c, server.URL+"/alarms", ack, header...); r.StatusCode != http.StatusForbidden || acknowledged() {
			t.Errorf("%v: %d", header, r.StatusCode)
		}
	}
	if r, _ := post(t, c, server.URL+"/alarms", url.Values{"alarm": {strings.Repeat("x", 2*formMost)}}); r.StatusCode < 400 {
		t.Errorf("a large form: %d", r.StatusCode)
	}
	if r, _ := post(t, c, server.URL+"/alarms", url.Values{"alarm": {"no/such"}, "act": {"acknowledge"}}); r.StatusCode != http.StatusNotFound {
		t.Errorf("an alarm that does not stand: %d", r.StatusCode)
	}
	// Plain HTTP never operates, with whatever cookie, and offers no form.
	plain := httptest.NewServer(s.Handler())
	defer plain.Close()
	u, _ := url.Parse(server.URL)
	stolen := c.Jar.Cookies(u)[0].String()
	for _, path := range []string{"/login", "/logout", "/alarms", "/walk/correct"} {
		if r, _ := post(t, plain.Client(), plain.URL+path, ack, "Cookie", stolen); r.StatusCode != http.StatusMethodNotAllowed || acknowledged() {
			t.Errorf("plain %s: %d", path, r.StatusCode)
		}
	}
	if html := body(t, get(t, s, "/login?lang=en", "Cookie", stolen)); strings.Contains(html, "type=\"password\"") || !strings.Contains(html, "https://example.com:8443/login") {
		t.Errorf("plain HTTP offers a log-in: %s", html)
	}

	if r, _ := post(t, c, server.URL+"/alarms", ack); r.StatusCode != http.StatusSeeOther || !acknowledged() {
		t.Errorf("the operator: %d", r.StatusCode)
	}
	shelved := func() time.Duration {
		for _, a := range h.View().Alarms {
			if a.Key() == "car-1/fault_raised" && !a.ShelvedUntil.IsZero() {
				return a.ShelvedUntil.Sub(testNow)
			}
		}
		return 0
	}
	for _, try := range []struct {
		act  string
		want time.Duration
	}{{"shelve-8h", 8 * time.Hour}, {"unshelve", 0}, {"shelve-1h", time.Hour}} {
		ack.Set("act", try.act)
		if r, _ := post(t, c, server.URL+"/alarms", ack); r.StatusCode != http.StatusSeeOther || shelved() != try.want {
			t.Errorf("%s: %d, shelved for %v", try.act, r.StatusCode, shelved())
		}
	}
	if said := body(t, get(t, s, "/history?lang=en")); !strings.Contains(said, ">Shelved<") {
		t.Error("the page does not say that an alarm is shelved")
	}
	h.SetClock(hub.Clock{Quality: gateway.ClockSynced, Offset: testStart})
	if said := body(t, get(t, s, "/history?lang=en")); !strings.Contains(said, ">Shelved until 10:15:02<") {
		t.Error("the page does not say until when an alarm is shelved")
	}
	ack.Set("act", "shelve-for-ever")
	if r, _ := post(t, c, server.URL+"/alarms", ack); r.StatusCode != http.StatusNotFound {
		t.Errorf("an act that there is not: %d", r.StatusCode)
	}
	*now += access.Idle + time.Second
	if r, _ := post(t, c, server.URL+"/alarms", ack); r.Header.Get("Location") != "/login" {
		t.Errorf("after the time-out: %d %s", r.StatusCode, r.Header.Get("Location"))
	}
}

func TestBackOff(t *testing.T) {
	server, _, _ := operated(t, wellHub())
	c := browserOf(t, server)
	for range 3 {
		post(t, c, server.URL+"/login", url.Values{"password": {"wrong wrong wrong"}})
	}
	if r, said := post(t, c, server.URL+"/login", url.Values{"password": {password}}); r.StatusCode != http.StatusTooManyRequests || !strings.Contains(said, "Wait 2 s") {
		t.Errorf("after three: %d", r.StatusCode)
	}
}

// TestBrowserOperates logs in and acknowledges as a person does.
func TestBrowserOperates(t *testing.T) {
	h := brokenHub()
	server, _, _ := operated(t, h)
	ctx := browser(t, chromedp.Flag("ignore-certificate-errors", true))
	open(t, ctx, server.URL+"/?lang=zh-CN", 360, "light")
	run(t, ctx, chromedp.Steps(
		chromedp.Navigate(server.URL+"/login"), visible(`input[type=password]`),
		chromedp.SendKeys(chromedp.CSS(`input[type=password]`), password), chromedp.Click(chromedp.CSS(`.login button.main`)),
		visible(`body.operator`), chromedp.Navigate(server.URL+"/history"), visible(`.ack button`), chromedp.Click(chromedp.CSS(`.ack button`)), visible(`.seen`),
	))
}
