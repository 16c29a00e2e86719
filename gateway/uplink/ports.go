package uplink

import (
	"time"

	"lotusgate/gateway"
)

// Record is one event as the outbox keeps it.
type Record struct {
	ID      gateway.EventID
	Payload []byte // JSON of a gateway.Stored; not changed until the record is confirmed or Rewind was called
	Resent  bool   // was taken before, perhaps by an earlier run
}

// Outbox is the durable log, as far as the sender needs it. All methods are called from one goroutine.
type Outbox interface {
	// Take appends at most max records that wait to be sent to dst, in the order in which they shall be sent.
	Take(dst []Record, max int) []Record
	// TakeLive is Take without what has waited since before the last Rewind, alarms excepted: for who has used up the
	// backlog rate.
	TakeLive(dst []Record, max int) []Record
	// Ready returns a channel that receives or is closed when a Take that comes after may find more. It is asked for
	// before Take, so that nothing is missed; a wake-up too many does no harm.
	Ready() <-chan struct{}
	// Confirm says that the broker has acknowledged these records. ids is only valid during the call.
	Confirm(ids ...gateway.EventID)
	// ConfirmTo says that the center has stored everything up to mark of the runs before this one, in the epoch of mark.
	ConfirmTo(mark gateway.EventID)
	// Rewind makes every record that was taken and not confirmed wait again.
	Rewind()
}

// Line is a connection to a broker, as far as a session talks to it. No method waits for an answer; nil means that it has died.
type Line interface {
	// Publish sends a message with QoS 1.
	Publish(topic string, retained bool, payload []byte) Token
	// Subscribe asks for topics, each with its QoS. Its token also has Result() map[string]byte, the QoS granted.
	Subscribe(qos map[string]byte) Token
	// Unsubscribe takes that back.
	Unsubscribe(filters ...string) Token
	// Together runs send, during which packets may be held back in order to leave as one piece.
	Together(send func() error) error
}

// Token is a packet that waits for its acknowledgement.
type Token interface {
	Done() <-chan struct{} // closed when it is acknowledged, or will never be
	Error() error          // once it is done
}

// History is a record that somebody wants once more.
type History struct {
	Record
	Sent func() // called when the broker has acknowledged it
}

// Ledger sums up how far numbers were issued and confirmed.
type Ledger interface {
	Ledger() gateway.Ledger
}

// Clock tells the time.
type Clock interface {
	// Now is the monotonic clock that events are stamped with.
	Now() gateway.Mono
	// Stamp turns a monotonic time of the kernel boot named boot into a date; zero while that is unknown.
	Stamp(boot string, at gateway.Mono) (time.Time, gateway.ClockQuality)
	// Bounds are what is known about a time that Stamp has no date for; zero = nothing.
	Bounds(boot string, at gateway.Mono) (notBefore, notAfter time.Time)
}

// Commands takes what arrives on command topics, and says what became of it. All methods are safe for concurrent use, and
// none of them waits.
type Commands interface {
	// Begin names the session that commands must quote from now on.
	Begin(session string)
	// Take is given every message in the order of arrival; device is the last level of its topic.
	Take(device string, payload []byte, retained bool)
	// Replies are to be published, best effort.
	Replies() <-chan gateway.Reply
	// Nonce is what the status tells centers to quote, and how long it is the newest; "" = nothing.
	Nonce() (nonce string, newest time.Duration)
}
