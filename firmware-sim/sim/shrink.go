package sim

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"lotusgate/firmware-sim/district"
	"lotusgate/firmware-sim/rig"
)

// Small is the least of a world that still brings a violation about.
type Small struct {
	Options   Options
	Violation Violation
	Planned   int           // troubles of the whole day
	Troubles  []string      // that are left
	People    []string      // who are
	Tried     int           // worlds
	Log       []string      // what happened around it
	from, to  time.Duration // of the log
}

// Limits of Shrink.
const (
	mostTries = 60
	logBefore = 2 * time.Minute
	logAfter  = time.Minute
	mostLines = 160
)

// Shrink looks for the least of a world that fails: the earliest violation, without the troubles and the people that it does
// not need, and without what happens in the field before and after. It returns nil where nothing is violated.
func Shrink(o Options) (*Small, error) {
	o.Tell = nil
	r, err := Run(o)
	if err != nil || len(r.Violations) == 0 {
		return nil, err
	}
	if o.Length == 0 {
		o.Length = 24 * time.Hour
	}
	s := &Small{Options: o, Tried: 1, Violation: slices.MinFunc(r.Violations, func(a, b Violation) int { return cmp.Compare(a.At, b.At) })}
	day := plan(o)
	s.Planned = len(day)
	all := o.Only
	if all == nil {
		all = make([]int, len(day))
		for i := range day {
			all[i] = i
		}
	}
	s.troubles(all)
	s.people(r.People)
	s.field()
	for _, n := range s.Options.Only {
		s.Troubles = append(s.Troubles, fmt.Sprintf("%v %v", day[n].at.Round(time.Millisecond), day[n]))
	}
	return s, s.explain()
}

// fails tells whether a world violates the same thing, and remembers the smaller world if it does.
func (s *Small) fails(o Options) bool {
	if s.Tried >= mostTries {
		return false
	}
	s.Tried++
	r, err := Run(o)
	if err != nil {
		return false // another fault than the one that is looked for
	}
	for _, v := range r.Violations {
		if v.Kind == s.Violation.Kind {
			s.Options, s.Violation = o, v
			return true
		}
	}
	return false
}

// troubles leaves out as many as possible: halves at first, then smaller parts, as delta debugging does.
func (s *Small) troubles(left []int) {
	with := func(only []int) bool {
		o := s.Options
		o.Only = append([]int{}, only...) // none of them is not all of them
		return s.fails(o)
	}
	s.Options.Only = left
	if with(nil) {
		return
	}
	for parts := 2; len(left) > 1; {
		size := (len(left) + parts - 1) / parts
		smaller := false
		for i := 0; i < len(left); i += size {
			if rest := slices.Concat(left[:i], left[min(i+size, len(left)):]); len(rest) > 0 && with(rest) {
				left, smaller = rest, true
				parts = max(parts-1, 2)
				break
			}
		}
		if !smaller {
			if size == 1 {
				return
			}
			parts = min(2*parts, len(left))
		}
	}
}

// people leaves out all of them, or as many as possible, one by one.
func (s *Small) people(there []string) {
	without := func(who []string) bool {
		o := s.Options
		o.Without = who
		return s.fails(o)
	}
	s.People = there
	if len(there) == 0 {
		return
	}
	if without(slices.Concat(s.Options.Without, there)) {
		s.People = nil
		return
	}
	if len(there) == 1 {
		return
	}
	s.People = slices.DeleteFunc(slices.Clone(there), func(who string) bool {
		return without(slices.Concat(s.Options.Without, []string{who}))
	})
}

// field lets the field rest before and after what matters.
func (s *Small) field() {
	for after := time.Minute; after < 8*time.Hour; after *= 4 {
		o := s.Options
		if o.To = s.Violation.At + after; o.To >= o.Length || s.fails(o) {
			break
		}
	}
	for before := time.Minute; before < 8*time.Hour; before *= 4 {
		o := s.Options
		if o.From = s.Violation.At - before; o.From <= 0 || s.fails(o) {
			break
		}
	}
}

// explain lives the small world once more and writes down what happens around the violation.
func (s *Small) explain() error {
	s.from, s.to = s.Violation.At-logBefore, s.Violation.At+logAfter
	o := s.Options
	o.Tell = func(at time.Duration, what fmt.Stringer) {
		if s.from <= at && at <= s.to {
			s.Log = append(s.Log, fmt.Sprintf("%-17v %s", at.Round(time.Millisecond), aloud(what)))
		}
	}
	r, err := Run(o)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(r.Violations, func(v Violation) bool { return v == s.Violation }) {
		return errors.New("the small world does not repeat itself: something in it is not decided by its seed")
	}
	return nil
}

// aloud says what kind of thing it is, too.
func aloud(what fmt.Stringer) string {
	switch w := what.(type) {
	case rig.Change:
		return "wire      " + w.String()
	case words:
		return "          " + w.String()
	case rig.Action:
		return "action    " + w.String()
	case district.Issued:
		return "decided   " + w.String()
	}
	return "happened  " + what.String()
}

// Command is how to live the small world again.
func (s *Small) Command(config string) string {
	troubles := "--calm"
	if len(s.Options.Only) > 0 {
		troubles = "--only " + strings.Trim(strings.ReplaceAll(fmt.Sprint(s.Options.Only), " ", ","), "[]")
	}
	b := fmt.Sprintf("firmware-sim sim --seed %d --day %d --seeds 1 --days 1 %s", s.Options.Seed, s.Options.Day, troubles)
	if len(s.Options.Without) > 0 {
		b += " --without " + strings.Join(s.Options.Without, ",")
	}
	if s.Options.From > 0 {
		b += fmt.Sprintf(" --from %v", s.Options.From)
	}
	if s.Options.To > 0 {
		b += fmt.Sprintf(" --to %v", s.Options.To)
	}
	if h := s.Options.Hardware; h != Shared {
		b += " --hardware " + [...]string{Everybody: "all", Nobody: "none"}[h]
	}
	return b + " " + config
}

// Print writes it for a person.
func (s *Small) Print(out io.Writer, config string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\nthe least that brings it about (%d worlds tried): %d of %d troubles", s.Tried, len(s.Troubles), s.Planned)
	if s.Options.From > 0 || s.Options.To > 0 {
		fmt.Fprintf(&b, ", the field from %v to %v", s.Options.From.Round(time.Second), cmp.Or(s.Options.To, s.Options.Length).Round(time.Second))
	}
	if len(s.People) > 0 {
		fmt.Fprintf(&b, ", with %s", strings.Join(s.People, ", "))
	}
	fmt.Fprintf(&b, "\n    %v\n", s.Violation)
	for _, t := range s.Troubles {
		fmt.Fprintf(&b, "    %s\n", t)
	}
	fmt.Fprintf(&b, "what happened from %v to %v:\n", s.from.Round(time.Second), s.to.Round(time.Second))
	lines := s.Log
	if n := len(lines) - mostLines; n > 0 {
		fmt.Fprintf(&b, "    (%d lines before)\n", n)
		lines = lines[n:]
	}
	for _, line := range lines {
		fmt.Fprintf(&b, "    %s\n", line)
	}
	fmt.Fprintf(&b, "again, bit by bit: %s\n", s.Command(config))
	_, err := io.WriteString(out, b.String())
	return err
}
