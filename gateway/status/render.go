package status

import (
	"fmt"
	"hash/maphash"
	"html/template"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"lotusgate/gateway/text"
)

// pace is the shortest time between two renderings of one language, and so between two messages to one viewer.
const pace = 200 * time.Millisecond

// walkPace is that of a walk test, where somebody stands at a wire and waits for the tick.
const walkPace = 50 * time.Millisecond

// tick is how often a viewer hears from us although nothing changed: a page that hears nothing for twice that is old.
const tick = 5 * time.Second

// renderer makes the page of one language. One rendering serves all viewers.
type renderer struct {
	s         *Server
	name      string // of the screen
	lang      text.Lang
	groups    func(*screen) []group
	templates *template.Template
	pace      time.Duration

	mu    sync.Mutex
	frame *frame // newest
	done  map[string]rendered
}

// rendered remembers what a part was made from: most parts do not change from frame to frame, and html/template is
// slow on a small board.
type rendered struct {
	from block
	part part
}

// frame is one rendering of the newest view. It is immutable. Ages stand in it as points in time, so that only what
// really changed differs from the frame before.
type frame struct {
	id       string // names what it shows, to a browser that comes back to this process
	made     time.Time
	outdated <-chan struct{} // closed at the first change after the view
	screen   *screen
	layout   string // names the set of parts; another one needs another page
	sections []section
}

// part is an element of the page that is replaced as a whole when it changes.
type part struct {
	ID   string
	HTML template.HTML // made by html/template, so escaped already
	hash uint64
}

func newRenderers(s *Server) (map[string]map[text.Lang]*renderer, error) {
	all := map[string]map[text.Lang]*renderer{}
	for _, name := range append(screens(), operating, login) {
		all[name] = map[text.Lang]*renderer{}
	}
	for _, l := range text.Langs() {
		t, err := template.New("page").Funcs(template.FuncMap{
			"t":     func(k string, args ...any) string { return l.T(text.Key(k), args...) },
			"asset": s.assetPath,
		}).ParseFS(pageFiles, "page/*.tmpl")
		if err != nil {
			return nil, err
		}
		for name, pages := range all {
			pages[l] = &renderer{s: s, name: name, lang: l, groups: groupsOf(name), templates: t, pace: pace}
		}
	}
	return all, nil
}

// newest returns a frame of the newest view, or one that is younger than rest.
func (r *renderer) newest(rest time.Duration) (*frame, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.frame; f != nil {
		if age := time.Since(f.made); age < rest || (age < tick && !isClosed(f.outdated)) {
			return f, nil
		}
	}
	f := &frame{made: time.Now(), outdated: r.s.hub.Changed()} // before the view, so that no change is missed
	f.screen = newScreen(r.lang, r.s.hub.View(), r.s.o.Now(), r.s.o.Location)
	f.screen.s = r.s
	var err error
	if f.sections, err = r.sections(f.screen); err != nil {
		return nil, err
	}
	var ids, all maphash.Hash
	ids.SetSeed(seed)
	all.SetSeed(seed)
	for _, p := range f.parts() {
		ids.WriteString(p.ID + "\n")
		all.WriteString(p.ID + "\n" + string(p.HTML))
	}
	f.layout = strconv.FormatUint(ids.Sum64(), 36)
	f.id = r.s.run + "-" + strconv.FormatUint(all.Sum64(), 36)
	r.frame = f
	return f, nil
}

// parts of all sections in page order.
func (f *frame) parts() []part {
	var all []part
	for _, s := range f.sections {
		all = append(all, s.Parts...)
	}
	return all
}

// section is a heading and its parts.
type section struct {
	ID, Title string
	Parts     []part
}

// sections renders the parts of a screen that changed and takes the others over. The caller holds mu.
func (r *renderer) sections(sc *screen) ([]section, error) {
	var out []section
	done := map[string]rendered{}
	for _, g := range r.groups(sc) {
		sec := section{ID: g.id}
		if g.title != "" {
			sec.Title = sc.l.T(text.Key(g.title))
		}
		for _, b := range g.blocks {
			id, name := b.part()
			p, ok := r.done[id]
			if !ok || !reflect.DeepEqual(p.from, b) {
				var buf strings.Builder
				if err := r.templates.ExecuteTemplate(&buf, name, b); err != nil {
					return nil, fmt.Errorf("render %s: %w", id, err)
				}
				html := buf.String()
				p = rendered{from: b, part: part{ID: id, HTML: template.HTML(html), hash: maphash.String(seed, html)}}
			}
			done[id] = p
			sec.Parts = append(sec.Parts, p.part)
		}
		out = append(out, sec)
	}
	r.done = done
	return out, nil
}

// seed of the parts' hashes; they never leave the process.
var seed = maphash.MakeSeed()

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
