package status

import (
	"net/http"
	"regexp"
	"slices"
)

// Correction is what a walk test found and an operator wants put right in the configuration: an input that rests active,
// or two whose wires are swapped.
type Correction struct {
	Invert string
	Swap   [2]string
}

// Corrected says where a correction stands, durably.
type Corrected struct {
	File    string // name of the drop-in
	InForce bool   // false: only after a restart
}

// walkFix is the button beside a fault that the configuration can put right.
type walkFix struct {
	Action, Word string
	Invert, A, B string
}

func (sc *screen) walkFix(w walk, r result) *walkFix {
	if sc.s.o.Correct == nil {
		return nil
	}
	fix := &walkFix{Action: "/walk/correct?" + w.query().Encode()}
	switch {
	case r.Verdict == walkInverted && r.Terminal.ActiveLow:
		fix.Invert, fix.Word = r.Terminal.ID, sc.l.T("walk.correct.high")
	case r.Verdict == walkInverted:
		fix.Invert, fix.Word = r.Terminal.ID, sc.l.T("walk.correct.low")
	case r.Verdict == walkSwapped:
		fix.A, fix.B, fix.Word = r.Terminal.ID, r.Instead.ID, sc.l.T("walk.correct.swap")
	default:
		return nil
	}
	return fix
}

// takeCorrection corrects what the walk in the address has found: nobody can ask for anything else.
func (s *Server) takeCorrection(w http.ResponseWriter, r *http.Request) {
	sc := newScreen(s.language(r), s.hub.View(), s.o.Now(), s.o.Location)
	sc.s = s
	wk := walkOf(r.URL.Query(), sc.v.Gateway.KernelBoot)
	results := s.results(wk, sc.now)
	for _, res := range results {
		fix := sc.walkFix(wk, res)
		if fix == nil || fix.Invert != r.PostFormValue("invert") || fix.A != r.PostFormValue("a") || fix.B != r.PostFormValue("b") {
			continue
		}
		for _, found := range results { // what is wired anew forgets every edge
			if found.At != 0 && found.Verdict != walkWaiting {
				s.walks.keep(step{found.Terminal.ID, found.At}, found)
			}
		}
		done, err := s.o.Correct(r.Context(), Correction{Invert: fix.Invert, Swap: [2]string{fix.A, fix.B}})
		if err != nil {
			s.o.Log.Warn("correction refused", "event", "correction_refused", "error", err)
			head := sc.walkHead()
			head.Refused = err.Error()
			s.sendPage(w, r, s.renderer(walking, sc.l, r.URL.Query()), http.StatusConflict, head)
			return
		}
		corrected := slices.DeleteFunc([]string{fix.Invert, fix.A, fix.B}, func(id string) bool { return id == "" })
		if done.InForce { // a page that still shows the fault does not bring it back
			for _, point := range corrected {
				s.walks.forget(point)
			}
		}
		wk.Steps = slices.DeleteFunc(wk.Steps, func(st step) bool { return slices.Contains(corrected, st.Point) })
		q := wk.query() // what was corrected is to be tested again
		q.Set("corrected", done.File)
		if done.InForce {
			q.Set("force", "1")
		}
		http.Redirect(w, r, "/walk?"+q.Encode(), http.StatusSeeOther)
		return
	}
	s.serveMissing(w, r)
}

// dropInName is what an address may make the page say: nothing else that somebody puts there is shown.
var dropInName = regexp.MustCompile(`^[0-9]{2}-correction-[0-9]{4,9}\.yaml$`)

// corrected is what the page says after a correction.
func (sc *screen) corrected(file, inForce string) string {
	switch {
	case !dropInName.MatchString(file):
		return ""
	case inForce != "":
		return sc.l.T("walk.corrected", file)
	}
	return sc.l.T("walk.corrected.restart", file)
}
