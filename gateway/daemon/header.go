package daemon

import "strings"

// piHeader is the pin of a Raspberry Pi's 40-pin connector on which a line of that name is.
var piHeader = map[string]int{
	"GPIO0": 27, "GPIO1": 28, "GPIO2": 3, "GPIO3": 5, "GPIO4": 7, "GPIO5": 29, "GPIO6": 31, "GPIO7": 26, "GPIO8": 24, "GPIO9": 21,
	"GPIO10": 19, "GPIO11": 23, "GPIO12": 32, "GPIO13": 33, "GPIO14": 8, "GPIO15": 10, "GPIO16": 36, "GPIO17": 11, "GPIO18": 12,
	"GPIO19": 35, "GPIO20": 38, "GPIO21": 40, "GPIO22": 15, "GPIO23": 16, "GPIO24": 18, "GPIO25": 22, "GPIO26": 37, "GPIO27": 13,
}

// headerOf tells the pin of the connector by the name of a line; 0 where it is not known. A board that does not say
// what it is has no lines of its own: it is simulated, as a Raspberry Pi. Another maker's board may call any line GPIO17,
// so it gets no numbers at all: a wrong one is worse than none.
func headerOf(model string) func(line string) int {
	if model != "" && !strings.HasPrefix(model, "Raspberry Pi ") || strings.HasPrefix(model, "Raspberry Pi Compute Module") {
		return func(string) int { return 0 }
	}
	return func(line string) int { return piHeader[line] }
}
