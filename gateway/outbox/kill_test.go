package outbox

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain lets the test binary be its own victim: with a directory in the environment it appends until it is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("OUTBOX_VICTIM"); dir != "" {
		appendForever(dir)
	}
	goleak.VerifyTestMain(m)
}

// appendForever prints, one a line, the numbers that are known to be durable.
func appendForever(dir string) {
	o, err := Open(Options{
		Dir: dir, AlarmBytes: 64 * smallSegment, NormalBytes: 256 * smallSegment, Segment: smallSegment,
		CommitWait: time.Millisecond,
	})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("run", o.Ledger().Run)
	var b [200]byte
	for i := uint64(1); ; i++ {
		binary.LittleEndian.PutUint64(b[:], i)
		q := Normal
		if i%10 == 0 {
			q = Alarm
		}
		o.Append(q, b[:8+i%190])
		if i%10 == 0 {
			if err := o.Sync(context.Background()); err != nil {
				fmt.Println("error", err)
				os.Exit(1)
			}
			fmt.Println("durable", i)
		}
	}
}

// TestKill kills a process that appends, again and again, and then demands each durable record of each run exactly
// once and in order.
func TestKill(t *testing.T) {
	const kills = 20
	dir := t.TempDir()
	durable := map[uint32]uint64{}
	for range kills {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "OUTBOX_VICTIM="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines, run := bufio.NewScanner(out), uint32(0)
		enough := 1 + rand.IntN(60)
		for seen := 0; lines.Scan(); seen++ {
			var n uint64
			switch line := lines.Text(); {
			case seen == 0:
				if _, err := fmt.Sscanf(line, "run %d", &run); err != nil {
					t.Fatal(line)
				}
			default:
				if _, err := fmt.Sscanf(line, "durable %d", &n); err != nil {
					t.Fatal(line)
				}
				durable[run] = n
			}
			if seen == enough {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // it was killed
	}

	seen := map[uint32]*spans{}
	contents, err := Scan(dir, nil, func(f Found) error {
		if f.Err != nil {
			t.Error(f.Err)
			return nil
		}
		if n := binary.LittleEndian.Uint64(f.Payload); n != f.ID.Number || len(f.Payload) != int(8+n%190) {
			t.Errorf("record %v holds number %d, %d bytes", f.ID, n, len(f.Payload))
		}
		s := seen[f.ID.Run]
		if s == nil {
			s = new(spans)
			seen[f.ID.Run] = s
		}
		if s.has(f.ID.Number) {
			t.Errorf("%v is there twice", f.ID)
		}
		s.add(f.ID.Number, f.ID.Number+1)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	total := uint64(0)
	for run, n := range durable {
		if missing := seen[run].missing(1, n+1); len(missing) > 0 {
			t.Errorf("run %d was durable to %d, %v are missing", run, n, missing)
		}
		total += n
	}
	if len(contents.Dropped) > 0 {
		t.Errorf("a kill is no power cut, yet %v were dropped", contents.Dropped)
	}
	t.Logf("%d kills, %d durable records, newest run %d", kills, total, contents.Run)
}
