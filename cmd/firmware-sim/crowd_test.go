package main

import (
	"fmt"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
)

// quickLoop lets an edge count after a millisecond, so that the settle time does not hide what is measured.
var quickLoop = strings.NewReplacer(
	"entry-a-in:  {line: GPIO17,", "entry-a-in:  {line: GPIO17, settle: 1ms,",
	"entry-b-in:  {line: GPIO27,", "entry-b-in:  {line: GPIO27, settle: 1ms,",
)

// embeddedBroker is that of the demo, until the end.
func embeddedBroker(b *testing.B) (address string) {
	b.Helper()
	address, end, err := startBroker()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := end(); err != nil {
			b.Error(err)
		}
	})
	return address
}

// BenchmarkCrowd is an edge at the demo's loop until the core has decided, and until a subscriber has the event, without and with
// a thousand connections to the page: a third are streams that nobody reads, a third requests that never end, a third send
// bodies that are too large, over and over. An input may change 60 times a minute: -benchtime 50x.
func BenchmarkCrowd(b *testing.B) {
	broker := embeddedBroker(b)
	decided, heard := make(chan time.Time, 64), make(chan time.Time, 64)
	s := startSite(b, siteOptions{broker: "mqtt://" + broker, edit: quickLoop, event: func(_ gateway.EventID, e gateway.Event) {
		if e.Type == gateway.LoopOccupied || e.Type == gateway.LoopCleared {
			decided <- time.Now()
		}
	}})
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + broker).SetClientID("bench").SetAutoReconnect(false))
	if t := c.Connect(); !t.WaitTimeout(10*time.Second) || t.Error() != nil {
		b.Fatal(t.Error())
	}
	defer c.Disconnect(0)
	sub := c.Subscribe("lotusgate/v1/lianhua/park-01/event/loop/+", 1, func(mqtt.Client, mqtt.Message) { heard <- time.Now() })
	if !sub.WaitTimeout(10*time.Second) || sub.Error() != nil {
		b.Fatal(sub.Error())
	}
	for len(s.levels(b)) < 13 { // until every line was read
		time.Sleep(10 * time.Millisecond)
	}
	covered := map[string]bool{}
	toggle := func(line string) (decision, arrival time.Duration) {
		covered[line] = !covered[line]
		life := rig.Mended
		if covered[line] {
			life = rig.Cut
		}
		began := time.Now()
		if err := s.board.Do(rig.WireAct{Line: line, Life: life}); err != nil {
			b.Fatal(err)
		}
		return (<-decided).Sub(began), (<-heard).Sub(began)
	}
	var quiet [2]time.Duration
	run := func(b *testing.B, line string) (medians [2]time.Duration) {
		var all [2][]time.Duration
		for b.Loop() {
			d, a := toggle(line)
			all[0], all[1] = append(all[0], d), append(all[1], a)
		}
		for i, name := range []string{"decision", "broker"} {
			slices.Sort(all[i])
			medians[i] = all[i][len(all[i])/2]
			b.ReportMetric(medians[i].Seconds()*1e3, name+"-ms")
			b.ReportMetric(all[i][len(all[i])*99/100].Seconds()*1e3, name+"-p99-ms")
		}
		return medians
	}
	b.Run("none", func(b *testing.B) { quiet = run(b, "GPIO17") })
	b.Run("thousand", func(b *testing.B) {
		before := inUse()
		leave := crowd(b, s.view, 1000)
		defer leave()
		crowded := run(b, "GPIO27")
		b.ReportMetric(float64(inUse()-before)/(1<<20), "MiB-more")
		if quiet[0] > 0 {
			b.ReportMetric(float64(crowded[0])/float64(quiet[0]), "x-decision")
			b.ReportMetric(float64(crowded[1])/float64(quiet[1]), "x-broker")
		}
	})
}

// crowd comes to the page and stays until leave is called.
func crowd(b *testing.B, page string, n int) (leave func()) {
	b.Helper()
	u, err := url.Parse(page)
	if err != nil {
		b.Fatal(err)
	}
	body := strings.Repeat("x", 64<<10)
	over := make(chan struct{})
	var conns []net.Conn
	for i := range n {
		c, err := net.DialTimeout("tcp", u.Host, 30*time.Second)
		if err != nil {
			b.Fatalf("connection %d: %v", i, err)
		}
		conns = append(conns, c)
		switch i % 3 {
		case 0:
			fmt.Fprint(c, "GET /api/v1/stream HTTP/1.1\r\nHost: gateway\r\n\r\n")
		case 1:
			fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: gateway\r\nX-Never-Ends: ")
		default:
			go func() {
				for { // refused after its head, it comes again
					_ = c.SetDeadline(time.Now().Add(5 * time.Second))
					fmt.Fprintf(c, "POST /login HTTP/1.1\r\nHost: gateway\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
					_ = c.Close()
					select {
					case <-over:
						return
					case <-time.After(time.Second):
					}
					if c, err = net.DialTimeout("tcp", u.Host, 5*time.Second); err != nil {
						return
					}
				}
			}()
		}
	}
	return func() {
		close(over)
		for _, c := range conns {
			_ = c.Close()
		}
	}
}

func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// BenchmarkWatched is the processor time that the daemon of the demo takes for ten seconds, its simulated site included, with nobody
// and with 20 browsers at the overview; what the reading of the streams takes is counted, too.
func BenchmarkWatched(b *testing.B) {
	broker := embeddedBroker(b)
	s := startSite(b, siteOptions{broker: "mqtt://" + broker, edit: strings.NewReplacer(), lively: true})
	u, err := url.Parse(s.view)
	if err != nil {
		b.Fatal(err)
	}
	var alone float64
	for _, watching := range []int{0, 20} {
		b.Run(fmt.Sprint(watching), func(b *testing.B) {
			for range watching {
				c, err := net.Dial("tcp", u.Host)
				if err != nil {
					b.Fatal(err)
				}
				defer c.Close()
				fmt.Fprint(c, "GET /api/v1/stream?lang=zh-CN HTTP/1.1\r\nHost: gateway\r\n\r\n")
				go func() {
					buf := make([]byte, 32<<10)
					for {
						if _, err := c.Read(buf); err != nil {
							return
						}
					}
				}()
			}
			time.Sleep(time.Second) // the first view of each
			var used time.Duration
			for b.Loop() {
				before := processor(b)
				time.Sleep(10 * time.Second)
				used += processor(b) - before
			}
			part := used.Seconds() / float64(b.N) / 10 * 100
			b.ReportMetric(part, "%-of-core")
			if watching == 0 {
				alone = part
			} else {
				b.ReportMetric(part-alone, "%-of-core-more")
			}
		})
	}
}

// processor time of this process so far.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
