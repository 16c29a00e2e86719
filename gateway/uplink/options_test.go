package uplink

import (
	"strings"
	"testing"
	"time"

	"lotusgate/gateway/hub"
)

func TestOptions(t *testing.T) {
	good := func() Options {
		return Options{Broker: "mqtt://broker", ClientID: "lianhua.park-01", Root: testRoot, Source: "//lianhua/park-01"}
	}
	for name, c := range map[string]struct {
		change func(*Options)
		want   string // "" = accepted
	}{
		"least":                {func(*Options) {}, ""},
		"TLS":                  {func(o *Options) { o.Broker, o.CAFile = "mqtts://broker:8884", "ca.pem" }, ""},
		"IPv6":                 {func(o *Options) { o.Broker = "mqtt://[::1]:1883" }, ""},
		"no scheme":            {func(o *Options) { o.Broker = "broker:1883" }, "use mqtt://host:1883, mqtts://host:8883, ws://host:80/path or wss://host:443/path"},
		"no host":              {func(o *Options) { o.Broker = "mqtt://:1883" }, "names no host"},
		"web":                  {func(o *Options) { o.Broker = "wss://broker/mqtt?x=1" }, "nothing may follow"},
		"password in URL":      {func(o *Options) { o.Broker = "mqtt://u:secret@broker" }, "into files"},
		"path":                 {func(o *Options) { o.Broker = "mqtt://broker/x" }, "nothing may follow the port"},
		"nonsense":             {func(o *Options) { o.Broker = "mqtt://u:secret@bro ker" }, "use mqtt://"},
		"no client id":         {func(o *Options) { o.ClientID = "" }, "client id"},
		"wildcard in root":     {func(o *Options) { o.Root = "a/+/b" }, "without +, #"},
		"empty level in root":  {func(o *Options) { o.Root = "a//b" }, "empty levels"},
		"short root":           {func(o *Options) { o.Root = "a/b" }, "<prefix>/<site>/<gateway>"},
		"source":               {func(o *Options) { o.Source = "park-01" }, "//<site>/<gateway>"},
		"password alone":       {func(o *Options) { o.PasswordFile = "p" }, "needs a user name file"},
		"certificate alone":    {func(o *Options) { o.Broker, o.CertFile = "mqtts://b", "c" }, "needs both files"},
		"CA without TLS":       {func(o *Options) { o.CAFile = "ca.pem" }, "use mqtts://"},
		"window":               {func(o *Options) { o.Window = 1 }, "use 2 to 1024"},
		"keep alive too short": {func(o *Options) { o.KeepAlive = 500 * time.Millisecond }, "whole seconds"},
		"keep alive too long":  {func(o *Options) { o.KeepAlive = 24 * time.Hour }, "whole seconds"},
		"negative timeout":     {func(o *Options) { o.AckTimeout = -time.Second }, "positive time"},
		"negative rate":        {func(o *Options) { o.BacklogRate = -1 }, "events per second"},
	} {
		t.Run(name, func(t *testing.T) {
			o := good()
			c.change(&o)
			clock := newClock()
			_, err := New(o, newMemory(), clock, hub.New(clock.Now), newMemory())
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v does not say %q", err, c.want)
			case err != nil && strings.Contains(err.Error(), "secret"):
				t.Errorf("error shows the password: %v", err)
			}
		})
	}
	t.Run("all at once", func(t *testing.T) {
		_, err := New(Options{}, nil, nil, nil, nil)
		for _, want := range []string{"broker", "client id", "root", "source"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v does not name %s", err, want)
			}
		}
	})
}

func TestDefaultPorts(t *testing.T) {
	for url, want := range map[string]string{
		"mqtt://broker": "broker:1883", "mqtts://broker": "broker:8883", "mqtt://[::1]": "[::1]:1883", "mqtts://10.0.0.1:99/": "10.0.0.1:99",
	} {
		if e, err := parseBroker(url); err != nil || e.addr != want {
			t.Errorf("%s: %q, %v, want %q", url, e.addr, err, want)
		}
	}
}
