package status

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed page
var pageFiles embed.FS

// asset is one file that a page loads; its name holds its hash, so a browser may keep it for ever.
type asset struct {
	mime    string
	raw, gz []byte
}

// loadAssets returns the assets by hashed name: "app.1f3a….css".
func loadAssets() (map[string]asset, error) {
	assets := map[string]asset{}
	for file, mime := range map[string]string{
		"app.css":    "text/css; charset=utf-8",
		"app.js":     "text/javascript; charset=utf-8",
		"signals.js": "text/javascript; charset=utf-8",
		"operate.js": "text/javascript; charset=utf-8",
		"icon.png":   "image/png",
	} {
		raw, err := fs.ReadFile(pageFiles, "page/"+file)
		if err != nil {
			return nil, err
		}
		var gz bytes.Buffer
		z, err := gzip.NewWriterLevel(&gz, gzip.BestCompression)
		if err != nil {
			return nil, err
		}
		if _, err := z.Write(raw); err != nil {
			return nil, err
		}
		if err := z.Close(); err != nil {
			return nil, err
		}
		sum := sha256.Sum256(raw)
		ext := path.Ext(file)
		assets[strings.TrimSuffix(file, ext)+"."+hex.EncodeToString(sum[:6])+ext] = asset{mime: mime, raw: raw, gz: gz.Bytes()}
	}
	return assets, nil
}

// assetPath finds the address of a file by its plain name.
func (s *Server) assetPath(file string) string {
	base, ext := strings.TrimSuffix(file, path.Ext(file)), path.Ext(file)
	for name := range s.assets {
		if strings.HasPrefix(name, base+".") && strings.HasSuffix(name, ext) {
			return "/assets/" + name
		}
	}
	return ""
}

func (s *Server) serveAsset(w http.ResponseWriter, r *http.Request) {
	a, ok := s.assets[r.PathValue("name")]
	if !ok {
		s.serveMissing(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.mime)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	body := a.raw
	if len(a.gz) < len(a.raw) && acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = a.gz
	}
	send(w, r, body)
}

// send writes a whole body with its length; a HEAD gets the length only.
func send(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the reader is gone; net/http notices by itself
	}
}

// sendCompressed is send for what is made anew for each request.
func sendCompressed(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Add("Vary", "Accept-Encoding")
	if !acceptsGzip(r) {
		send(w, r, body)
		return
	}
	var gz bytes.Buffer
	z, _ := gzip.NewWriterLevel(&gz, gzip.BestSpeed) // the level is valid
	_, _ = z.Write(body)                             // a buffer cannot fail
	_ = z.Close()
	w.Header().Set("Content-Encoding", "gzip")
	send(w, r, gz.Bytes())
}

func acceptsGzip(r *http.Request) bool {
	for _, item := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		coding, params, _ := strings.Cut(strings.TrimSpace(item), ";")
		if coding == "gzip" && strings.TrimSpace(params) != "q=0" {
			return true
		}
	}
	return false
}
