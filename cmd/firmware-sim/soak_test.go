package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lotusgate/gateway/intake"
)

// With a center, its watermark has the last word; the rest of the site stays as it is.
func TestDemoWithACenter(t *testing.T) {
	public, err := intake.NewKey(t.TempDir(), "center", "EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	for _, site := range []string{"park", "small"} {
		o := demoOptions{site: site, broker: "mqtt://127.0.0.1:1883", page: "127.0.0.1:0", state: t.TempDir(), center: public}
		cfgs, err := o.configs(public)
		if err != nil {
			t.Fatal(err)
		}
		keys := cfgs[0].Commands.Keys
		if cfgs[0].MQTT.Ack != "watermark" || keys["center"].File != public || len(keys) != 2 {
			t.Errorf("%s: ack %q, keys %v", site, cfgs[0].MQTT.Ack, keys)
		}
	}
}

func TestClockSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := demoOptions{steps: time.Minute}
		wall, began := o.wall(), time.Now()
		for n, want := range []time.Duration{0, -time.Hour, 0, 24 * time.Hour, 0} {
			if got := time.Until(wall()); got != want {
				t.Errorf("step %d: the clock is off by %v, want %v", n, got, want)
			}
			time.Sleep(time.Minute)
		}
		if got := wall(); got.Year() != 1970 {
			t.Errorf("the fifth step is to 1970, not to %v, %v after the beginning", got, time.Since(began))
		}
	})
	if (demoOptions{}).wall() != nil {
		t.Error("without steps the clock is this machine's")
	}
}

func TestSoakAsksForTime(t *testing.T) {
	var out, errs strings.Builder
	if code := execute(t.Context(), []string{"soak", "--hours", "0"}, strings.NewReader(""), &out, &errs); code != 1 || !strings.Contains(errs.String(), "--hours") {
		t.Errorf("exit code %d: %s", code, &errs)
	}
}
