package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lotusgate/gateway/text"
)

// look is how often the table asks the daemon.
const look = 250 * time.Millisecond

func wiringCommand() *cobra.Command {
	var at local
	var once, asJSON bool
	cmd := &cobra.Command{
		Use:   "wiring",
		Short: "Watch every input wire: level, state, counts, and what changed last",
		Long: "Watch every input wire: level, settled state, edges, bounces and missed changes, and which one changed last.\n\n" +
			"The running daemon is asked over its local socket. Where none runs the inputs are read without it: its lock is taken,\n" +
			"and no output is touched. Without a terminal the table is printed once.",
		Example: "  lotusgate wiring\n  lotusgate wiring --once",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, end, err := at.reader(cmd)
			if err != nil {
				return err
			}
			defer end()
			out := cmd.OutOrStdout()
			if asJSON {
				body, err := client.Get(cmd.Context(), "/api/v1/view")
				if err != nil {
					return explain(err)
				}
				_, err = out.Write(body)
				return err
			}
			t := wiringTable{l: words(), live: isTerminal(out) && !once, height: heightOf(out)}
			for {
				var v viewJSON
				if err := client.Read(cmd.Context(), "/api/v1/view", &v); err != nil {
					if cmd.Context().Err() != nil {
						return nil // Ctrl-C
					}
					return explain(err)
				}
				t.print(out, v)
				if !t.live {
					return nil
				}
				select {
				case <-cmd.Context().Done():
					return nil
				case <-time.After(look):
				}
			}
		},
	}
	at.flags(cmd)
	cmd.Flags().BoolVar(&once, "once", false, "print the table once and end")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what the daemon knows as JSON and end")
	return cmd
}

// wiringTable counts from its first view on.
type wiringTable struct {
	l    text.Lang
	live bool
	// height of the terminal in lines; 0 = not known. Of more inputs those are shown live that changed last.
	height int
	first  map[string]uint64 // edges at the beginning
}

func (t *wiringTable) print(out io.Writer, v viewJSON) {
	if t.first == nil {
		t.first = map[string]uint64{}
		for _, p := range v.Points {
			t.first[p.ID] = p.Edges
		}
	}
	rows := [][]string{{
		"", t.l.T("wire.terminal"), t.l.T("wire.name"), t.l.T("wire.level"), t.l.T("wire.settled"),
		t.l.T("wire.edges"), t.l.T("wire.bounces"), t.l.T("wire.missed"), t.l.T("wire.last"),
	}}
	newest := -1
	for i, p := range v.Points {
		if p.LastEdgeAt != nil && (newest < 0 || *p.LastEdgeAt > *v.Points[newest].LastEdgeAt) {
			newest = i
		}
	}
	for i, p := range v.Points {
		mark := " "
		if i == newest {
			mark = ">"
		}
		edges := strconv.FormatUint(p.Edges, 10)
		if more := p.Edges - t.first[p.ID]; more > 0 {
			edges += fmt.Sprintf(" (+%d)", more)
		}
		last := "-"
		if p.LastEdgeAt != nil {
			unit, n := text.Span(max(time.Second, time.Duration((v.At-*p.LastEdgeAt)*float64(time.Second))))
			last = t.l.T(text.Key("ago."+unit), n)
		}
		rows = append(rows, []string{
			mark, clean(p.Terminal), clean(p.name()), t.level(p), t.state(p), edges,
			strconv.FormatUint(p.Bounces, 10), strconv.FormatUint(p.Missed, 10), last,
		})
	}
	lines := table(rows)
	if !t.live {
		fmt.Fprintln(out, strings.Join(lines, "\n"))
		return
	}
	var b strings.Builder
	b.WriteString("\x1b[H") // home; every line clears its rest, the last one what is below
	fmt.Fprintf(&b, "%s  %s/%s  %s\x1b[K\n\x1b[K\n", clean(v.Gateway.Label), v.Gateway.Site, v.Gateway.ID, t.l.T("wiring.stop"))
	shown := t.shown(v)
	for i, line := range lines {
		if i > 0 && !shown[i-1] {
			continue
		}
		if i == newest+1 && newest >= 0 {
			line = "\x1b[7m" + line + "\x1b[0m"
		}
		b.WriteString(line + "\x1b[K\n")
	}
	if left := len(v.Points) - len(shown); left > 0 {
		b.WriteString(t.l.T("wiring.more", left) + "\x1b[K\n")
	}
	if newest >= 0 {
		p := v.Points[newest]
		fmt.Fprintf(&b, "\x1b[K\n%s\x1b[K", t.l.T("wiring.newest", clean(p.name()), t.state(p), lines[newest+1][strings.LastIndex(lines[newest+1], "  ")+2:]))
	}
	b.WriteString("\x1b[J")
	fmt.Fprint(out, b.String())
}

// around are the lines of the live table beside those of the inputs: who it is, an empty one, the head, what is left out, an
// empty one, what changed last.
const around = 6

// shown are the rows for which the terminal has room: those that changed last.
func (t *wiringTable) shown(v viewJSON) map[int]bool {
	rows := make([]int, len(v.Points))
	for i := range rows {
		rows[i] = i
	}
	changed := func(i int) float64 {
		if at := v.Points[i].LastEdgeAt; at != nil {
			return *at
		}
		return 0
	}
	if t.height > 0 && len(rows) > t.height-around {
		slices.SortStableFunc(rows, func(a, b int) int { return cmp.Compare(changed(b), changed(a)) })
		rows = rows[:max(1, t.height-around)]
	}
	all := map[int]bool{}
	for _, i := range rows {
		all[i] = true
	}
	return all
}

func (p pointJSON) name() string {
	if p.Label != "" {
		return p.Label
	}
	return p.ID
}

func (t *wiringTable) level(p pointJSON) string {
	switch {
	case p.Level == nil:
		return "-"
	case *p.Level:
		return t.l.T("wire.high")
	}
	return t.l.T("wire.low")
}

func (t *wiringTable) state(p pointJSON) string {
	switch {
	case p.Value != nil:
		return text.Measured(*p.Value, p.Unit)
	case p.Active == nil:
		return t.l.T("value.unknown")
	case *p.Active:
		return t.l.T("wire.active")
	}
	return t.l.T("wire.inactive")
}
