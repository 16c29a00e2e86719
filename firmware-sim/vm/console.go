//go:build linux

package vm

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// errExited ends a guest that has reported its exit status.
var errExited = errors.New("guest exited")

// tailLines is how much of the console goes into the error of a guest that stopped.
const tailLines = 20

// serve reads the console to its end, follows init's lines and passes the
// others on. over is closed when the kernel's process has ended.
func (v *VM) serve(ctx context.Context, console *os.File, over <-chan struct{}, token string, began time.Time, out io.Writer) {
	go func() {
		<-over
		_ = console.SetReadDeadline(time.Now().Add(time.Second)) // all writers are dead
	}()
	if out == nil {
		out = io.Discard
	}
	var tail []string
	up := false
	for lines := bufio.NewReader(console); ; {
		line, err := lines.ReadBytes('\n')
		text, mark, marked := bytes.Cut(line, []byte(token+" "))
		if len(text) > 0 {
			tail = append(tail, strings.TrimRight(string(text), "\r\n"))
			tail = tail[max(0, len(tail)-tailLines):]
			if up { // what the kernel says before is wanted only if it goes no further
				_, _ = out.Write(text) // who reads it is its owner's business
			}
		}
		if marked {
			word, number, _ := strings.Cut(strings.TrimSpace(string(mark)), " ")
			switch {
			case word == "up" && up:
				v.kill(ErrRebooted)
			case word == "up":
				up = true
				v.exit.Boot = time.Since(began)
				tail = nil
				close(v.up)
			case word == "exit":
				if v.exit.Status, err = strconv.Atoi(number); err == nil {
					v.exited = true
				}
				v.kill(errExited)
			}
		}
		if err != nil {
			break
		}
	}
	<-over
	console.Close()
	v.exit.Total = time.Since(began)
	switch {
	case v.exited && !up:
		v.err = fmt.Errorf("run VM: %w; last lines of its console:\n%s", ErrSetup, strings.Join(tail, "\n"))
	case v.exited:
	case ctx.Err() != nil:
		v.err = fmt.Errorf("run VM: %w", context.Cause(ctx))
	default:
		v.err = fmt.Errorf("run VM: %w; last lines of its console:\n%s", ErrStopped, strings.Join(tail, "\n"))
	}
	v.kill(nil)
	if err := os.RemoveAll(v.state); err != nil && v.err == nil {
		v.err = fmt.Errorf("clean up after VM: %w", err)
	}
	close(v.done)
}
