package config

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// source is the text of one file.
type source struct {
	name  string
	lines []string
}

func newSource(name, text string) *source {
	return &source{name: name, lines: strings.Split(text, "\n")}
}

// spot is width characters at line and column of a source; line 0 is the file as a whole. It is a Place that has not
// been looked at yet: most never are.
type spot struct {
	src                 *source
	line, column, width int
}

// bare is the place without what it shows.
func (s spot) bare() Place { return Place{File: s.src.name, Line: s.line, Column: s.column} }

// place of the spot; a width that leaves the line is cut.
func (s spot) place() Place {
	if s.line < 1 || s.line > len(s.src.lines) {
		return Place{File: s.src.name}
	}
	text := strings.TrimRight(s.src.lines[s.line-1], "\r")
	p := Place{File: s.src.name, Line: s.line, Column: max(s.column, 1), Excerpt: mask(text)}
	p.Width = max(min(s.width, utf8.RuneCountInString(text)-p.Column+1), 1)
	return p
}

// Secrets do not belong into the file; if one stands there, no message may carry it into a log.
var (
	secretKey = regexp.MustCompile(`(?i)((?:password|passwd|passphrase|secret|token|private_key)["']?\s*:\s*)\S.*`)
	secretURL = regexp.MustCompile(`//[^/\s@]*@`)
)

func mask(text string) string {
	return secretURL.ReplaceAllString(secretKey.ReplaceAllString(text, "$1***"), "//***@")
}

// String is file:line:column, as editors and terminals make a link of it.
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// excerptWidth is how much of a long line is shown.
const excerptWidth = 100

// render writes the line and a caret line under it. Characters that are two cells wide get two cells under them, and
// what a terminal could take for a command is replaced.
func (p Place) render(b *strings.Builder) {
	if p.Excerpt == "" {
		return
	}
	runes := []rune(p.Excerpt)
	from := 0
	if p.Column > excerptWidth*3/4 {
		from = min(p.Column-excerptWidth/2, len(runes))
	}
	to := min(from+excerptWidth, len(runes))
	var line, caret strings.Builder
	for i, r := range runes[from:to] {
		r = printable(r)
		line.WriteRune(r)
		mark := ' '
		if column := from + i + 1; column >= p.Column && column < p.Column+p.Width {
			mark = '^'
		}
		for range cells(r) {
			caret.WriteRune(mark)
		}
	}
	if p.Column > to {
		caret.WriteRune('^')
	}
	lead, tail := "", ""
	if from > 0 {
		lead = "…"
	}
	if to < len(runes) {
		tail = "…"
	}
	fmt.Fprintf(b, "%5d | %s%s%s\n", p.Line, lead, line.String(), tail)
	fmt.Fprintf(b, "      | %s%s\n", strings.Repeat(" ", utf8.RuneCountInString(lead)), strings.TrimRight(caret.String(), " "))
}

func printable(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case r == utf8.RuneError || !unicode.IsPrint(r):
		return '·'
	}
	return r
}

// cells of a terminal that r takes: two for the scripts of East Asia and full-width forms (Unicode TR 11, W and F).
func cells(r rune) int {
	switch {
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff,
		r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}

// clip makes text fit for the middle of a sentence: printable, on one line, at most n characters.
func clip(text string, n int) string {
	if utf8.RuneCountInString(text) > n {
		text = string([]rune(text)[:n-1]) + "…"
	}
	return strings.Map(printable, text)
}
