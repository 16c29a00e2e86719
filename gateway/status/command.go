package status

import (
	"encoding/json"
	"net/http"
	"os/user"
	"strconv"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/control"
)

// commandPath takes commands over the local socket, and nowhere else: who connects there is known by the kernel's word.
const commandPath = "/api/v1/command"

// localCommand is the body of a POST to it.
type localCommand struct {
	Device string         `json:"device"`
	Action gateway.Action `json:"action"`
	Args   gateway.Args   `json:"args"`
}

func fromSocket(r *http.Request) bool {
	_, ok := control.PeerOf(r.Context())
	return ok
}

// serveCommand answers with the replies as they come, one JSON object a line.
func (s *Server) serveCommand(w http.ResponseWriter, r *http.Request) {
	peer, ok := control.PeerOf(r.Context())
	if !ok || s.o.Command == nil {
		s.serveMissing(w, r)
		return
	}
	var c localCommand
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		http.Error(w, "device, action and args: "+err.Error(), http.StatusBadRequest)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/jsonl")
	s.relay(w, r, s.o.Command(gateway.Command{
		Issuer: "local/" + userName(peer.UID), Peer: &gateway.Peer{UID: int64(peer.UID), PID: int64(peer.PID)},
		Device: c.Device, Action: c.Action, Args: c.Args,
	}))
}

// relay sends replies until the last one, or until nobody listens any more.
func (s *Server) relay(w http.ResponseWriter, r *http.Request, replies <-chan gateway.Reply) {
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // a barrier takes its time
	for {
		select {
		case reply, ok := <-replies:
			if !ok {
				return
			}
			_ = out.SetWriteDeadline(time.Now().Add(writeTime))
			if _, err := w.Write(append(gateway.MarshalReply(reply), '\n')); err != nil {
				return
			}
			if err := out.Flush(); err != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-s.closing:
			return
		}
	}
}

// userName of a user id; the number where the machine does not know him.
func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}
