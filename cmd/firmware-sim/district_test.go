package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lotusgate/deploy/examples"
	"lotusgate/gateway/config"
)

// The eight gateways of the district in one process at one broker: each with its page, its root and its numbers, and no
// chip of any of them fails.
func TestDistrict(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	out := &lines{wrote: make(chan struct{}, 1)}
	ended := make(chan int, 1)
	go func() {
		ended <- execute(ctx, []string{"demo", "--district", "--speed", "4", "--lang", "en", "--state", t.TempDir()}, strings.NewReader(""), out, out)
	}()
	port := out.await(t, `mosquitto_sub -h 127\.0\.0\.1 -p (\d+)`)[1]
	for _, id := range examples.District() {
		out.await(t, id+`\s+status page http://127`)
		sub := subscribeTo(t, "127.0.0.1:"+port, "lotusgate/v1/lianhua/"+id+"/")
		sub.await(t, "status", `"session"`)
		sub.await(t, "meta", `"gateway":"`+id+`"`)
	}
	out.await(t, `park-01\s+entry\s+lane\.vehicle_passed`)
	out.await(t, `elevator-06\s+car-6\s+elevator\.fault_raised`)
	out.await(t, `cctv-01\s+cam-21\s+camera\.online`)
	interrupt()
	if code := <-ended; code != 0 {
		t.Errorf("exit %d:\n%s", code, out)
	}
	for _, bad := range []string{"bus.fault", "level=WARN", "level=ERROR"} {
		if slices.ContainsFunc(out.all(), func(l string) bool { return strings.Contains(l, bad) }) {
			t.Errorf("%s:\n%s", bad, out)
		}
	}
}

// The park of the demo has every device of park-01, elevator-01 and cctv-01, as they are configured there.
func TestParkIsTheDistrict(t *testing.T) {
	o := demoOptions{site: "park", broker: "mqtt://127.0.0.1:1", page: "127.0.0.1:0", state: filepath.Join(t.TempDir(), "state")}
	if _, err := o.configs(""); err == nil {
		t.Fatal("a key without a name was taken")
	}
	key, err := filepath.Abs("park.yaml") // any file
	if err != nil {
		t.Fatal(err)
	}
	cfgs, err := o.configs(key)
	if err != nil {
		t.Fatal(err)
	}
	park := cfgs[0]
	have := map[string]string{}
	for _, d := range park.Devices() {
		have[d.ID] = fmt.Sprint(d)
	}
	n := 0
	for _, id := range []string{"park-01", "elevator-01", "cctv-01"} {
		text, err := examples.Read(id)
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Parse(id+".yaml", text)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range cfg.Devices() {
			if n++; have[d.ID] != fmt.Sprint(d) {
				t.Errorf("%s: %s is\n%v, in the demo\n%s", id, d.ID, d, have[d.ID])
			}
		}
	}
	if n != len(have) || len(park.Points) < 180 {
		t.Errorf("%d devices, %d in the demo with %d points", n, len(have), len(park.Points))
	}
}
