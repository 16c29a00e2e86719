package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/text"
)

// browserTime bounds one test with the browser; it is a safety net, not a measurement.
const browserTime = 2 * time.Minute

// browser starts Chromium and returns a context to drive it.
func browser(t *testing.T, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is missing: apt-get install chromium fonts-noto-cjk")
		}
		t.Skip("chromium is missing: apt-get install chromium fonts-noto-cjk")
	}
	options := append(
		chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.UserDataDir(t.TempDir()),
	)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(options, more...)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("end the browser: %v", err)
		}
		cancel()
	})
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	limited, cancel := context.WithTimeout(ctx, browserTime)
	t.Cleanup(cancel)
	return limited
}

// serve runs s until the test ends; its streams end before the server waits for them.
func serve(t *testing.T, s *Server) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		s.closeOnce.Do(func() { close(s.closing) })
		server.Close()
	})
	return server
}

// complaints collects what a browser says against a page: script errors, policy violations, failed loads, and every
// request to another host.
type complaints struct {
	mu   sync.Mutex
	host string
	also string // beginning of other addresses that are allowed
	said []string
}

func (c *complaints) add(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, fmt.Sprintf(format, args...))
}

func (c *complaints) listen(ctx context.Context) error {
	err := chromedp.Listen(ctx, func(ev any) {
		switch ev := ev.(type) {
		case *runtime.EventExceptionThrown:
			c.add("exception: %s", ev.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			c.add("console.%s", ev.Type)
		case *log.EventEntryAdded:
			c.add("log: %s %s", ev.Entry.Text, ev.Entry.URL)
		case *network.EventRequestWillBeSent:
			if u, err := url.Parse(ev.Request.URL); (err != nil || u.Host != c.host) && (c.also == "" || !strings.HasPrefix(ev.Request.URL, c.also)) {
				c.add("request to %s", ev.Request.URL)
			}
		case *network.EventResponseReceived:
			if ev.Response.Status >= 400 {
				c.add("%d for %s", ev.Response.Status, ev.Response.URL)
			}
		}
	})
	if err != nil {
		return err
	}
	_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	_, err2 := chromedp.Call(ctx, log.Enable, cdp.Empty{})
	_, err3 := chromedp.Call(ctx, runtime.Enable, cdp.Empty{})
	return errors.Join(err, err2, err3)
}

// none fails the test if there were complaints.
func (c *complaints) none(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.said) > 0 {
		t.Errorf("the browser complains: %q", c.said)
	}
}

// visible waits for the element that a CSS selector finds.
func visible(selector chromedp.CSS) chromedp.Action[chromedp.Void] {
	return chromedp.WaitVisible(selector)
}

// run runs one action and ends the test if it fails.
func run[T any](t *testing.T, ctx context.Context, a chromedp.Action[T]) T {
	t.Helper()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestBrowser opens the page as a technician does, changes something in the field and sees it appear without a reload.
func TestBrowser(t *testing.T) {
	ctx := browser(t)
	h := wellHub()
	server := serve(t, newServer(t, h, Options{}))
	said := &complaints{host: strings.TrimPrefix(server.URL, "http://")}
	if err := said.listen(ctx); err != nil {
		t.Fatal(err)
	}
	defer said.none(t)
	run(t, ctx, chromedp.Steps(
		chromedp.EmulateViewport(360, 800, chromedp.EmulateMobile), chromedp.Navigate(server.URL+"/?lang=zh-CN"), visible(`body.is-live`),
	))
	if wide := run(t, ctx, chromedp.Evaluate[float64](`window.sameDocument = true; document.documentElement.scrollWidth`)); wide > 360 {
		t.Errorf("the page is %v px wide on a phone of 360", wide)
	}
	const targets = `Math.min(...[...document.querySelectorAll("a.button, button")].map(e => Math.min(e.offsetWidth, e.offsetHeight)))`
	if small := run(t, ctx, chromedp.Evaluate[float64](targets)); small < 44 {
		t.Errorf("a touch target is only %v px", small)
	}
	if before := run(t, ctx, chromedp.Text(chromedp.CSS(`#d-exit`))); !strings.Contains(before, "已落杆") {
		t.Errorf("the barrier before: %q", before)
	}

	h.PutDevice(site("exit-gate", "gate", "出口道闸", "stopped", gateway.Good, 0, gateSeen{}, "exit"))
	addEvent(h, 4799, gateway.Event{Type: gateway.CameraOffline, ID: "cam-1", Data: gateway.CameraData{}})
	run(t, ctx, chromedp.Steps(visible(`#d-exit .mark.warn`), visible(`#p-events .bad`), visible(`#p-verdict.warn`)))
	if after := run(t, ctx, chromedp.Text(chromedp.CSS(`#d-exit`))); !strings.Contains(after, "停在半途") {
		t.Errorf("the barrier after: %q", after)
	}
	if title, want := run(t, ctx, chromedp.Title()), text.ZH.T("verdict.one"); !strings.HasPrefix(title, want) {
		t.Errorf("title %q, want %q first", title, want)
	}
	if !run(t, ctx, chromedp.Evaluate[bool](`window.sameDocument === true`)) {
		t.Error("the page was loaded again")
	}

	// A device that appears needs another page, and gets it.
	h.PutDevice(site("cam-9", "camera", "新摄像机", "online", gateway.Good, 0, nil))
	run(t, ctx, visible(`#d-cam-9`))
	run(t, ctx, visible(`body.is-live`))
}

// TestBrowserSaysWhenDataIsOld cuts the connection: the page must not look alive.
func TestBrowserSaysWhenDataIsOld(t *testing.T) {
	ctx := browser(t)
	server := serve(t, newServer(t, wellHub(), Options{}))
	run(t, ctx, chromedp.Steps(chromedp.Navigate(server.URL), visible(`body.is-live`)))
	// Do not wait for it as long as a person would.
	run(t, ctx, chromedp.Evaluate[chromedp.Void](`document.body.dataset.oldAfter = "50"`))
	if err := server.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	server.CloseClientConnections()
	run(t, ctx, chromedp.Steps(visible(`#old`), visible(`body.is-old`), chromedp.WaitNotPresent(chromedp.CSS(`body.is-live`))))
}

// TestBrowserOnASlowPhone opens the page of 220 inputs as a phone does that has a sixth of this machine's speed and 400 kbit/s
// at 400 ms. How long that takes is told, not judged; how much is transferred is.
func TestBrowserOnASlowPhone(t *testing.T) {
	ctx := browser(t)
	h := wellHub()
	for i := range 220 {
		h.PutPoint(hub.Point{ID: fmt.Sprintf("p%03d", i), Label: fmt.Sprintf("车位 %d", i), Terminal: "x1 GPA0", Quality: gateway.Good})
	}
	server := serve(t, newServer(t, h, Options{}))
	slow := network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{{
		Latency: 400, DownloadThroughput: 50_000, UploadThroughput: 20_000,
	}}}
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	_, err2 := chromedp.Call(ctx, network.EmulateNetworkConditionsByRule, slow)
	_, err3 := chromedp.Call(ctx, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: 6})
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	open(t, ctx, server.URL+"/?lang=zh-CN", 360, "light")
	const figures = `JSON.stringify((() => { const n = performance.getEntriesByType("navigation")[0], p = performance.getEntriesByName("first-contentful-paint")[0];
		return [Math.round(p ? p.startTime : n.responseEnd), Math.round(n.domContentLoadedEventEnd),
			[n, ...performance.getEntriesByType("resource")].reduce((sum, e) => sum + e.transferSize, 0)]; })())`
	var got [3]int
	if err := json.Unmarshal([]byte(run(t, ctx, chromedp.Evaluate[string](figures))), &got); err != nil {
		t.Fatal(err)
	}
	t.Logf("state shown after %d ms, script running after %d ms, %d bytes transferred", got[0], got[1], got[2])
	if got[2] <= 0 || got[2] > 60_000 {
		t.Errorf("the first view takes %d bytes, want at most 60 kB", got[2])
	}
}

// TestScreens takes pictures for people to look at, where SCREENSHOTS names a folder.
func TestScreens(t *testing.T) {
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		t.Skip("SCREENSHOTS names no folder")
	}
	ctx := browser(t)
	for name, h := range sites() {
		server := serve(t, newServer(t, h, Options{}))
		for screen, path := range shots() {
			for _, l := range text.Langs() {
				for _, width := range []int64{360, 1280} {
					for _, scheme := range []string{"light", "dark"} {
						if scheme == "dark" && l == text.EN {
							continue // colours do not depend on the language
						}
						open(t, ctx, server.URL+path+"lang="+l.Tag(), width, scheme)
						png := run(t, ctx, chromedp.FullScreenshot(100))
						file := filepath.Join(dir, fmt.Sprintf("%s-%s-%s-%d-%s.png", screen, name, l.Tag(), width, scheme))
						if err := os.WriteFile(file, png, 0o600); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
		}
	}
}

// TestPictures takes the pictures of the documentation, of a site that works, in Chinese.
func TestPictures(t *testing.T) {
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		t.Skip("SCREENSHOTS names no folder")
	}
	ctx := browser(t)
	wires := siteTerminals()
	wires[3].Label = "备用"
	server := serve(t, newServer(t, wellHub(), Options{Terminals: wires}))
	for screen, path := range shots() {
		if screen == walking || screen == login || screen == history {
			continue // the ones that show more are taken
		}
		for _, width := range []int64{360, 1280} {
			open(t, ctx, server.URL+path+"lang=zh-CN", width, "light")
			png := run(t, ctx, chromedp.FullScreenshot(100))
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d.png", screen, width)), png, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// open shows an address as a phone or a desktop does, and waits until it is live.
func open(t *testing.T, ctx context.Context, address string, width int64, scheme string) {
	t.Helper()
	mobile := []chromedp.EmulateViewportOption{}
	if width < 700 {
		mobile = append(mobile, chromedp.EmulateMobile)
	}
	emulate(t, ctx, scheme)
	run(t, ctx, chromedp.Steps(
		chromedp.EmulateViewport(width, 800, mobile...), chromedp.Navigate(address), visible(`body.is-live, body.login`),
	))
}

// emulate day (light) or night (dark).
func emulate(t *testing.T, ctx context.Context, scheme string) {
	t.Helper()
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	}); err != nil {
		t.Fatal(err)
	}
}

// shots are the addresses that are worth a picture, each ending before another parameter.
func shots() map[string]string {
	all := map[string]string{"walked": "/walk?" + walkedQuery() + "&", "day": "/history?device=entry-gate&", login: "/login?"}
	for _, name := range screens() {
		all[name] = screenPath(name) + "?"
	}
	return all
}
