package status

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"lotusgate/gateway/text"
)

// axe is Deque's checker of accessibility, as make node has put it into the cache.
func axe(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(cache, "lotusgate", "npm", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: run make node", err)
		}
		t.Skipf("%v: run make node", err)
	}
	return string(b)
}

// TestScreensAreAccessible lets axe look at every screen: in Chinese on a phone at night, in English on a desk by day: no violation of WCAG 2.2 AA, text at 4.5:1 or more, targets large enough.
func TestScreensAreAccessible(t *testing.T) {
	script := axe(t)
	ctx := browser(t)
	server := serve(t, newServer(t, brokenHub(), Options{})) // it shows everything that can be shown
	for screen, path := range shots() {
		for _, l := range text.Langs() {
			width, scheme := int64(360), "dark"
			if l == text.EN {
				width, scheme = 1280, "light"
			}
			open(t, ctx, server.URL+path+"lang="+l.Tag(), width, scheme)
			run(t, ctx, chromedp.Evaluate[chromedp.Void](script+`;
				document.querySelectorAll("details").forEach(d => d.open = true);
				axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }).then(r => {
					const e = document.createElement("pre"); e.id = "axe-result";
					e.textContent = JSON.stringify(r.violations.map(v => ({ id: v.id, help: v.help,
						nodes: v.nodes.slice(0, 3).map(n => n.html.slice(0, 200) + " " + n.failureSummary) })));
					document.body.append(e);
				}); undefined`))
			run(t, ctx, visible(`#axe-result`))
			var violations []struct {
				ID, Help string
				Nodes    []string
			}
			said := run(t, ctx, chromedp.Evaluate[string](`document.getElementById("axe-result").textContent`))
			if err := json.Unmarshal([]byte(said), &violations); err != nil {
				t.Fatal(err)
			}
			for _, v := range violations {
				t.Errorf("%s, %s, %d px, %s: %s (%s): %q", screen, l.Tag(), width, scheme, v.Help, v.ID, v.Nodes)
			}
			const small = `JSON.stringify([...document.querySelectorAll("a.button, button, select, summary, nav a, label:has(input)")]
				.filter(e => e.checkVisibility() && Math.min(e.offsetWidth, e.offsetHeight) < 44).map(e => e.outerHTML.slice(0, 120)))`
			if found := run(t, ctx, chromedp.Evaluate[string](small)); found != "[]" {
				t.Errorf("%s, %d px: too small for a finger: %s", screen, width, found)
			}
		}
	}
}
