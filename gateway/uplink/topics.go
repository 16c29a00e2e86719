package uplink

import (
	"strings"

	"lotusgate/gateway"
)

// topics of one gateway. docs/wire.md lists them all.
type topics struct {
	root         string // with a slash at its end
	status, meta string
	watermark    string
	heartbeat    string // of the site
}

func topicsOf(root string) topics {
	return topics{
		root: root + "/", status: root + "/status", meta: root + "/meta", watermark: root + "/watermark",
		heartbeat: root[:strings.LastIndex(root, "/")+1] + gateway.HeartbeatID,
	}
}

func (t topics) state(id string) string       { return t.root + "state/" + id }
func (t topics) alarm(key string) string      { return t.root + "alarm/" + key }
func (t topics) event(kind, id string) string { return t.root + "event/" + kind + "/" + id }
func (t topics) commands() string             { return t.root + "command/#" }
func (t topics) reply(id string) string       { return t.root + "reply/" + id }

// commanded is the device that a command topic names.
func (t topics) commanded(topic string) (device string, ok bool) {
	device, ok = strings.CutPrefix(topic, t.root+"command/")
	return device, ok
}

func (t topics) readBack() (filters []string) {
	return []string{t.meta, t.root + "state/+", t.root + "alarm/+/+"}
}

func (t topics) holder(topic string) (string, bool) {
	rest, ok := strings.CutPrefix(topic, t.root)
	if !ok {
		return "", false
	}
	switch part := strings.Split(rest, "/"); {
	case len(part) == 2 && part[0] == "state", len(part) == 3 && part[0] == "alarm":
		return part[1], true
	}
	return "", false
}
