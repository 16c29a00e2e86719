package status

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"lotusgate/gateway"
	"lotusgate/gateway/access"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/text"
)

// machine is the rest of the gateway, as far as orders go: an order is under way until the test ends it.
type machine struct {
	mu      sync.Mutex
	given   []string
	running map[string]chan gateway.Reply // by action
	refuse  gateway.Reason
}

func (m *machine) take(c gateway.Command) <-chan gateway.Reply {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.given = append(m.given, c.Issuer+" "+c.Device+" "+string(c.Action))
	replies := make(chan gateway.Reply, 3)
	r := gateway.Reply{Device: c.Device, Action: c.Action, Stage: gateway.Accepted}
	switch {
	case m.refuse != "":
		r.Stage, r.Reason = gateway.Rejected, m.refuse
		replies <- r
		close(replies)
	case c.Action == gateway.Stop || c.Action == gateway.SetCount || c.Action == gateway.Identify:
		for a, under := range m.running {
			under <- gateway.Reply{Action: gateway.Action(a), Stage: gateway.Failed, Reason: gateway.Superseded}
			close(under)
			delete(m.running, a)
		}
		r.Stage = gateway.Done
		replies <- r
		close(replies)
	default:
		replies <- r
		if m.running == nil {
			m.running = map[string]chan gateway.Reply{}
		}
		m.running[string(c.Action)] = replies
	}
	return replies
}

func (m *machine) refuseWith(why gateway.Reason) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse = why
}

// finish an order that is under way.
func (m *machine) finish(a gateway.Action) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running[string(a)] <- gateway.Reply{Action: a, Stage: gateway.Done}
	close(m.running[string(a)])
	delete(m.running, string(a))
}

func (m *machine) orders() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	given := m.given
	m.given = nil
	return given
}

// movable is a site whose barrier and lot take commands.
func movable() *hub.Hub {
	h := wellHub()
	g := site("entry-gate", "gate", "入口道闸", "closed", gateway.Good, time.Minute, gateSeen{ClosedLimit: true, SafetyClear: true})
	g.Commands = []string{"open", "close", "stop", "hold_open", "release"}
	h.PutDevice(g)
	lot := site("b1", "lot", "地下一层余位", "37", gateway.Good, time.Minute, nil)
	lot.State.Number, lot.Commands = true, []string{"set_count"}
	h.PutDevice(lot)
	return h
}

// commanding is a server over HTTPS with an operator who is logged in.
func commanding(t *testing.T, m *machine) (*httptest.Server, *http.Client) {
	t.Helper()
	return commandingAt(t, movable(), Options{Command: m.take})
}

func commandingAt(t *testing.T, h *hub.Hub, o Options) (*httptest.Server, *http.Client) {
	t.Helper()
	dir := t.TempDir() + "/access"
	if err := access.Set(dir, password); err != nil {
		t.Fatal(err)
	}
	o.Keeper = access.New(dir, func() time.Duration { return time.Hour })
	s := newServer(t, h, o)
	server := httptest.NewTLSServer(s.Handler())
	t.Cleanup(func() {
		s.closeOnce.Do(func() { close(s.closing) })
		server.Close()
	})
	c := browserOf(t, server)
	if r, _ := post(t, c, server.URL+"/login", url.Values{"password": {password}}); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("log-in: %d", r.StatusCode)
	}
	return server, c
}

func TestOrders(t *testing.T) {
	m := &machine{}
	server, c := commanding(t, m)
	stop := url.Values{"device": {"entry-gate"}, "action": {"stop"}}
	if r, said := post(t, c, server.URL+"/operate", stop); r.StatusCode != http.StatusOK || !strings.Contains(said, "stop: done") || !strings.Contains(said, "<h3>入口道闸") {
		t.Errorf("without a script: %d", r.StatusCode)
	}
	if r, said := post(t, c, server.URL+"/operate", stop, "Accept", "application/json"); r.StatusCode != http.StatusOK || !strings.Contains(said, `{"said":"stop: done","tone":"good","over":true}`) {
		t.Errorf("with a script: %d %s", r.StatusCode, said)
	}
	if got := m.orders(); len(got) != 2 || got[0] != "page/127.0.0.1 entry-gate stop" {
		t.Errorf("orders: %q", got)
	}
	if r, _ := post(t, c, server.URL+"/operate", url.Values{"device": {"gateway"}, "action": {"identify"}}); r.StatusCode != http.StatusOK {
		t.Errorf("identify: %d", r.StatusCode)
	}
	if got := m.orders(); len(got) != 1 || got[0] != "page/127.0.0.1 gateway identify" {
		t.Errorf("orders: %q", got)
	}
	m.refuse = gateway.NoPresence
	open := url.Values{"device": {"entry-gate"}, "action": {"open"}}
	if _, said := post(t, c, server.URL+"/operate", open); !strings.Contains(said, "open: refused, nobody has pressed the button at the machine") {
		t.Error("the page does not say why an order was refused")
	}
	if r, _ := post(t, c, server.URL+"/operate", url.Values{"device": {"b1"}, "action": {"set_count"}, "value": {"41"}}); r.StatusCode != http.StatusOK {
		t.Errorf("a count: %d", r.StatusCode)
	}
	m.orders()
	for _, form := range []url.Values{
		{"device": {"entry-gate"}, "action": {"dance"}}, {"device": {"car-1"}, "action": {"open"}}, {"device": {"gateway"}, "action": {"resend"}}, {"device": {"b1"}, "action": {"set_count"}, "value": {"-1"}}, {},
	} {
		if r, _ := post(t, c, server.URL+"/operate", form); r.StatusCode != http.StatusNotFound {
			t.Errorf("%v: %d", form, r.StatusCode)
		}
	}
	// Nobody who is not logged in, and no other site, moves anything.
	stranger := browserOf(t, server)
	for _, path := range []string{"/operate", "/operate/hold"} {
		if r, _ := post(t, stranger, server.URL+path, open); r.Header.Get("Location") != "/login" {
			t.Errorf("a stranger at %s: %d", path, r.StatusCode)
		}
		if r, _ := post(t, c, server.URL+path, open, "Sec-Fetch-Site", "cross-site"); r.StatusCode != http.StatusForbidden {
			t.Errorf("another site at %s: %d", path, r.StatusCode)
		}
	}
	if got := m.orders(); len(got) != 0 {
		t.Errorf("orders: %q", got)
	}
}

// TestHold moves something for as long as it is held, and stops it when the phone is let go of or falls silent.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{}
		s := newServer(t, movable(), Options{Command: m.take})
		open := gateway.Command{Issuer: "page/phone", Device: "entry-gate", Action: gateway.Open}
		orders := func(when string, want ...string) {
			t.Helper()
			synctest.Wait()
			if got := strings.Join(m.orders(), ", "); got != strings.Join(want, ", ") {
				t.Errorf("%s: %s", when, got)
			}
		}
		for range 5 {
			s.beat(open)
			time.Sleep(300 * time.Millisecond)
		}
		orders("held", "page/phone entry-gate open")
		other := open
		other.Issuer = "page/tablet"
		if r := s.beat(other); r.Stage != gateway.Rejected {
			t.Errorf("somebody else: %+v", r)
		}
		s.letGo("entry-gate", "page/tablet")
		orders("somebody else lets go")
		s.letGo("entry-gate", "page/phone")
		orders("let go", "page/phone entry-gate stop")

		s.beat(open)
		time.Sleep(holdBeat + time.Millisecond)
		orders("the phone fell silent", "page/phone entry-gate open", "page/phone entry-gate stop")

		s.beat(open)
		m.finish(gateway.Open)
		synctest.Wait()
		if r := s.beat(open); r.Stage != gateway.Done {
			t.Errorf("the arm is up: %+v", r)
		}
		s.letGo("entry-gate", "page/phone")
		orders("what has ended is not stopped", "page/phone entry-gate open")

		for range holdMost/(300*time.Millisecond) + 10 { // somebody leans on it
			s.beat(open)
			time.Sleep(300 * time.Millisecond)
			if m.mu.Lock(); len(m.given) == 2 {
				m.mu.Unlock()
				break
			}
			m.mu.Unlock()
		}
		orders("held for too long", "page/phone entry-gate open", "page/phone entry-gate stop")
	})
}

// TestBrowserHolds presses the button as a finger does.
func TestBrowserHolds(t *testing.T) {
	m := &machine{}
	server, _ := commanding(t, m)
	ctx := browser(t, chromedp.Flag("ignore-certificate-errors", true))
	open(t, ctx, server.URL+"/login?lang=zh-CN", 360, "light")
	run(t, ctx, chromedp.Steps(
		chromedp.SendKeys(chromedp.CSS(`input[type=password]`), password), chromedp.Click(chromedp.CSS(`.login button.main`)),
		visible(`body.operate.is-live`), visible(`[data-hold=open]`),
	))
	if wide := run(t, ctx, chromedp.Evaluate[float64](`document.documentElement.scrollWidth`)); wide > 360 {
		t.Errorf("the page is %v px wide on a phone of 360", wide)
	}
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "operate-360.png"), run(t, ctx, chromedp.FullScreenshot(100)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, ctx, chromedp.Evaluate[chromedp.Void](axe(t)))
	accessible(t, ctx, "operate, zh-CN, 360 px, light")
	at := run(t, ctx, chromedp.Evaluate[[]float64](`(() => { const r = document.querySelector("[data-hold=open]").getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`))
	mouse := func(kind input.DispatchMouseEventType) {
		t.Helper()
		if _, err := chromedp.Call(ctx, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: kind, X: at[0], Y: at[1], Button: input.MouseButtonLeft, ClickCount: 1}); err != nil {
			t.Fatal(err)
		}
	}
	mouse(input.DispatchMouseEventTypeMousePressed)
	run(t, ctx, chromedp.Steps(visible(`.hold.held`), visible(`output.active`)))
	mouse(input.DispatchMouseEventTypeMouseReleased)
	run(t, ctx, visible(`output.idle`))
	if got := m.orders(); len(got) != 2 || !strings.HasSuffix(got[0], "entry-gate open") || !strings.HasSuffix(got[1], "entry-gate stop") {
		t.Errorf("orders: %q", got)
	}
	run(t, ctx, chromedp.Steps(chromedp.Click(chromedp.CSS(`button.stop`)), visible(`output.good`)))
}

// TestOperateIsAccessible lets axe look at the buttons in every state: nobody at the machine, the window open, the key turned, an
// order refused, a button held; in both languages, on a phone and on a desk, by day and at night. It takes 20 s of two cores.
func TestOperateIsAccessible(t *testing.T) {
	script := axe(t)
	m, h := &machine{}, movable()
	wires := append(siteTerminals(), Terminal{ID: "service", Source: "gpio", Pin: "GPIO9", Uses: []Use{{Device: gateway.GatewayID, Role: "window"}}})
	server, _ := commandingAt(t, h, Options{Command: m.take, Terminals: wires})
	ctx := browser(t, chromedp.Flag("ignore-certificate-errors", true))
	open(t, ctx, server.URL+"/login?lang=zh-CN", 360, "light")
	run(t, ctx, chromedp.Steps(
		chromedp.SendKeys(chromedp.CSS(`input[type=password]`), password), chromedp.Click(chromedp.CSS(`.login button.main`)),
		visible(`body.operate.is-live`),
	))
	alarm := func(name string) {
		h.PutAlarm(gateway.Alarm{ID: gateway.GatewayID, Name: name, Since: testNow - second})
	}
	for _, l := range text.Langs() {
		for _, width := range []int64{360, 1280} {
			look := func(state, selector string) {
				t.Helper()
				run(t, ctx, visible(chromedp.CSS(selector)))
				for _, scheme := range []string{"light", "dark"} {
					emulate(t, ctx, scheme)
					accessible(t, ctx, fmt.Sprintf("operate, %s, %s, %d px, %s", state, l.Tag(), width, scheme))
				}
				emulate(t, ctx, "light")
				if dir := os.Getenv("SCREENSHOTS"); dir != "" {
					run(t, ctx, chromedp.Evaluate[chromedp.Void](`document.getElementById("axe-result").remove()`))
					png := run(t, ctx, chromedp.FullScreenshot(100))
					if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("operate-%s-%s-%d.png", state, l.Tag(), width)), png, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			open(t, ctx, server.URL+"/operate?lang="+l.Tag(), width, "light")
			run(t, ctx, chromedp.Evaluate[chromedp.Void](script))
			look("shut", `#o-presence.idle`)
			alarm("maintenance_opened")
			look("open", `#o-presence.good`)
			run(t, ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector("[data-hold=open]").dispatchEvent(new KeyboardEvent("keydown", { key: " " }))`))
			look("held", `.hold.held`)
			run(t, ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector("[data-hold=open]").dispatchEvent(new KeyboardEvent("keyup", { key: " " }))`))
			run(t, ctx, visible(`output.idle`))
			alarm("lockout_on")
			m.refuseWith(gateway.Lockout)
			run(t, ctx, chromedp.Steps(visible(`#o-presence.bad`), chromedp.Click(chromedp.CSS(`button[value=open]`))))
			look("locked", `output.bad`)
			m.refuseWith("")
			h.DropAlarm(gateway.GatewayID + "/lockout_on")
			h.DropAlarm(gateway.GatewayID + "/maintenance_opened")
		}
	}
}
