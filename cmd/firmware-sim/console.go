package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"

	"lotusgate/firmware-sim/plant"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/text"
)

// console prints what happens: on the left what the field does, on the right what the gateway says about it. Safe for
// concurrent use.
type console struct {
	mu    sync.Mutex
	out   io.Writer
	lang  text.Lang
	quiet bool

	several bool // gateways: each event says whose it is
}

func newConsole(out io.Writer, lang string, quiet bool) *console {
	if lang == "" {
		for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
			if lang = os.Getenv(name); lang != "" {
				break
			}
		}
	}
	c := &console{out: out, lang: text.EN, quiet: quiet}
	if strings.HasPrefix(lang, "zh") {
		c.lang = text.ZH
	}
	return c
}

// Write is for the log.
func (c *console) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(b)
}

// welcome says where to look and how to operate. Of several gateways each says only where.
func (c *console) welcome(page net.Addr, cfg *config.Config, key string, o operating, short bool) {
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(cfg.MQTT.Broker, "mqtt://"))
	secure := cfg.Status.HTTPS.Listen
	if short {
		fmt.Fprintf(c, "  %-12s  status page http://%s/   operate https://%s/login %s   mosquitto_sub -h %s -p %s -t '%s/#' -v\n",
			cfg.Gateway.ID, page, secure, o.password, host, port, cfg.Root())
		return
	}
	button := ""
	if cfg.Service.Button != "" {
		button = "\n                press Enter here to push the button in the cabinet: then the page may move the barriers for " + cfg.Service.Window.String()
	}
	fmt.Fprintf(c, `
%s
  status page   http://%s/   to look at, by anybody
  operate       https://%s/login   password of this run: %s
                the browser warns of a self-made certificate; its fingerprint, above as QR code, is
                SHA256 %s%s
  subscribe     mosquitto_sub -h %s -p %s -t '%s/#' -v
  wiring        lotusgate wiring --socket %s
  command       lotusgate command send --broker %s --gateway %s/%s --key %s entry-gate open
  stop          Ctrl-C

  field: what the simulated site does        gateway: the events it publishes

`, o.code, page, secure, o.password, o.fingerprint, button, host, port, cfg.MQTT.Prefix, cfg.Control.Socket, cfg.MQTT.Broker, cfg.Gateway.Site, cfg.Gateway.ID, key)
}

// field prints what the site did, and what relays do; the other wires would be too much.
func (c *console) field(n rig.Note) {
	if change, ok := n.What.(rig.Change); c.quiet || ok && !change.Relay {
		return
	}
	if truth, ok := n.What.(plant.Truth); ok && truth.Kind.Limit() {
		return
	}
	fmt.Fprintf(c, "  field    %v\n", n)
}

// event prints an event as it is issued.
func (c *console) event(of string, id gateway.EventID, e gateway.Event) {
	who := "gateway"
	if c.several {
		who = of
	}
	fmt.Fprintf(c, "%s  %-7s  %-12s %-26s %s\n", id.Sequence(), who, e.ID, e.Type, c.lang.Of(text.Event(e)))
}
