package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"lotusgate/gateway"
)

// Code names one kind of problem; it stays the same when its sentence is reworded.
type Code string

// Place is one spot in one file.
type Place struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`    // from 1; 0 = the file as a whole
	Column  int    `json:"column,omitempty"`  // from 1, in characters
	Width   int    `json:"width,omitempty"`   // characters that are meant
	Excerpt string `json:"excerpt,omitempty"` // the source line; secrets are masked
}

// Problem is one thing that is wrong, or, as a warning, probably not meant.
type Problem struct {
	Code    Code
	Warning bool
	Place
	Path    string   // of the value in the configuration: points.eg-open.line
	Text    string   // what stands there
	Args    []string // of the sentence, in every language alike
	Nearest string   // what was probably meant; "" = no guess
	Others  []Place  // the other places that are part of it
}

// Message says what is wrong.
func (p *Problem) Message() gateway.Text { return p.fill(sentences[p.Code].what) }

// Advice says what is allowed, or what to do; it may be empty.
func (p *Problem) Advice() gateway.Text { return p.fill(sentences[p.Code].advice) }

// MarshalJSON is one entry of `lotusgate check --json`.
func (p *Problem) MarshalJSON() ([]byte, error) {
	severity := "error"
	if p.Warning {
		severity = "warning"
	}
	return json.Marshal(struct {
		Severity string `json:"severity"`
		Code     Code   `json:"code"`
		Place
		Path    string       `json:"path,omitempty"`
		Text    string       `json:"text,omitempty"`
		Message gateway.Text `json:"message"`
		Advice  gateway.Text `json:"advice"`
		Nearest string       `json:"nearest,omitempty"`
		Others  []Place      `json:"others,omitempty"`
	}{severity, p.Code, p.Place, p.Path, p.Text, p.Message(), p.Advice(), p.Nearest, p.Others})
}

// near sets the candidate that is spelled most like the text, if one is close enough.
func (p *Problem) near(candidates ...string) *Problem {
	p.Nearest = nearest(p.Text, candidates)
	return p
}

func (p *Problem) also(places ...Place) *Problem {
	p.Others = append(p.Others, places...)
	return p
}

// fill puts text and arguments into a sentence: {0} is the text, {1} … the arguments; {#1} is an argument that is a
// noun of the vocabulary and has a word in each language.
func (p *Problem) fill(t gateway.Text) gateway.Text {
	en := []string{"{0}", clip(p.Text, 60)}
	zh := slices.Clone(en)
	for i, arg := range p.Args {
		arg = clip(arg, 200)
		noun := nouns[arg]
		en = append(en, fmt.Sprintf("{%d}", i+1), arg, fmt.Sprintf("{#%d}", i+1), noun.EN)
		zh = append(zh, fmt.Sprintf("{%d}", i+1), arg, fmt.Sprintf("{#%d}", i+1), noun.ZH)
	}
	return gateway.Text{EN: strings.NewReplacer(en...).Replace(t.EN), ZH: strings.NewReplacer(zh...).Replace(t.ZH)}
}

// Language of a rendering.
type Language uint8

const (
	English Language = iota
	Chinese
)

// of picks the sentence in the language.
func (l Language) of(t gateway.Text) string {
	if l == Chinese {
		return t.ZH
	}
	return t.EN
}

// Errors is why a configuration cannot be used: at least one error, and the warnings found beside it, in the order of
// the files. A syntax error hides what comes after it; everything else is found in one run.
type Errors []*Problem

// Error renders all of it in English, each problem with its line and a caret under what is meant.
func (e Errors) Error() string { return e.In(English) }

// In renders all of it in one language.
func (e Errors) In(l Language) string { return render(e, l) }

// Warnings is what is allowed but probably not meant.
type Warnings []*Problem

// In renders all of it in one language; "" when there is none.
func (w Warnings) In(l Language) string {
	if len(w) == 0 {
		return ""
	}
	return render(w, l)
}

func render(problems []*Problem, l Language) string {
	var b strings.Builder
	warnings := 0
	for _, p := range problems {
		if p.Warning {
			warnings++
		}
		p.render(&b, l)
		b.WriteByte('\n')
	}
	b.WriteString(l.of(tally(len(problems)-warnings, warnings)))
	return b.String()
}

// tally counts errors and warnings in words.
func tally(errors, warnings int) gateway.Text {
	plural := func(n int, word string) string {
		if n == 1 {
			return "1 " + word
		}
		return fmt.Sprintf("%d %ss", n, word)
	}
	var en, zh []string
	if errors > 0 {
		en, zh = append(en, plural(errors, "error")), append(zh, fmt.Sprintf("%d 个错误", errors))
	}
	if warnings > 0 {
		en, zh = append(en, plural(warnings, "warning")), append(zh, fmt.Sprintf("%d 个警告", warnings))
	}
	return gateway.Text{EN: strings.Join(en, ", "), ZH: strings.Join(zh, "，")}
}

// render writes one problem:
//
//	site.yaml:12:14: error: chips.x1.address: 0x40 is not an address that an mcp23017 can have
//	   12 |     address: 0x40
//	      |              ^^^^
//	      = 0x20 to 0x27
func (p *Problem) render(b *strings.Builder, l Language) {
	severity := gateway.Text{EN: "error", ZH: "错误"}
	if p.Warning {
		severity = gateway.Text{EN: "warning", ZH: "警告"}
	}
	fmt.Fprintf(b, "%s: %s: ", p.Place, l.of(severity))
	if p.Path != "" {
		fmt.Fprintf(b, "%s: ", clip(p.Path, 120))
	}
	fmt.Fprintln(b, l.of(p.Message()))
	p.Place.render(b)
	for _, other := range p.Others {
		fmt.Fprintf(b, "      = %s %s\n", l.of(gateway.Text{EN: "see", ZH: "参见"}), other)
		other.render(b)
	}
	if advice := l.of(p.Advice()); advice != "" {
		fmt.Fprintf(b, "      = %s\n", advice)
	}
	if p.Nearest != "" {
		fmt.Fprintf(b, l.of(gateway.Text{EN: "      = did you mean %s?\n", ZH: "      = 是否应为 %s？\n"}), clip(p.Nearest, 120))
	}
}
