// Package examples has the configurations that are shipped, for programs that simulate them.
package examples

import "embed"

//go:embed *.yaml
var files embed.FS

// District lists the gateways of the reference district.
func District() []string {
	return []string{
		"park-01", "elevator-01", "elevator-02", "elevator-03", "elevator-04", "elevator-05", "elevator-06", "cctv-01",
	}
}

// Read returns the configuration of a gateway.
func Read(id string) ([]byte, error) { return files.ReadFile(id + ".yaml") }
