package deploy

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// BenchmarkFootprint reports what the program costs a board: bytes per architecture, memory and processor at rest, and
// the time from exec to the first publish. make bench-footprint runs it. The site is the minimal example with a broker
// but without its hardware, so the retries of missing lines and buses are in the figures, and reading them is not.
func BenchmarkFootprint(b *testing.B) {
	for _, target := range []string{"arm64", "arm/6", "arm/7", "amd64", "riscv64"} {
		b.Run("size/"+strings.ReplaceAll(target, "/", "v"), func(b *testing.B) {
			arch, arm, _ := strings.Cut(target, "/")
			path := filepath.Join(b.TempDir(), "lotusgate")
			for b.Loop() {
				cmd := exec.Command("go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-ldflags", "-s -w", "-o", path, "../cmd/lotusgate")
				cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOARM="+arm)
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
			}
			info, err := os.Stat(path)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(info.Size())/1e6, "MB")
			b.ReportMetric(12, "goal-MB")
		})
	}
	b.Run("rest", func(b *testing.B) {
		port := mosquitto(b)
		first := make(chan time.Time, 1)
		client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://127.0.0.1:" + port).SetClientID("footprint"))
		await(b, client.Connect())
		defer client.Disconnect(0)
		await(b, client.Subscribe("lotusgate/#", 1, func(mqtt.Client, mqtt.Message) {
			select {
			case first <- time.Now():
			default:
			}
		}))
		config := site(b, "mqtt://broker.lan:1883", "mqtt://127.0.0.1:"+port)
		built(b)
		const rest = 20 * time.Second
		for b.Loop() {
			begin := time.Now()
			d := start(b, config)
			select {
			case at := <-first:
				b.ReportMetric(float64(at.Sub(begin).Milliseconds()), "ms-to-first-publish")
			case <-time.After(patience):
				b.Fatal("nothing was published")
			}
			d.await("READY=1")
			go func() {
				for range d.lines {
				}
			}()
			time.Sleep(5 * time.Second) // the start is not rest
			before := processor(b, d.cmd.Process.Pid)
			time.Sleep(rest)
			used := processor(b, d.cmd.Process.Pid) - before
			b.ReportMetric(100*float64(used)/float64(rest), "%-of-a-core")
			b.ReportMetric(resident(b, d.cmd.Process.Pid)/1e6, "MB-resident")
			if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				b.Fatal(err)
			}
			<-d.ended
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(300, "goal-ms")
		b.ReportMetric(20, "goal-MB")
		b.ReportMetric(0.5, "goal-%")
	})
}

func await(b *testing.B, t mqtt.Token) {
	b.Helper()
	if !t.WaitTimeout(patience) || t.Error() != nil {
		b.Fatal(t.Error())
	}
}

func mosquitto(b *testing.B) (port string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	_, port, _ = net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	cmd := exec.Command(tool(b, "mosquitto"), "-p", port)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			_ = c.Close()
			return port
		}
		if time.Now().After(deadline) {
			b.Fatal("mosquitto does not listen")
		}
	}
}

// processor is the time that a process has spent on it: utime and stime of /proc/pid/stat, in hundredths of a second.
func processor(b *testing.B, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		b.Fatal(err1, err2)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

func resident(b *testing.B, pid int) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kB, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		b.Fatal(err)
	}
	return float64(kB) * 1024
}
