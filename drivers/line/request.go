package line

import (
	"slices"
	"time"

	"github.com/warthog618/go-gpiocdev/uapi"
)

// kernelLine is a wanted input at its place.
type kernelLine struct {
	channel int // index in the list given to Inputs
	want    Input
	info    Info
}

func channels(lines []kernelLine) []int {
	var c []int
	for _, l := range lines {
		c = append(c, l.channel)
	}
	return c
}

// attributes is the number of exceptions one request can describe (GPIO_V2_LINE_NUM_ATTRS_MAX).
const attributes = 10

// consumer is the holder that other programs see.
const consumer = "lotusgate"

var biasFlags = [...]uapi.LineFlagV2{
	AsIs:     0,
	PullUp:   uapi.LineFlagV2BiasPullUp,
	PullDown: uapi.LineFlagV2BiasPullDown,
	Float:    uapi.LineFlagV2BiasDisabled,
}

// plan divides the lines of one chip into as few requests as the kernel's limits allow, in order.
func plan(lines []kernelLine) [][]kernelLine {
	var requests [][]kernelLine
	var current []kernelLine
	for _, l := range lines {
		if !fits(append(current, l)) {
			requests = append(requests, current)
			current = nil
		}
		current = append(current, l)
	}
	if len(current) > 0 {
		requests = append(requests, current)
	}
	return requests
}

func fits(lines []kernelLine) bool {
	biases, periods := exceptions(lines)
	return len(lines) <= uapi.LinesMax && len(biases)+len(periods) <= attributes
}

// exceptions returns the masks, over the lines of a request, of each bias but the first line's and of each debounce
// period but none.
func exceptions(lines []kernelLine) (biases map[Bias]uapi.LineBitmap, periods map[time.Duration]uapi.LineBitmap) {
	biases, periods = map[Bias]uapi.LineBitmap{}, map[time.Duration]uapi.LineBitmap{}
	for bit, l := range lines {
		if l.want.Bias != lines[0].want.Bias {
			biases[l.want.Bias] |= 1 << bit
		}
		if l.want.Debounce > 0 {
			periods[l.want.Debounce] |= 1 << bit
		}
	}
	return biases, periods
}

// inputRequest asks for lines that fit one request, both edges, stamped on CLOCK_MONOTONIC (the clock when no flag
// names another). Bit n of every mask is lines[n].
func inputRequest(lines []kernelLine, kept uint32) uapi.LineRequest {
	const input = uapi.LineFlagV2Input | uapi.LineFlagV2EdgeBoth
	r := uapi.LineRequest{Lines: uint32(len(lines)), EventBufferSize: kept}
	copy(r.Consumer[:], consumer)
	for n, l := range lines {
		r.Offsets[n] = uint32(l.info.Offset)
	}
	r.Config.Flags = input | biasFlags[lines[0].want.Bias]
	biases, periods := exceptions(lines)
	for bias, mask := range biases {
		r.Config.AddAttribute(uapi.LineConfigAttribute{Attr: (input | biasFlags[bias]).Encode(), Mask: mask})
	}
	for period, mask := range periods {
		r.Config.AddAttribute(uapi.LineConfigAttribute{Attr: uapi.DebouncePeriod(period).Encode(), Mask: mask})
	}
	return r
}

// outputRequest asks for one output. It names no value: the kernel then drives "inactive", with the polarity applied,
// in the same operation that makes the line an output, so there is no moment at another level.
func outputRequest(l Info, activeLow bool) uapi.LineRequest {
	r := uapi.LineRequest{Lines: 1}
	copy(r.Consumer[:], consumer)
	r.Offsets[0] = uint32(l.Offset)
	r.Config.Flags = uapi.LineFlagV2Output
	if activeLow {
		r.Config.Flags |= uapi.LineFlagV2ActiveLow
	}
	return r
}

// byChip gathers what leads to kernel lines, chip by chip, in the order of the list.
func byChip(in []Input, places []place, errs []error) [][]kernelLine {
	var chips [][]kernelLine
	for n := range in {
		if errs[n] != nil || places[n].pin != nil {
			continue
		}
		l := kernelLine{channel: n, want: in[n], info: places[n].Info}
		c := slices.IndexFunc(chips, func(lines []kernelLine) bool { return lines[0].info.Chip == l.info.Chip })
		if c < 0 {
			chips = append(chips, nil)
			c = len(chips) - 1
		}
		chips[c] = append(chips[c], l)
	}
	return chips
}
