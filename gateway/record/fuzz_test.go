package record_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"strings"
	"sync"
	"testing"
	"time"

	"lotusgate/deploy/examples"
	"lotusgate/drivers"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/daemon"
	"lotusgate/gateway/field"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/plain"
	"lotusgate/gateway/record"
)

// minimal is the smallest example: a lane, a gate, an elevator and a camera.
var minimal = sync.OnceValues(func() (*config.Config, error) {
	text, err := examples.Read("minimal")
	if err != nil {
		return nil, err
	}
	return config.Parse("minimal.yaml", text)
})

func site(json.RawMessage) (field.Config, error) {
	cfg, err := minimal()
	if err != nil {
		return field.Config{}, err
	}
	return daemon.Machines(cfg), nil
}

type nobody struct{}

func (nobody) Record(gateway.Event) gateway.EventID { return gateway.EventID{} }

// newCore of a site, which is given the levels of its wires.
func newCore(t testing.TB) *field.Core {
	t.Helper()
	parts, err := site(nil)
	if err != nil {
		t.Fatal(err)
	}
	const now = gateway.Mono(time.Hour)
	core := field.NewCore(parts, hub.New(func() gateway.Mono { return now }), nobody{}, now)
	core.Begin(now)
	return core
}

// sealed is a recording with a right checksum: of one stretch with this state, and these frames.
func sealed(t testing.TB, layout string, now int64, state, frames []byte) []byte {
	t.Helper()
	header, err := json.Marshal(record.Header{Version: "then", Layout: layout, Now: gateway.Mono(now), Config: json.RawMessage("{}")})
	if err != nil {
		t.Fatal(err)
	}
	block := plain.AppendText(plain.AppendText([]byte{'b'}, string(header)), string(state))
	var packed bytes.Buffer
	z, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(append(block, frames...)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	out := binary.LittleEndian.AppendUint32([]byte("lotusgate recording 1\n"), uint32(packed.Len()))
	out = binary.LittleEndian.AppendUint32(out, crc32.Checksum(packed.Bytes(), crc32.MakeTable(crc32.Castagnoli)))
	return append(out, packed.Bytes()...)
}

// FuzzPlay: whatever state and whatever inputs lie behind a right checksum, playing ends, and nothing comes down.
func FuzzPlay(f *testing.F) {
	core := newCore(f)
	layout := core.Layout()
	var levels field.Levels
	for n := range 5 {
		levels.Set(n, n == 2)
	}
	given := func(in field.Input) []byte {
		return field.AppendInput(binary.AppendUvarint([]byte{'i'}, uint64(30*time.Millisecond)), &in)
	}
	tick := binary.AppendUvarint([]byte{'t'}, uint64(time.Minute))
	frames := bytes.Join([][]byte{
		given(field.Input{Kind: field.LevelsInput, Levels: levels}), tick,
		given(field.Input{Kind: field.EdgeInput, Edge: drivers.Edge{Level: true, Clock: drivers.KernelClock}}), tick,
		given(field.Input{Kind: field.CommandInput, Command: gateway.Command{Device: "entry-gate", Action: gateway.Open}}), tick, tick,
	}, nil)
	for _, in := range []field.Input{
		{Kind: field.LevelsInput, Levels: levels}, {Kind: field.EdgeInput, Edge: drivers.Edge{Level: true, At: time.Hour, Clock: drivers.KernelClock}},
	} {
		f.Add(int64(time.Hour), core.State(), frames)
		core.Apply(gateway.Mono(time.Hour), in)
	}
	core.Tick(gateway.Mono(time.Hour + time.Second))
	f.Add(int64(time.Hour+time.Second), core.State(), frames)
	f.Fuzz(func(t *testing.T, now int64, state, frames []byte) {
		got, err := record.Play(t.Context(), bytes.NewReader(sealed(t, layout, now, state, frames)), record.PlayOptions{
			Parts:  site,
			Enough: func(at gateway.Mono) bool { return at.Sub(gateway.Mono(now)) > time.Hour }, // a year is only more of the same
		})
		if err == nil && got.Stretches == 0 {
			t.Error("played, and there was nothing")
		}
	})
}

// A pause that no recorder would have made is damage, and no reason to let machines catch up with it.
func TestPlayDoesNotBelieveEveryPause(t *testing.T) {
	core := newCore(t)
	pause := binary.AppendUvarint([]byte{'t'}, uint64(2*366*24*time.Hour))
	_, err := record.Play(t.Context(), bytes.NewReader(sealed(t, core.Layout(), int64(time.Hour), core.State(), pause)), record.PlayOptions{Parts: site})
	if !errors.Is(err, plain.ErrDamaged) || !strings.Contains(err.Error(), "nothing for") {
		t.Errorf("two years without an input: %v", err)
	}
}
