package uplink

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// paper is a connection that notes each write.
type paper struct {
	net.Conn
	writes []string
	err    error // of the next writes
}

func (p *paper) Write(b []byte) (int, error) {
	p.writes = append(p.writes, string(b))
	return len(b), p.err
}

func (p *paper) SetWriteDeadline(time.Time) error { return nil }

func TestBatch(t *testing.T) {
	large := strings.Repeat("x", batchBytes)
	half := large[:batchBytes/2+1]
	cases := map[string]struct {
		before, during, after []string
		want                  []string
	}{
		"packets outside of a batch leave one by one": {before: []string{"a", "b"}, after: []string{"c"}, want: []string{"a", "b", "c"}},
		"a batch is one write":                        {during: []string{"a", "b", "c"}, want: []string{"abc"}},
		"an empty batch writes nothing":               {before: []string{"a"}, want: []string{"a"}},
		"what comes late follows":                     {during: []string{"a", "b"}, after: []string{"c"}, want: []string{"ab", "c"}},
		"a full batch leaves before what is too much": {during: []string{"a", large, "b"}, want: []string{"a", large, "b"}},
		"halves that do not fit together":             {during: []string{half, half, "b"}, want: []string{half, half, "b"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			conn := &paper{}
			b := &batcher{conn: conn, fail: func(err error) { t.Error(err) }}
			put := func(packets []string) {
				for _, p := range packets {
					b.write([]byte(p))
				}
			}
			put(c.before)
			if err := b.batch(func() error { put(c.during); return nil }); err != nil {
				t.Fatal(err)
			}
			put(c.after)
			if !slices.Equal(conn.writes, c.want) {
				t.Errorf("written in %d pieces, want %d: %.80q", len(conn.writes), len(c.want), conn.writes)
			}
		})
	}
}

// A batch that ends with an error was still handed over: its packets have to leave.
func TestBatchWithError(t *testing.T) {
	conn := &paper{}
	b := &batcher{conn: conn, fail: func(err error) { t.Error(err) }}
	want := errors.New("no room")
	err := b.batch(func() error {
		b.write([]byte("a"))
		return want
	})
	if err != want || !slices.Equal(conn.writes, []string{"a"}) {
		t.Errorf("error %v, written %q", err, conn.writes)
	}
}

func TestBatchOnABrokenConnection(t *testing.T) {
	conn := &paper{err: errors.New("broken pipe")}
	var told []error
	b := &batcher{conn: conn, fail: func(err error) { told = append(told, err) }}
	_ = b.batch(func() error {
		for i := range 3 {
			b.write(fmt.Appendf(nil, "%d", i))
		}
		return nil
	})
	b.write([]byte("3"))
	if len(told) != 1 || len(conn.writes) != 1 {
		t.Errorf("told %d times of %d writes: behind half a packet nothing may follow", len(told), len(conn.writes))
	}
}
