package uplink

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// renewLook is how often the files of the client certificate are looked at.
const renewLook = 2 * time.Second

// credentials are the client certificate and its key, as they last fitted together. Whoever renews them writes two files,
// and nobody can do that at once: until both fit, the last pair stays in use.
type credentials struct {
	certFile, keyFile string
	log               *slog.Logger

	pair  *tls.Certificate
	stamp string // of the files that pair was read from
	bad   string // stamp of the last files that do not fit, so that it is logged once
}

// current is the pair to show the broker; nil = none is configured.
func (c *credentials) current() (*tls.Certificate, error) {
	if c.certFile == "" {
		return nil, nil
	}
	if _, err := c.renew(); err != nil && c.pair == nil {
		return nil, err
	}
	return c.pair, nil
}

// renew reads the files if they are not those that were read, and tells whether there is a new pair.
func (c *credentials) renew() (bool, error) {
	if c.certFile == "" {
		return false, nil
	}
	stamp := stampOf(c.certFile) + " " + stampOf(c.keyFile)
	if c.pair != nil && stamp == c.stamp {
		return false, nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		err = fmt.Errorf("read client certificate %s and key %s: %w", c.certFile, c.keyFile, err)
		if c.pair != nil && c.bad != stamp {
			c.bad = stamp
			c.log.Warn("the new client certificate is not used; the last one stays in use until both files fit", "error", err)
		}
		return false, err
	}
	c.pair, c.stamp, c.bad = &pair, stamp, ""
	return true, nil
}

// ends is when the pair in use does.
func (c *credentials) ends() time.Time {
	if c.pair == nil || c.pair.Leaf == nil {
		return time.Time{}
	}
	return c.pair.Leaf.NotAfter
}

// stampOf tells versions of a file apart, those too that are made by a renamed file or a link that points elsewhere.
func stampOf(file string) string {
	info, err := os.Stat(file)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(info.ModTime().UnixNano(), info.Size())
}
