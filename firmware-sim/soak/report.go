package soak

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lotusgate/gateway/audit"
)

// What is measured, and where it is in the values of a moment.
const (
	memory = iota
	heap
	goroutines
	descriptors
	disk
	delay
	measures
)

// measure is how a series is judged.
type measure struct {
	name, unit string
	limit      float64 // growth in an hour that is still flat
	bound      float64 // what explains growth: the configuration allows so much; 0 = nothing does
}

// table of the measures, in order.
func table() [measures]measure {
	return [...]measure{
		memory:      {name: "resident memory", unit: "MiB", limit: 1},
		heap:        {name: "heap in use", unit: "MiB", limit: 0.5},
		goroutines:  {name: "goroutines", limit: 1},
		descriptors: {name: "file descriptors", limit: 1},
		disk:        {name: "disk", unit: "MiB", limit: 1, bound: diskBound},
		delay:       {name: "edge to subscriber, median", unit: "ms", limit: 1},
	}
}

// diskBound is what storage.alarm, normal and record allow together when nothing is configured.
const diskBound = 16 + 64 + 32

// report is what came of a run.
type report struct {
	began   time.Time
	took    time.Duration
	every   time.Duration
	samples []moment
	marks   []mark
	clients *clients
	verdict audit.Report

	kills, pauses, flaps, steps int
}

// mark is something that went wrong on purpose.
type mark struct {
	at   time.Duration
	what string
}

func (r *report) happened(count *int, what string) {
	*count++
	r.marks = append(r.marks, mark{time.Since(r.began), what})
}

// series of a measure: hours, values.
func (r *report) series(m int, from time.Duration) (x, y []float64) {
	for _, s := range r.samples {
		if v := s.values[m]; v >= 0 && s.at >= from {
			x, y = append(x, s.at.Hours()), append(y, v)
		}
	}
	return x, y
}

// judgement of a measure.
type judgement struct {
	trend
	word string
	bad  bool // it grows
	open bool // longer runs will tell
}

// judge applies the rule: over the second half of the run, flat is a slope of at most the limit; what grows is explained
// while it is below what the configuration allows; it grows for certain when the whole interval of confidence is above the
// limit, and only then the run has failed.
func (r *report) judge(m int) judgement {
	what := table()[m]
	x, y := r.series(m, r.took/2)
	j := judgement{trend: theilSen(x, y)}
	switch {
	case len(x) < 10:
		j.word, j.open = "too few samples", true
	case j.slope <= what.limit:
		j.word = "flat"
	case what.bound > 0 && y[len(y)-1] <= what.bound:
		j.word = fmt.Sprintf("explained: fills up to %v %s and stays there", what.bound, what.unit)
	case j.low <= what.limit:
		j.word, j.open = "not decided in this time", true
	default:
		j.word, j.bad = "grows", true
	}
	return j
}

func (r *report) failed() error {
	var errs []error
	for m, what := range table() {
		if j := r.judge(m); j.bad {
			errs = append(errs, fmt.Errorf("%s grows: %+.2f %s an hour", what.name, j.slope, what.unit))
		}
	}
	if !r.verdict.Complete {
		errs = append(errs, fmt.Errorf("%d events are missing", r.verdict.Missing))
	}
	return errors.Join(errs...)
}

// word is the verdict in a line.
func (r *report) word() string {
	if err := r.failed(); err != nil {
		return strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	for m := range measures {
		if j := r.judge(m); j.open {
			return "nothing grows for certain, and not all is decided: run for longer"
		}
	}
	return "flat or explained"
}

// String is the report without its picture.
func (r *report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s from %s, a sample every %v (%d). Mosquitto killed %d times and stopped for 8 s %d times, the link cut %d times,\n"+
		"%d clock steps. Browsers: %d pages and recordings, %d streams with %d messages, %d refused.\n\n",
		r.took.Round(time.Second), r.began.UTC().Format("2006-01-02 15:04 UTC"), r.every, len(r.samples), r.kills, r.pauses, r.flaps, r.steps,
		r.clients.pages.Load(), r.clients.streams.Load(), r.clients.messages.Load(), r.clients.refused.Load())
	v := r.verdict
	fmt.Fprintf(&b, "%d events: %d delivered, %d arrived more than once, %d dropped by name, %d waiting, %d missing.\n\n",
		v.Issued, v.Delivered, v.Duplicates, v.Dropped, v.Waiting, v.Missing)
	b.WriteString("| | first | last | slope an hour (95 %) | flat is at most | |\n|---|---|---|---|---|---|\n")
	for m, what := range table() {
		_, y := r.series(m, 0)
		if len(y) == 0 {
			continue
		}
		j := r.judge(m)
		fmt.Fprintf(&b, "| %s | %.4g %s | %.4g %s | %+.2f (%+.2f to %+.2f) | %v | %s |\n",
			what.name, y[0], what.unit, y[len(y)-1], what.unit, j.slope, j.low, j.high, what.limit, j.word)
	}
	b.WriteString("\nThe slope is that of Theil and Sen over the second half of the run. A slope above the limit is called growth only when\n" +
		"its whole interval of confidence is above it.\n")
	return b.String()
}

// write puts report, picture and samples into dir.
func (r *report) write(dir string) error {
	word := r.word()
	text := fmt.Sprintf("# Soak: %s\n\n%s\n![samples](soak.svg)\n", word, r)
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "report.md"), []byte(text), 0o644),
		os.WriteFile(filepath.Join(dir, "soak.svg"), []byte(r.draw()), 0o644),
		r.writeSamples(filepath.Join(dir, "samples.csv")),
	)
}

func (r *report) writeSamples(name string) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := csv.NewWriter(f)
	head := []string{"seconds"}
	for _, m := range table() {
		head = append(head, strings.TrimSpace(m.name+" "+m.unit))
	}
	err = w.Write(head)
	for _, s := range r.samples {
		row := []string{fmt.Sprintf("%.1f", s.at.Seconds())}
		for _, v := range s.values {
			row = append(row, fmt.Sprintf("%.3f", v))
		}
		err = cmp.Or(err, w.Write(row))
	}
	w.Flush()
	return cmp.Or(err, w.Error())
}
