package line

import (
	"testing"
	"time"

	"github.com/warthog618/go-gpiocdev/uapi"
)

func wanted(in ...Input) []kernelLine {
	var lines []kernelLine
	for n, w := range in {
		lines = append(lines, kernelLine{channel: n, want: w, info: Info{Chip: "gpiochip0", Offset: 10 + n}})
	}
	return lines
}

// asked decodes what a request says of one of its lines, as the kernel does: the first attribute that covers it.
func asked(r uapi.LineRequest, bit int) (flags uapi.LineFlagV2, debounce time.Duration) {
	flags = r.Config.Flags
	for _, a := range r.Config.Attrs[:r.Config.NumAttrs] {
		if a.Mask.Get(bit) == 0 {
			continue
		}
		switch a.Attr.ID {
		case uapi.LineAttributeIDFlags:
			flags.Decode(a.Attr)
		case uapi.LineAttributeIDDebounce:
			var p uapi.DebouncePeriod
			p.Decode(a.Attr)
			debounce = time.Duration(p)
		}
	}
	return flags, debounce
}

func TestInputRequestSaysWhatWasAsked(t *testing.T) {
	const input = uapi.LineFlagV2Input | uapi.LineFlagV2EdgeRising | uapi.LineFlagV2EdgeFalling
	in := []Input{
		{Bias: PullUp},
		{Bias: PullUp, Debounce: 5 * time.Millisecond},
		{Bias: AsIs},
		{Bias: Float, Debounce: time.Microsecond},
		{Bias: PullDown, Debounce: 5 * time.Millisecond},
	}
	flags := []uapi.LineFlagV2{
		input | uapi.LineFlagV2BiasPullUp, input | uapi.LineFlagV2BiasPullUp, input,
		input | uapi.LineFlagV2BiasDisabled, input | uapi.LineFlagV2BiasPullDown,
	}
	r := inputRequest(wanted(in...), 1024)
	if r.Lines != 5 || r.EventBufferSize != 1024 || uapi.BytesToString(r.Consumer[:]) != "lotusgate" {
		t.Errorf("request = %+v", r)
	}
	for n := range in {
		if r.Offsets[n] != uint32(10+n) {
			t.Errorf("offset %d = %d", n, r.Offsets[n])
		}
		if f, d := asked(r, n); f != flags[n] || d != in[n].Debounce {
			t.Errorf("line %d: flags %#x debounce %v, want %#x %v", n, f, d, flags[n], in[n].Debounce)
		}
	}
}

func TestPlanKeepsTheKernelsLimits(t *testing.T) {
	same := make([]Input, 130)
	eleven := make([]Input, 11) // debounce periods, one more than a request has room for
	for n := range eleven {
		eleven[n].Debounce = time.Duration(n+1) * time.Millisecond
	}
	for _, c := range []struct {
		name string
		in   []Input
		want []int
	}{
		{"none", nil, nil},
		{"64 lines at most", same, []int{64, 64, 2}},
		{"10 exceptions at most", eleven, []int{10, 1}},
		{"equal exceptions count once", append(eleven[:10:10], eleven[3], eleven[9]), []int{12}},
	} {
		requests := plan(wanted(c.in...))
		var got []int
		channel := 0
		for _, lines := range requests {
			got = append(got, len(lines))
			for _, l := range lines {
				if l.channel != channel {
					t.Errorf("%s: channel %d comes at %d", c.name, l.channel, channel)
				}
				channel++
			}
			r := inputRequest(lines, 0)
			for bit, l := range lines {
				if _, d := asked(r, bit); d != l.want.Debounce {
					t.Errorf("%s: debounce of channel %d = %v, want %v", c.name, l.channel, d, l.want.Debounce)
				}
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: requests of %v lines, want %v", c.name, got, c.want)
			continue
		}
		for n := range got {
			if got[n] != c.want[n] {
				t.Errorf("%s: requests of %v lines, want %v", c.name, got, c.want)
			}
		}
	}
}

func TestDebounceOutOfRange(t *testing.T) {
	k := new(fakeKernel).chip("gpiochip0", "A", "B")
	i, errs := k.provider().Inputs([]Input{{Name: "A", Debounce: -1}, {Name: "B", Debounce: 2 * time.Hour}})
	defer i.Close()
	if errs[0] == nil || errs[1] == nil {
		t.Errorf("errors = %v", errs)
	}
}
