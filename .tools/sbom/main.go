// Command sbom prints the CycloneDX bill of materials of a Go program, from what the linker wrote into it.
package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

type component struct {
	Type       string     `json:"type"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	Ref        string     `json:"bom-ref"`
	PURL       string     `json:"purl,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: sbom PROGRAM VERSION")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(path, version string) error {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return err
	}
	epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	main := component{Type: "application", Name: "lotusgate", Version: version, Ref: "pkg:generic/lotusgate@" + version, PURL: "pkg:generic/lotusgate@" + version}
	for _, s := range info.Settings {
		if s.Key == "GOARCH" || s.Key == "GOOS" || s.Key == "GOARM" || s.Key == "CGO_ENABLED" {
			main.Properties = append(main.Properties, property{"go:build:" + s.Key, s.Value})
		}
	}
	std := "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")
	list := []component{{Type: "library", Name: "std", Version: strings.TrimPrefix(info.GoVersion, "go"), Ref: std, PURL: std}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		purl := "pkg:golang/" + m.Path + "@" + m.Version
		list = append(list, component{
			Type: "library", Name: m.Path, Version: m.Version, Ref: purl, PURL: purl,
			Properties: []property{{"go:sum", m.Sum}}, // the checksum of go.sum, which is no hash of a file
		})
	}
	uses := dependency{Ref: main.Ref}
	for _, c := range list {
		uses.DependsOn = append(uses.DependsOn, c.Ref)
	}
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(map[string]any{
		"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
		"metadata": map[string]any{
			"timestamp": time.Unix(epoch, 0).UTC().Format(time.RFC3339),
			"component": main,
		},
		"components": list, "dependencies": []dependency{uses},
	})
}
