package access

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// DrawQR draws words as a QR code for a terminal: light on dark, two rows in a line of text.
func DrawQR(words string) (string, error) {
	code, err := qr.Encode(words, qr.L)
	if err != nil {
		return "", fmt.Errorf("access: draw a QR code: %w", err)
	}
	const zone = 2 // of quiet around it
	var b strings.Builder
	light := func(x, y int) bool { return y < code.Size+zone && !code.Black(x, y) }
	for y := -zone; y < code.Size+zone; y += 2 {
		for x := -zone; x < code.Size+zone; x++ {
			switch upper, lower := light(x, y), light(x, y+1); {
			case upper && lower:
				b.WriteString("█")
			case upper:
				b.WriteString("▀")
			case lower:
				b.WriteString("▄")
			default:
				b.WriteString(" ")
			}
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}
