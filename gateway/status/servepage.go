package status

import (
	"bytes"
	"html/template"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/text"
)

// pageData is what the skeleton of the page needs around the sections.
type pageData struct {
	Screen, Title   string
	Nav             []navItem
	Body            any // what a screen shows beside its live parts
	Lang, Other     string
	Operator        bool
	MayOperate      bool
	OtherHref       string
	Site, Unit      string
	Verdict         verdict
	Stream          string // address of the live updates
	Layout          string
	Now             float64 // seconds on the gateway's clock
	Wall            int64   // Unix milliseconds; 0 while the date is unknown
	OldAfter        int64   // milliseconds of silence after which the page calls its data old
	Sections        []section
	Version, Config string
}

// servePage serves a screen.
func (s *Server) servePage(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.sendPage(w, r, s.renderer(name, s.language(r), r.URL.Query()), http.StatusOK, nil)
	}
}

// sendPage sends a page; show is what it shows beside its live parts, where the address alone does not say that.
func (s *Server) sendPage(w http.ResponseWriter, r *http.Request, page *renderer, code int, show any) {
	body, err := s.page(page, r, show)
	if err != nil {
		s.o.Log.Error("page could not be rendered", "event", "page_failed", "error", err)
		s.refuse(w, r, http.StatusInternalServerError, "error.failed")
		return
	}
	keepLanguage(w, r)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", page.lang.Tag())
	if code != http.StatusOK {
		w.WriteHeader(code)
		_, _ = w.Write(body) // the reader is gone; net/http notices by itself
		return
	}
	sendCompressed(w, r, body)
}

// page is the newest frame with everything around it, and with ages written out for browsers that run no script.
func (s *Server) page(r *renderer, ask *http.Request, show any) ([]byte, error) {
	f, err := r.newest(0)
	if err != nil {
		return nil, err
	}
	sc := f.screen
	g := sc.v.Gateway
	now := s.o.Now()
	d := pageData{
		Screen: r.name, Nav: navigation(r.lang, r.name, s.operator(ask)), Lang: r.lang.Tag(), Body: show,
		Operator: s.operator(ask), MayOperate: s.o.Keeper != nil,
		Site: firstOf(g.Label, g.ID, sc.l.T("page.title")), Unit: strings.Trim(g.Site+" / "+g.ID, " /"),
		Verdict: sc.verdict(),
		Stream:  streamOf(r.name, r.lang, f),
		Layout:  f.layout, Now: now.Seconds(), Wall: sc.wallMillis(),
		OldAfter: int64((2*tick + time.Second) / time.Millisecond),
		Version:  g.Version, Config: g.Config,
	}
	other := text.EN
	if r.lang == text.EN {
		other = text.ZH
	}
	d.Other, d.OtherHref = other.Tag(), sameIn(other, ask)
	d.Title = sc.l.Of(text.Word("nav", r.name))
	switch r.name {
	case overview:
		d.Title = d.Verdict.Word
	case login:
		d.Stream = ""
	case signals:
		d.Body, d.Stream = s.strips(ask), ""
	case wiring:
		d.Body = sc.jumps()
	case history:
		wanted := filterOf(ask.URL.Query())
		d.Body = sc.filterForm(wanted)
		d.Stream += "&" + wanted.query()
	case walking:
		wanted := walkOf(ask.URL.Query(), g.KernelBoot)
		if show == nil {
			head := sc.walkHead()
			head.Fixed = sc.corrected(ask.URL.Query().Get("corrected"), ask.URL.Query().Get("force"))
			d.Body = head
		}
		d.Stream += "&" + wanted.query().Encode()
	}
	for _, sec := range f.sections {
		parts := make([]part, len(sec.Parts))
		for i, p := range sec.Parts {
			parts[i] = part{ID: p.ID, HTML: template.HTML(writeAges(string(p.HTML), r.lang, now))}
		}
		d.Sections = append(d.Sections, section{ID: sec.ID, Title: sec.Title, Parts: parts})
	}
	if r.name == operating {
		c := sc.controls(d.Sections)
		c.Said, _ = show.(*outcome)
		d.Body, d.Sections = c, nil
	}
	var buf bytes.Buffer
	if err := r.templates.ExecuteTemplate(&buf, "page", d); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// age is an empty time element of our own templates, which the script of the page fills in. A site's own words cannot
// look like it: their angle brackets are escaped.
var age = regexp.MustCompile(`<time data-(ago|span)="([0-9.]+)"></time>`)

// writeAges fills in what the script would.
func writeAges(html string, l text.Lang, now gateway.Mono) string {
	return age.ReplaceAllStringFunc(html, func(element string) string {
		m := age.FindStringSubmatch(element)
		at, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return element
		}
		d := max(0, now.Sub(gateway.Mono(at*float64(time.Second)))).Truncate(time.Second)
		unit, n := text.Span(d)
		if d < time.Second {
			unit = "s"
		}
		words := l.T(text.Key(m[1]+"."+unit), n)
		return element[:len(element)-len("</time>")] + words + "</time>"
	})
}

// firstOf returns the first word that is not empty.
func firstOf(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}
