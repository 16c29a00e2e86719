package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/chromedp/chromedp"

	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway/access"
	"lotusgate/gateway/config"
	"lotusgate/gateway/daemon"
	"lotusgate/gateway/intake"
)

// miswired is what somebody has got wrong in the demo's cabinet: a float switch inverted, two bays swapped.
var miswired = strings.NewReplacer(
	"pump-in:        {chip: x1, pin: GPA2,", "pump-in:        {chip: x1, pin: GPA2, active: high, bias: up,",
	"bay-1-in:       {chip: x1, pin: GPB0}", "bay-1-in:       {chip: x1, pin: GPB1}",
	"bay-2-in:       {chip: x1, pin: GPB1}", "bay-2-in:       {chip: x1, pin: GPB0}",
)

const walkPassword = "four words are enough"

// site is the daemon of the demo on its simulated board, on which nothing happens by itself but heartbeats.
type site struct {
	board *rig.Board
	page  string // over HTTPS
}

func startSite(t *testing.T) site {
	t.Helper()
	dir := t.TempDir()
	public, err := intake.NewKey(dir, "demo", "EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(dir, "state")
	secure, err := demoOptions{}.secureAddress(0)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	err = template.Must(template.New("demo").Parse(smallSite)).Execute(&text, siteValues{
		"mqtt://127.0.0.1:1", state, "127.0.0.1:0", secure, filepath.Join(dir, "s"), ownGroup(), public,
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "demo.yaml")
	if err := os.WriteFile(file, []byte(miswired.Replace(text.String())), 0o600); err != nil {
		t.Fatal(err)
	}
	load := func() (*config.Config, error) { return config.Load(file) }
	cfg, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if err := access.Set(daemon.AccessDir(state), walkPassword); err != nil {
		t.Fatal(err)
	}
	board, err := rig.New(1, rig.DemoSite(), rig.Options{Speed: 1, Private: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	field, ended, up := make(chan error, 1), make(chan error, 1), make(chan struct{})
	go func() { field <- board.Run(ctx) }()
	go func() {
		ended <- daemon.Run(ctx, daemon.Options{
			Config: cfg, ConfigPath: file, Load: load, Version: "test",
			Hardware: hardware(board), Page: func(net.Addr) { close(up) },
		})
	}()
	t.Cleanup(func() {
		end()
		if err := errors.Join(<-field, <-ended, board.Close()); err != nil {
			t.Error(err)
		}
	})
	<-up
	return site{board, "https://" + secure}
}

// trigger moves a contact by hand, at the terminals: apart, together, and back to what it was.
func (s site) trigger(t *testing.T, terminal string) {
	t.Helper()
	for _, life := range []rig.WireLife{rig.Cut, rig.Grounded, rig.Mended} {
		if err := s.board.Do(rig.WireAct{Line: terminal, Life: life}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(150 * time.Millisecond) // longer than any settle time
	}
}

// TestWalkOverTheDemo is a walk test of a whole site, that of demo --site small, in a browser on a phone: every wire is triggered at
// its terminal and ticked off; an operator corrects what is wrong on the page, and tests it again until all have passed.
func TestWalkOverTheDemo(t *testing.T) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is missing: apt-get install chromium fonts-noto-cjk")
		}
		t.Skip("chromium is missing: apt-get install chromium fonts-noto-cjk")
	}
	s := startSite(t)
	options := append(
		chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("ignore-certificate-errors", true), chromedp.UserDataDir(t.TempDir()),
	)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(360, 800, chromedp.EmulateMobile)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute) // bounds a hang
	defer cancel()
	do := func(what string, actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, chromedp.Steps(actions...)); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	visible := func(selector string) chromedp.Action[chromedp.Void] {
		return chromedp.WaitVisible(chromedp.CSS(selector))
	}
	click := func(selector string) chromedp.Action[chromedp.Void] { return chromedp.Click(chromedp.CSS(selector)) }
	read := func(js string) string {
		t.Helper()
		said, err := chromedp.Run(ctx, chromedp.Evaluate[string](js))
		if err != nil {
			t.Fatal(err)
		}
		return said
	}

	do("log in", chromedp.Navigate(s.page+"/login?lang=zh-CN"), visible(`input[type=password]`),
		chromedp.SendKeys(chromedp.CSS(`input[type=password]`), walkPassword), click(`.login button.main`), visible(`body.operator`))
	do("walk", chromedp.Navigate(s.page+"/walk"), visible(`body.is-live`))

	// Where each wire really is, whatever the configuration says.
	wires := strings.Fields(read(`[...document.querySelectorAll(".walkrow")].map(e => e.id.slice(2) + "=" + e.querySelector(".where").textContent.trim().replace(/^gpio /, "").replace(" ", ".")).join(" ")`))
	if len(wires) != 24 {
		t.Errorf("%d wires: %q", len(wires), wires)
	}
	really := map[string]string{"bay-1-in": "x1.GPB0", "bay-2-in": "x1.GPB1"}
	verdicts := map[string]string{"pump-in": "bad", "bay-1-in": "bad", "bay-2-in": "bad"}
	test := func(id, terminal, want string) {
		t.Helper()
		do("test "+id, click("#k-"+id+" > a[data-soft]"), visible("#k-"+id+".current.active"), visible(`body.is-live`))
		s.trigger(t, terminal)
		do("verdict of "+id, visible("#k-"+id+"."+want))
	}
	for _, w := range wires {
		id, terminal, _ := strings.Cut(w, "=")
		if real, ok := really[id]; ok {
			terminal = real
		}
		want := "good"
		if verdict, ok := verdicts[id]; ok {
			want = verdict
		}
		test(id, terminal, want)
	}
	if said := read(`document.getElementById("k-bay-1-in").innerText`); !strings.Contains(said, "接线互换") {
		t.Errorf("the bays are swapped, the page says %q", said)
	}

	do("correct the float switch", click(`#k-pump-in .ack button`), visible(`.fixed.good`), visible(`#k-pump-in.idle`))
	do("correct the bays", click(`#k-bay-1-in .ack button`), visible(`.fixed.good`), visible(`#k-bay-1-in.idle`), visible(`#k-bay-2-in.idle`))
	for _, id := range []string{"pump-in", "bay-1-in", "bay-2-in"} {
		terminal := map[string]string{"pump-in": "x1.GPA2"}[id] + really[id]
		test(id, terminal, "good")
	}
	do("all have passed", visible(`#k-sum.good`))
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "walk-demo-360.png"), png, 0o600)
		}
		if err != nil {
			t.Error(err)
		}
	}
}
