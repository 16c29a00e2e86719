package status

import (
	"net/http"
	"net/url"

	"lotusgate/gateway/text"
)

// Screens of the page, by name.
const (
	overview = "overview"
	signals  = "signals"
	wiring   = "wiring"
	history  = "history"
	walking  = "walk"

	operating = "operate" // for operators
	login     = "login"
)

// screens that the navigation leads to.
func screens() []string { return []string{overview, signals, wiring, history, walking} }

// groupsOf a screen: the parts of it that are kept up to date.
func groupsOf(name string) func(*screen) []group {
	switch name {
	case overview:
		return (*screen).groups
	case wiring:
		return (*screen).wiring
	case operating:
		return (*screen).operate
	case history:
		return func(sc *screen) []group { return sc.history(filter{}) }
	}
	return func(*screen) []group { return nil }
}

// navItem is one way to another screen.
type navItem struct {
	Href, Word string
	Current    bool
}

func navigation(l text.Lang, current string, operator bool) []navItem {
	var items []navItem
	names := screens()
	if operator {
		names = append(names, operating)
	}
	for _, name := range names {
		items = append(items, navItem{Href: screenPath(name), Word: l.Of(text.Word("nav", name)), Current: name == current})
	}
	return items
}

// sameIn is the address of the same page in another language.
func sameIn(l text.Lang, r *http.Request) string {
	q := url.Values{}
	for key, values := range r.URL.Query() {
		q[key] = values
	}
	q.Set("lang", l.Tag())
	return r.URL.Path + "?" + q.Encode()
}

func screenPath(name string) string {
	if name == overview {
		return "/"
	}
	return "/" + name
}

// renderer of what an address asks for. All viewers of a screen share one; a filter or a walk has one of its own.
func (s *Server) renderer(name string, l text.Lang, q url.Values) *renderer {
	shared := s.screens[name][l]
	own := &renderer{s: s, name: name, lang: l, templates: shared.templates, pace: pace}
	switch f := filterOf(q); {
	case name == history && f != (filter{}):
		own.groups = func(sc *screen) []group { return sc.history(f) }
	case name == walking:
		own.pace = walkPace
		own.groups = func(sc *screen) []group { return sc.walk(walkOf(q, sc.v.Gateway.KernelBoot)) }
	default:
		return shared
	}
	return own
}
