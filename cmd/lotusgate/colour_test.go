package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal: what is written to it, a person would see.
func terminal(t *testing.T) (write *os.File, seen func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(&text, master) // ends when nobody has the other side open
		close(ended)
	}()
	t.Cleanup(func() { _ = master.Close() })
	return slave, func() string {
		_ = slave.Close()
		<-ended
		return strings.ReplaceAll(text.String(), "\r\n", "\n")
	}
}

// Errors are red and warnings yellow on a terminal, and plain text everywhere else.
func TestColourOnTerminalsOnly(t *testing.T) {
	bad, err := filepath.Abs("../../gateway/config/testdata/bad/lot.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		env      map[string]string
		coloured bool
	}{
		{map[string]string{"TERM": "xterm"}, true},
		{map[string]string{"TERM": "xterm", "LC_ALL": "zh_CN.UTF-8"}, true},
		{map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false},
		{map[string]string{"TERM": "dumb"}, false},
	} {
		for _, name := range []string{"TERM", "NO_COLOR"} {
			t.Setenv(name, "")
		}
		t.Setenv("LC_ALL", "C")
		for name, value := range c.env {
			t.Setenv(name, value)
		}
		tty, seen := terminal(t)
		code := execute(t.Context(), []string{"check", "--config", bad}, io.Discard, tty)
		text := seen()
		if code != exitFailed || strings.Contains(text, red) != c.coloured || strings.Contains(text, "\x1b") != c.coloured {
			t.Errorf("%v: exit %d, %q", c.env, code, text[:min(200, len(text))])
		}
		var file bytes.Buffer
		execute(t.Context(), []string{"check", "--config", bad}, io.Discard, &file)
		if strings.Contains(file.String(), "\x1b") {
			t.Errorf("%v: colour in a file", c.env)
		}
		undo := strings.NewReplacer(bold, "", red, "", yellow, "", plain, "")
		if undo.Replace(text) != file.String() {
			t.Errorf("%v: the words differ", c.env)
		}
	}
}

// A person is told that the work goes on, once a second at most; a file is not.
func TestProgress(t *testing.T) {
	tty, seen := terminal(t)
	var file bytes.Buffer
	synctest.Test(t, func(*testing.T) {
		tell, silent := progress(tty, "export"), progress(&file, "export")
		tell("%d records read", 1)
		time.Sleep(time.Second)
		tell("%d records read", 2)
		tell("%d records read", 3)
		silent("%d records read", 3)
	})
	if got := seen(); got != "export: 2 records read\n" {
		t.Errorf("%q", got)
	}
	if file.Len() > 0 {
		t.Errorf("%q", file.String())
	}
}

func TestWaiting(t *testing.T) {
	tty, seen := terminal(t)
	var file bytes.Buffer
	synctest.Test(t, func(*testing.T) {
		told, silent := waiting(tty, "probe mqtt"), waiting(&file, "probe mqtt")
		time.Sleep(2500 * time.Millisecond)
		told()
		silent()
		time.Sleep(time.Second)
	})
	if got := seen(); got != "probe mqtt: 1 s\nprobe mqtt: 2 s\n" {
		t.Errorf("%q", got)
	}
	if file.Len() > 0 {
		t.Errorf("%q", file.String())
	}
}
