package text

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"lotusgate/gateway"
)

// Lang is a language of the product. The zero value is Chinese: it is what most readers speak.
type Lang uint8

const (
	ZH Lang = iota
	EN
)

// Langs lists every language, the default one first.
func Langs() []Lang { return []Lang{ZH, EN} }

// Tag is the BCP 47 tag, as in HTML's lang attribute.
func (l Lang) Tag() string {
	if l == EN {
		return "en"
	}
	return "zh-CN"
}

// ParseLang finds the language of a BCP 47 tag: "zh", "zh-Hans-CN", "en-GB".
func ParseLang(tag string) (l Lang, ok bool) {
	primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
	switch primary {
	case "zh":
		return ZH, true
	case "en":
		return EN, true
	}
	return ZH, false
}

// Negotiate picks a language from an Accept-Language header: the known one with the highest weight, the first of
// equals, else Chinese.
func Negotiate(accept string) Lang {
	best, weight := ZH, 0.0
	for _, item := range strings.Split(accept, ",") {
		tag, params, _ := strings.Cut(item, ";")
		l, ok := ParseLang(tag)
		if !ok {
			continue
		}
		q := 1.0
		if v, found := strings.CutPrefix(strings.TrimSpace(params), "q="); found {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil {
				continue
			}
			q = f
		}
		if q > weight && q <= 1 {
			best, weight = l, q
		}
	}
	return best
}

// Of picks l's side of t.
func (l Lang) Of(t gateway.Text) string {
	if l == EN {
		return t.EN
	}
	return t.ZH
}

// Key names one sentence or word of the catalogue.
type Key string

// T is the sentence of key in l; {1}, {2} … stand for args. A gateway.Text or time.Duration among them is put in l's
// words. A key that is not in the catalogue comes out as itself.
func (l Lang) T(key Key, args ...any) string {
	t, ok := byKey[key]
	if !ok {
		return string(key)
	}
	return l.fill(l.Of(t), args)
}

// Both is the sentence of key in every language.
func Both(key Key, args ...any) gateway.Text {
	return gateway.Text{ZH: ZH.T(key, args...), EN: EN.T(key, args...)}
}

// Word is the entry family.word, or the word itself when this version has no name for it.
func Word(family, word string) gateway.Text {
	if t, ok := byKey[Key(family+"."+word)]; ok {
		return t
	}
	return same(word)
}

// same is a text that needs no translation: an id, a number, a label of the site's own.
func same(s string) gateway.Text { return gateway.Text{ZH: s, EN: s} }

func (l Lang) fill(s string, args []any) string {
	if len(args) == 0 {
		return s
	}
	pairs := make([]string, 0, 2*len(args))
	for i, a := range args {
		pairs = append(pairs, "{"+strconv.Itoa(i+1)+"}", l.arg(a))
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

func (l Lang) arg(a any) string {
	switch a := a.(type) {
	case gateway.Text:
		return l.Of(a)
	case time.Duration:
		return l.Duration(a)
	}
	return fmt.Sprint(a)
}

// Duration is d as a person says it: one unit, rounded down.
func (l Lang) Duration(d time.Duration) string {
	key, n := Span(d)
	return l.T(Key("span."+key), n)
}

// Span splits d into a unit (ms, s, m, h, d) and a count of it.
func Span(d time.Duration) (unit string, n int64) {
	switch {
	case d < time.Second:
		return "ms", d.Milliseconds()
	case d < time.Minute:
		return "s", int64(d / time.Second)
	case d < time.Hour:
		return "m", int64(d / time.Minute)
	case d < 48*time.Hour:
		return "h", int64(d / time.Hour)
	}
	return "d", int64(d / (24 * time.Hour))
}

// Measured writes a value with the unit that people use: 152.3 mA for 152300 µA.
func Measured(v int64, unit string) string {
	if base, ok := strings.CutPrefix(unit, "µ"); ok {
		return strings.TrimSuffix(strconv.FormatFloat(float64(v)/1000, 'f', 1, 64), ".0") + " m" + base
	}
	return strconv.FormatInt(v, 10) + " " + unit
}
