package status

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"lotusgate/gateway/access"
)

// Keeper decides who may operate.
type Keeper interface {
	Login(ctx context.Context, address, password string) (token string, err error)
	Operator(token string) bool
	Logout(token string)
}

// operatorCookie exists over HTTPS only, for this host alone, and no other site can make a browser send it.
const operatorCookie = "__Host-operator"

// writes are the addresses that take a POST, over HTTPS only.
var writes = map[string]bool{"/login": true, "/logout": true, "/alarms": true, "/walk/correct": true, "/operate": true, "/operate/hold": true}

// formMost bounds a form.
const formMost = 8 << 10

func (s *Server) operatorRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /login", s.serveLogin)
	mux.HandleFunc("POST /login", s.takeLogin)
	mux.HandleFunc("POST /logout", s.takeLogout)
	mux.HandleFunc("GET /operate", s.operators(s.servePage(operating)))
	mux.HandleFunc("POST /operate", s.operators(s.takeOrder))
	mux.HandleFunc("POST /operate/hold", s.operators(s.takeHold))
	mux.HandleFunc("POST /alarms", s.operators(s.takeAlarm))
	mux.HandleFunc("POST /walk/correct", s.operators(s.takeCorrection))
}

// operator tells whether a request is an operator's. Over plain HTTP nobody is one.
func (s *Server) operator(r *http.Request) bool {
	c, err := r.Cookie(operatorCookie)
	return err == nil && r.TLS != nil && s.o.Keeper != nil && s.o.Keeper.Operator(c.Value)
}

// operators lets only them through; the others are asked to log in.
func (s *Server) operators(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.operator(r) {
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return
		}
		next(w, r)
	}
}

// loginForm is what the screen shows.
type loginForm struct {
	Secure string // address of the page over HTTPS, on plain HTTP; "" there = it is not configured
	Plain  bool
	Why    string // why the last try failed
}

func (s *Server) serveLogin(w http.ResponseWriter, r *http.Request) {
	s.showLogin(w, r, http.StatusOK, "")
}

func (s *Server) showLogin(w http.ResponseWriter, r *http.Request, code int, why string) {
	form := loginForm{Plain: r.TLS == nil, Why: why}
	if _, port, err := net.SplitHostPort(s.o.HTTPS); form.Plain && err == nil && port != "0" {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		form.Secure = "https://" + net.JoinHostPort(host, port) + "/login"
	}
	s.sendPage(w, r, s.screens[login][s.language(r)], code, form)
}

func (s *Server) takeLogin(w http.ResponseWriter, r *http.Request) {
	if s.o.Keeper == nil {
		s.serveMissing(w, r)
		return
	}
	address, l := address(r), s.language(r)
	token, err := s.o.Keeper.Login(r.Context(), address, r.PostFormValue("password"))
	var wait *access.WaitError
	switch {
	case err == nil:
	case errors.As(err, &wait):
		s.showLogin(w, r, http.StatusTooManyRequests, l.T("login.wait", wait.For))
		return
	case errors.Is(err, access.ErrBusy):
		s.showLogin(w, r, http.StatusServiceUnavailable, l.T("login.busy"))
		return
	case errors.Is(err, access.ErrNone):
		s.showLogin(w, r, http.StatusForbidden, l.T("login.none"))
		return
	case errors.Is(err, access.ErrWrong):
		s.o.Log.Warn("login refused", "event", "login_refused", "address", address)
		s.showLogin(w, r, http.StatusForbidden, l.T("login.wrong"))
		return
	default:
		s.o.Log.Error("login failed", "event", "login_failed", "error", err)
		s.showLogin(w, r, http.StatusInternalServerError, l.T("error.failed"))
		return
	}
	s.o.Log.Info("operator logged in", "event", "login", "address", address)
	http.SetCookie(w, &http.Cookie{
		Name: operatorCookie, Value: token, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	http.Redirect(w, r, "/operate", http.StatusSeeOther)
}

func (s *Server) takeLogout(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(operatorCookie); err == nil && s.o.Keeper != nil {
		s.o.Keeper.Logout(c.Value)
	}
	http.SetCookie(w, &http.Cookie{
		Name: operatorCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// AlarmAct is what an operator does about an alarm.
type AlarmAct uint8

const (
	Acknowledge AlarmAct = iota // somebody has seen it; it stands until its condition is over
	Shelve                      // out of sight for a while, as during maintenance
	Unshelve
)

// alarmActs are the buttons beside an alarm.
var alarmActs = map[string]struct {
	act AlarmAct
	For time.Duration
}{
	"acknowledge": {act: Acknowledge}, "unshelve": {act: Unshelve},
	"shelve-1h": {Shelve, time.Hour}, "shelve-8h": {Shelve, 8 * time.Hour},
}

// takeAlarm does to an alarm what a button says.
func (s *Server) takeAlarm(w http.ResponseWriter, r *http.Request) {
	key := r.PostFormValue("alarm")
	do, known := alarmActs[r.PostFormValue("act")]
	for _, a := range s.hub.View().Alarms {
		if a.Key() == key && known && s.o.ActOnAlarm != nil {
			s.o.ActOnAlarm(r.Context(), a, do.act, do.For)
			http.Redirect(w, r, "/history", http.StatusSeeOther)
			return
		}
	}
	s.serveMissing(w, r)
}
