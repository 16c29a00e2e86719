package status

import (
	"net/http"

	"lotusgate/gateway/text"
)

// languageCookie is the only cookie there is; it holds a language tag.
const languageCookie = "lang"

// language of an answer: ?lang, the cookie of an earlier ?lang, what the browser accepts, Chinese.
func (s *Server) language(r *http.Request) text.Lang {
	if l, ok := text.ParseLang(r.URL.Query().Get("lang")); ok {
		return l
	}
	if c, err := r.Cookie(languageCookie); err == nil {
		if l, ok := text.ParseLang(c.Value); ok {
			return l
		}
	}
	return text.Negotiate(r.Header.Get("Accept-Language"))
}

// keepLanguage remembers a choice made with ?lang.
func keepLanguage(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Accept-Language, Cookie")
	l, ok := text.ParseLang(r.URL.Query().Get("lang"))
	if !ok {
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: languageCookie, Value: l.Tag(), Path: "/", MaxAge: 365 * 24 * 3600,
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
