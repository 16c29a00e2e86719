package uplink

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

// Options of an Uplink. Zero values of Window, KeepAlive, AckTimeout and of the functions have safe defaults.
type Options struct {
	Broker   string // mqtt://host, mqtts://host, ws://host/path or wss://host/path, with :port if not the usual one
	ClientID string // stable, one per gateway: a second client of that name takes the connection over
	Root     string // of every topic: prefix/site/gateway
	Source   string // CloudEvents source: "//site/gateway"

	// Files are read anew at every connect, so that credentials can be renewed while the gateway runs. User name and
	// password files hold one line; the others are PEM.
	UsernameFile, PasswordFile string
	CAFile                     string // default: the system's roots
	CertFile, KeyFile          string

	Compact  bool          // events without what their topic says already; default: CloudEvents
	Announce *Announcement // default: nothing

	Window      int           // unacknowledged publishes, 2 to 1024; default 64
	KeepAlive   time.Duration // whole seconds; default 20 s
	AckTimeout  time.Duration // a packet not acknowledged by then ends the connection; default 15 s
	BacklogRate int           // events a second of what waited; 0 = as fast as the window allows

	Version    string // of this program
	KernelBoot string // id of the running kernel boot

	// AckByCenter keeps an event until a watermark of the center covers it; else the broker's PUBACK is enough.
	AckByCenter  bool
	Stall        time.Duration                                // without any watermark that releases something; default 10 min
	Confirmation func(Confirmation, gateway.ConfirmationData) // told of changes; must not wait for the uplink; default: nobody

	// Renew is told that numbers of this epoch are issued elsewhere, too, and why that is certain; default: nobody.
	Renew func(reason string)

	// Date is what certificates are judged by; while it is not known, it is the earliest that can be now. Default: the
	// system clock.
	Date func() (now time.Time, known bool)

	AlarmText func(gateway.Alarm) gateway.Text // sentence for people; default: the alarm's name
	Problems  func(*hub.View) []gateway.Text   // what makes the status "degraded"; default: nothing
	Poison    func(gateway.EventID, error)     // told of a record that can never be sent, before it is confirmed; default: it is logged
	Commands  Commands                         // default: no command topic is subscribed

	Watermark func(payload []byte) (gateway.Watermark, error) // reads one and says whether it may be believed; default: plain JSON is
	Heartbeat func(payload []byte)                            // given every heartbeat of the site; default: not subscribed

	Refresh <-chan func()  // asks for everything retained once more; the function is called when the broker has it; default: nobody asks
	History <-chan History // events to be sent once more, as backlog, though they are confirmed; default: nobody asks
	Log     *slog.Logger   // default: silence
}

// Announcement is one retained description of the gateway outside its root, for who looks for such.
type Announcement struct {
	Topic   string
	Payload func(*hub.View) []byte
	Birth   string // topic where somebody says that it has started and wants the description once more
	Born    func(payload []byte) bool
}

const (
	defaultWindow     = 64
	defaultKeepAlive  = 20 * time.Second
	defaultAckTimeout = 15 * time.Second // PUBACKs stall 6 to 11 s when the leader of a broker cluster dies
)

// complete fills in defaults.
func (o *Options) complete() {
	if o.Window == 0 {
		o.Window = defaultWindow
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = defaultKeepAlive
	}
	if o.AckTimeout == 0 {
		o.AckTimeout = defaultAckTimeout
	}
	if o.Stall == 0 {
		o.Stall = defaultStall
	}
	if o.Confirmation == nil {
		o.Confirmation = func(Confirmation, gateway.ConfirmationData) {}
	}
	if o.Renew == nil {
		o.Renew = func(string) {}
	}
	if o.AlarmText == nil {
		o.AlarmText = func(a gateway.Alarm) gateway.Text { return gateway.Text{ZH: a.Name, EN: a.Name} }
	}
	if o.Problems == nil {
		o.Problems = func(*hub.View) []gateway.Text { return nil }
	}
	if o.Watermark == nil {
		o.Watermark = plainWatermark
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Poison == nil {
		log := o.Log
		o.Poison = func(id gateway.EventID, err error) {
			log.Error("event cannot be sent and is given up", "id", id, "error", err)
		}
	}
}

// check tells everything that is wrong, and what to write instead. o is complete.
func (o *Options) check() error {
	endpoint, err := parseBroker(o.Broker)
	errs := []error{err}
	say := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if o.ClientID == "" || len(o.ClientID) > 256 || strings.ContainsFunc(o.ClientID, isControl) {
		say("client id %q: use 1 to 256 bytes of text, the same at every start and on no other gateway", o.ClientID)
	}
	if !isTopic(o.Root) || strings.Count(o.Root, "/") < 2 {
		say("root %q: use <prefix>/<site>/<gateway> without +, # and empty levels", o.Root)
	}
	if !strings.HasPrefix(o.Source, "//") {
		say("source %q: use //<site>/<gateway>", o.Source)
	}
	if o.PasswordFile != "" && o.UsernameFile == "" {
		say("a password file needs a user name file: MQTT 3.1.1 has no password without a user name")
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		say("a client certificate needs both files: certificate %q, key %q", o.CertFile, o.KeyFile)
	}
	if err == nil && !endpoint.tls && (o.CAFile != "" || o.CertFile != "") {
		say("broker %s is not encrypted: use mqtts:// with a CA or client certificate, or leave those out", o.Broker)
	}
	if o.Window < 2 || o.Window > 1024 {
		say("window %d: use 2 to 1024; 32 to 64 suits most links", o.Window)
	}
	if o.KeepAlive < time.Second || o.KeepAlive > 65535*time.Second || o.KeepAlive%time.Second != 0 {
		say("keep alive %v: use whole seconds from 1s to 65535s; 15s to 30s suits most links", o.KeepAlive)
	}
	if o.AckTimeout < 0 {
		say("ack timeout %v: use a positive time, 15s or more for a broker cluster", o.AckTimeout)
	}
	if o.BacklogRate < 0 {
		say("backlog rate %d: use events per second, or 0 for no limit", o.BacklogRate)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("uplink: %w", err)
	}
	return nil
}

// endpoint is a parsed broker URL.
type endpoint struct {
	url  *url.URL
	host string // without port: the name that the certificate must bear
	addr string // host:port
	tls  bool

	websocket bool
}

func parseBroker(s string) (endpoint, error) {
	const want = "use mqtt://host:1883, mqtts://host:8883, ws://host:80/path or wss://host:443/path"
	u, err := url.Parse(s)
	if err != nil {
		return endpoint{}, fmt.Errorf("broker: not a URL: %s", want) // and no quotation: there may be a password in it
	}
	shown := u.Redacted()
	e := endpoint{url: u, host: u.Hostname()}
	port := u.Port()
	switch u.Scheme {
	case "mqtt", "tcp":
		if port == "" {
			port = "1883"
		}
	case "mqtts", "ssl", "tls":
		e.tls = true
		if port == "" {
			port = "8883"
		}
	case "ws", "wss":
		e.websocket, e.tls = true, u.Scheme == "wss"
		if port == "" {
			port = map[bool]string{false: "80", true: "443"}[e.tls]
		}
	default:
		return endpoint{}, fmt.Errorf("broker %q: %s", shown, want)
	}
	switch {
	case e.host == "":
		return endpoint{}, fmt.Errorf("broker %q names no host: %s", shown, want)
	case u.User != nil:
		return endpoint{}, fmt.Errorf("broker at %s: put user name and password into files, not into the URL", u.Host)
	case strings.Trim(u.Path, "/") != "" && !e.websocket || u.RawQuery != "" || u.Fragment != "":
		return endpoint{}, fmt.Errorf("broker %q: nothing may follow the port: %s", shown, want)
	}
	e.addr = net.JoinHostPort(e.host, port)
	return e, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// isTopic tells whether s can be published to and has no empty level.
func isTopic(s string) bool {
	if s == "" || len(s) > 1024 || strings.ContainsAny(s, "+#") || strings.ContainsFunc(s, isControl) {
		return false
	}
	return !strings.HasPrefix(s, "/") && !strings.HasSuffix(s, "/") && !strings.Contains(s, "//")
}
