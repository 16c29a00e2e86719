package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress tells a person, not a file, at most once a second that the work goes on.
func progress(w io.Writer, what string) func(format string, args ...any) {
	if !isTerminal(w) {
		return func(string, ...any) {}
	}
	told := time.Now()
	return func(format string, args ...any) {
		if time.Since(told) >= time.Second {
			told = time.Now()
			fmt.Fprintf(w, what+": "+format+"\n", args...)
		}
	}
}

// waiting tells a person, not a file, each second that something is waited for, until done is called.
func waiting(w io.Writer, what string) (done func()) {
	if !isTerminal(w) {
		return func() {}
	}
	stop := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-stop:
				return
			case <-tick.C:
				fmt.Fprintf(w, "%s: %d s\n", what, n)
			}
		}
	})
	return func() { close(stop); telling.Wait() }
}
