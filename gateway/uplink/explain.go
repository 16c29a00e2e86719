package uplink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// explain adds the operator's next step to why a connection failed or ended.
func explain(err error) error {
	if hint := nextStep(err); hint != "" {
		return fmt.Errorf("%w: %s", err, hint)
	}
	return err
}

func nextStep(err error) string {
	var (
		dns       *net.DNSError
		unknownCA x509.UnknownAuthorityError
		wrongName x509.HostnameError
		invalid   x509.CertificateInvalidError
		notTLS    tls.RecordHeaderError
		remote    *net.OpError
	)
	switch {
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword), errors.Is(err, packets.ErrorRefusedNotAuthorised):
		return "check the user name and password files and the broker's access rules for this client id"
	case errors.Is(err, packets.ErrorRefusedIDRejected):
		return "give this gateway another mqtt.client_id, or allow this one at the broker"
	case errors.Is(err, packets.ErrorRefusedServerUnavailable):
		return "the broker is starting or overloaded; it is tried again"
	case errors.Is(err, packets.ErrorRefusedBadProtocolVersion):
		return "enable MQTT 3.1.1 at the broker"
	case errors.As(err, &dns):
		return "check the host name in mqtt.broker and the gateway's name server"
	case errors.As(err, &unknownCA):
		return "set mqtt.ca_file to the certificate authority that signed the broker's certificate"
	case errors.As(err, &wrongName):
		return "write one of the names in the broker's certificate into mqtt.broker"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "renew the broker's certificate, or set this gateway's clock if its date is wrong"
	case errors.As(err, &notTLS):
		return "the broker does not speak TLS on this port: use its TLS port, or mqtt:// without encryption"
	case errors.As(err, &remote) && remote.Op == "remote error":
		return "the broker refused the TLS session: check mqtt.cert_file and mqtt.key_file"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: check that the broker runs and that mqtt.broker has its port"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "no route: check the gateway's network cable or modem"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "no answer: check firewall, port and link"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return "the broker closed the connection; its log says why: a second client with this id, TLS expected, a topic that an access rule forbids, a limit"
	case errors.Is(err, errDropped):
		return "the broker answered with an unknown refusal; see its log"
	}
	return ""
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
