package config

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Words of MQTT.Ack.
const (
	AckBroker = "puback"    // the broker has acknowledged it
	AckCenter = "watermark" // the center has stored it
)

// Words of MQTT.Format.
const (
	FormatCloudEvents = "cloudevents"
	FormatCompact     = "compact"
)

// MQTT is the way to the center.
type MQTT struct {
	Broker       string        `yaml:"broker"`        // mqtt://host:1883, mqtts://host:8883, ws://host:80/path, wss://host:443/path (default ports); empty = no uplink, events are kept
	Prefix       string        `yaml:"prefix"`        // of every topic; default lotusgate/v1
	ClientID     string        `yaml:"client_id"`     // default <site>_<id>
	UsernameFile string        `yaml:"username_file"` // files hold one line
	PasswordFile string        `yaml:"password_file"`
	CAFile       string        `yaml:"ca_file"` // PEM; default: the system's roots
	CertFile     string        `yaml:"cert_file"`
	KeyFile      string        `yaml:"key_file"`
	Ack          string        `yaml:"ack"`             // who has the last word about an event: puback is the broker, watermark the center; default puback
	Window       int           `yaml:"window"`          // unacknowledged publishes; default 64
	KeepAlive    time.Duration `yaml:"keep_alive"`      // default 20s
	AckTimeout   time.Duration `yaml:"ack_timeout"`     // a publish not acknowledged by then ends the connection; default 15s
	EventLabels  []string      `yaml:"event_labels"`    // labels that go out with each event, by their names, "*" = all; default none
	BacklogRate  int           `yaml:"backlog_per_sec"` // events a second of what waited; 0 = as fast as the window allows
	Stall        time.Duration `yaml:"stall"`           // with ack watermark: so long without progress is an alarm; default 10m
	Format       string        `yaml:"format"`          // of events: cloudevents, or compact, without what the topic says; default cloudevents
	Discovery    string        `yaml:"home_assistant"`  // prefix of Home Assistant's discovery: homeassistant; empty = the gateway is not announced
	Heartbeat    time.Duration `yaml:"heartbeat"`       // the center is away when none of its heartbeats came for so long; 0 = they are not looked for
}

// ports of the schemes that a broker's address may have.
var ports = map[string]string{"mqtt": "1883", "mqtts": "8883", "ws": "80", "wss": "443"}

func checkBroker(c *checker, path, broker string) {
	u, err := url.Parse(broker)
	switch {
	case err == nil && u.User != nil:
		c.fail(path, "secret_in_url", mask(broker))
	case err != nil || u.Host == "" || !validPort(u.Port(), u.Host):
		p := c.fail(path, "bad_broker", mask(broker))
		if host, _, err := net.SplitHostPort(broker); err == nil && host != "" && !strings.Contains(broker, "/") {
			p.Nearest = "mqtt://" + broker
		}
	case ports[u.Scheme] == "":
		scheme := "mqtt"
		if u.Scheme == "ssl" || u.Scheme == "tls" || strings.HasSuffix(u.Scheme, "s") {
			scheme = "mqtts"
		}
		c.fail(path, "bad_broker", broker).Nearest = scheme + "://" + u.Host
	case u.Hostname() == "" || strings.Trim(u.Path, "/") != "" && !websocket(u) || u.RawQuery != "" || u.Fragment != "":
		c.fail(path, "bad_broker", broker).Nearest = u.Scheme + "://" + u.Host
	}
}

// validPort takes no port at all for the default one.
func validPort(port, host string) bool {
	if port == "" {
		return !strings.HasSuffix(host, ":")
	}
	n, err := strconv.Atoi(port)
	return err == nil && n >= 1 && n <= 65535
}

// withPort adds the port of the scheme where none is written.
func withPort(broker string) string {
	u, err := url.Parse(broker)
	if err != nil || ports[u.Scheme] == "" || u.Host == "" {
		return broker
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), ports[u.Scheme])
	}
	if websocket(u) {
		host += u.EscapedPath()
	}
	return u.Scheme + "://" + host
}

// websocket tells whether MQTT is spoken on a WebSocket, which has a path.
func websocket(u *url.URL) bool { return u.Scheme == "ws" || u.Scheme == "wss" }

// topicPrefix keeps to what every broker takes, those that map topics to subjects with dots included.
var topicPrefix = regexp.MustCompile(`^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$`)

func checkPrefix(c *checker, path, prefix string) {
	if topicPrefix.MatchString(prefix) && len(prefix) <= 128 {
		return
	}
	p := c.fail(path, "bad_prefix", prefix)
	if guess := strings.Trim(prefix, "/"); topicPrefix.MatchString(guess) && len(guess) <= 128 {
		p.Nearest = guess
	}
}

var clientID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

func checkClientID(c *checker, path, id string) {
	if !clientID.MatchString(id) {
		c.fail(path, "bad_client_id", id)
	}
}

func checkListen(c *checker, path, listen string) {
	host, port, err := net.SplitHostPort(listen)
	n, numErr := strconv.Atoi(port)
	if err == nil && numErr == nil && n >= 0 && n <= 65535 && !strings.ContainsAny(host, " /@") {
		return
	}
	p := c.fail(path, "bad_listen", listen)
	switch {
	case bareNumber.MatchString(listen):
		p.Nearest = "127.0.0.1:" + listen
	case err != nil && !strings.ContainsAny(listen, "/ :"):
		p.Nearest = listen + ":8080"
	case strings.HasPrefix(listen, "http://"):
		p.Nearest = strings.TrimSuffix(strings.TrimPrefix(listen, "http://"), "/")
	}
}

// maxLabel is the length of a label in characters: one line on a phone and in a center's list.
const maxLabel = 128

func checkLabel(c *checker, path, label string) {
	if utf8.RuneCountInString(label) > maxLabel || strings.ContainsFunc(label, unicode.IsControl) {
		c.fail(path, "bad_label", label, strconv.Itoa(maxLabel))
	}
}

func checkStoragePath(c *checker, path, dir string) {
	if !absolute(c, path, dir, "/var/lib/lotusgate") {
		return
	}
	if filepath.Clean(dir) == "/" {
		c.fail(path, "root_directory", dir)
	}
	for _, volatile := range []string{"/run/", "/var/run/", "/dev/shm/"} {
		if strings.HasPrefix(filepath.Clean(dir)+"/", volatile) {
			c.warn(path, "not_durable", dir)
		}
	}
}

func checkSocket(c *checker, path, name string) {
	absolute(c, path, name, "/run/lotusgate/control.sock")
}

func absolute(c *checker, path, name, example string) bool {
	if filepath.IsAbs(name) {
		return true
	}
	c.fail(path, "not_absolute", name, example)
	return false
}

func checkFile(c *checker, path, name string) { checkFileMode(c, path, name, false) }

func checkSecretFile(c *checker, path, name string) { checkFileMode(c, path, name, true) }

func checkFileMode(c *checker, path, name string, secret bool) {
	if !absolute(c, path, name, "/etc/lotusgate/"+filepath.Base(name)) {
		return
	}
	info, err := os.Stat(name)
	switch {
	case os.IsNotExist(err):
		c.fail(path, "no_file", name)
	case err != nil:
		c.fail(path, "unreadable_file", name)
	case !info.Mode().IsRegular() || info.Size() > maxBytes:
		c.fail(path, "odd_file", name)
	case secret && info.Mode().Perm()&0o007 != 0:
		c.fail(path, "open_file", name, info.Mode().Perm().String())
	default:
		f, err := os.Open(name)
		if err != nil {
			c.fail(path, "unreadable_file", name)
			return
		}
		_ = f.Close()
	}
}

// checkMQTT holds that the keys of the connection fit together and that its files hold what they are named for.
func (c *checker) checkMQTT() {
	m := c.cfg.MQTT
	c.needs("mqtt.password_file", "mqtt.username_file")
	c.needs("mqtt.cert_file", "mqtt.key_file")
	c.needs("mqtt.key_file", "mqtt.cert_file")
	plain := strings.HasPrefix(m.Broker, "mqtt://") || strings.HasPrefix(m.Broker, "ws://")
	for _, path := range []string{"mqtt.ca_file", "mqtt.cert_file", "mqtt.key_file"} {
		if plain && c.good(path) && c.good("mqtt.broker") {
			c.fail(path, "no_tls", "").also(c.place("mqtt.broker"))
		}
	}
	if plain && c.good("mqtt.password_file") && !loopback(m.Broker) {
		c.warn("mqtt.password_file", "clear_password", "").also(c.place("mqtt.broker"))
	}
	if c.good("mqtt.ca_file") {
		pem, err := os.ReadFile(m.CAFile)
		if err != nil || !x509.NewCertPool().AppendCertsFromPEM(pem) {
			c.fail("mqtt.ca_file", "no_certificate", m.CAFile)
		}
	}
	if c.good("mqtt.cert_file") && c.good("mqtt.key_file") {
		if _, err := tls.LoadX509KeyPair(m.CertFile, m.KeyFile); err != nil {
			c.fail("mqtt.cert_file", "bad_key_pair", m.CertFile, strings.TrimPrefix(err.Error(), "tls: ")).also(c.place("mqtt.key_file"))
		}
	}
}

func (c *checker) needs(path, other string) {
	if c.written(path) && !c.written(other) {
		c.fail(path, "needs_key", "", strings.TrimPrefix(other, "mqtt."))
	}
}

func loopback(broker string) bool {
	u, err := url.Parse(broker)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
