package uplink

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"
)

// judge decides by which date the broker's certificate is judged. While the date is unknown, and with an authority of
// the site's own, that is the earliest moment that can be now and at which all of the chain has begun: a certificate that
// only seems to lie in the future passes, one that has certainly expired does not. All else is checked as ever.
func (o *Options) judge(c *tls.Config) {
	if o.Date == nil {
		return
	}
	now, known := o.Date()
	c.Time = func() time.Time { return now }
	if known || c.RootCAs == nil {
		return
	}
	c.InsecureSkipVerify = true // crypto/tls knows no other way to leave the dates to VerifyConnection
	c.VerifyConnection = func(s tls.ConnectionState) error { return verifyFrom(now, s.PeerCertificates, c) }
}

// verifyFrom takes the name from the configuration: that of the connection's state is empty for an address.
func verifyFrom(earliest time.Time, chain []*x509.Certificate, c *tls.Config) error {
	if len(chain) == 0 {
		return errors.New("tls: the broker shows no certificate")
	}
	v := x509.VerifyOptions{Roots: c.RootCAs, Intermediates: x509.NewCertPool(), DNSName: c.ServerName, CurrentTime: earliest}
	for i, cert := range chain {
		if cert.NotBefore.After(v.CurrentTime) {
			v.CurrentTime = cert.NotBefore
		}
		if i > 0 {
			v.Intermediates.AddCert(cert)
		}
	}
	_, err := chain[0].Verify(v)
	return err
}
