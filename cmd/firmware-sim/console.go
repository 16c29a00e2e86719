package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"

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

func (c *console) welcome(page net.Addr, cfg *config.Config) {
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(cfg.MQTT.Broker, "mqtt://"))
	fmt.Fprintf(c, `
  status page   http://%s/
  subscribe     mosquitto_sub -h %s -p %s -t '%s/#' -v
  wiring        lotusgate wiring --socket %s
  stop          Ctrl-C

  field: what the simulated site does        gateway: the events it publishes

`, page, host, port, cfg.MQTT.Prefix, cfg.Control.Socket)
}

// field prints what the site did, and what relays do; the other wires would be too much.
func (c *console) field(n rig.Note) {
	if change, ok := n.What.(rig.Change); c.quiet || ok && !change.Relay {
		return
	}
	fmt.Fprintf(c, "  field    %v\n", n)
}

// event prints an event as it is issued.
func (c *console) event(id gateway.EventID, e gateway.Event) {
	fmt.Fprintf(c, "%s  %-7s  %-12s %-26s %s\n", id.Sequence(), "gateway", e.ID, e.Type, c.lang.Of(text.Event(e)))
}
