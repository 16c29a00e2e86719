package main

import (
	"io"
	"os"
	"regexp"
	"strings"
)

// Colours of a terminal: SGR codes.
const (
	bold   = "\x1b[1m"
	red    = "\x1b[1;31m"
	yellow = "\x1b[1;33m"
	plain  = "\x1b[0m"
)

// remark is the first line of what is said about a configuration.
var remark = regexp.MustCompile(`^(\S+:\d+:\d+: )(error|错误|warning|警告)(:\s*|：)(.*)$`)

// paint lets a person find errors and warnings in what is said about a configuration. A file, a pipe, a terminal that cannot
// and whoever has set NO_COLOR get the text as it is.
func paint(w io.Writer, text string) string {
	if !isTerminal(w) || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return text
	}
	lines, colour := strings.Split(text, "\n"), red
	for i, line := range lines {
		if m := remark.FindStringSubmatch(line); m != nil {
			colour = red
			if m[2] == "warning" || m[2] == "警告" {
				colour = yellow
			}
			lines[i] = bold + m[1] + colour + m[2] + m[3] + plain + bold + m[4] + plain
		} else if mark := strings.TrimSpace(line); mark != "" && strings.Trim(mark, "^") == "" {
			lines[i] = strings.Replace(line, mark, colour+mark+plain, 1)
		}
	}
	return strings.Join(lines, "\n")
}
