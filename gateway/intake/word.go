package intake

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lotusgate/gateway"
)

// What a center says beside commands: how far it has stored everything, and that it is there. Where commands are signed,
// so are these, and each key needs the permission for them, on the device "gateway".

// Watermark reads one and says whether it may be believed.
func (in *Intake) Watermark(payload []byte) (gateway.Watermark, error) {
	var w gateway.Watermark
	body, err := in.word(payload, WatermarkType, gateway.ConfirmEvents)
	if err != nil {
		return w, err
	}
	if json.Unmarshal(body, &w) != nil || w.Epoch == "" {
		return gateway.Watermark{}, errors.New("it is no watermark: epoch, run and number are needed")
	}
	return w, nil
}

// Heartbeat reads one and returns its time. signed tells whether a key of ours stands behind that time.
func (in *Intake) Heartbeat(payload []byte, site string) (at time.Time, signed bool, err error) {
	var h gateway.Heartbeat
	body, err := in.word(payload, HeartbeatType, gateway.Beat)
	switch {
	case err != nil:
		return at, false, err
	case json.Unmarshal(body, &h) != nil || h.At.IsZero():
		return at, false, errors.New("it is no heartbeat: site and at are needed")
	case h.Site != site:
		return at, false, fmt.Errorf("site must be %s", site)
	}
	return h.At, !in.unsigned(), nil
}

// unsigned tells whether the broker's rules alone stand behind what a center says.
func (in *Intake) unsigned() bool { return in.opt.Unsigned || len(in.opt.Keys) == 0 }

// word returns what stands in a message of the given type, if its key may say it.
func (in *Intake) word(payload []byte, typ string, a gateway.Action) ([]byte, error) {
	if len(payload) > maxMessage {
		return nil, errors.New("1 to 8192 bytes")
	}
	if in.unsigned() {
		return payload, nil
	}
	t, why := parseToken(payload, typ)
	if why == nil {
		why = in.prove(t)
	}
	if why == nil && !(*in.keys.Load())[t.kid].allows(gateway.GatewayID, a) {
		why = because(gateway.NotAllowed, "the key "+t.kid+" needs the action "+string(a)+" on the device "+gateway.GatewayID)
	}
	if why == nil {
		return t.jws.UnsafePayloadWithoutVerification(), nil // prove has just verified it
	}
	if why.detail != "" {
		return nil, fmt.Errorf("%s: %s", why.reason, why.detail)
	}
	return nil, errors.New(string(why.reason))
}
