package config

import _ "embed"

// schema is written by the tests from config.go, rules.go and their comments.
//
//go:embed schema.json
var schemaText string

// Schema is the JSON Schema (2020-12) of the configuration, for editors: keys, words, defaults and what they mean. What
// it cannot say (ranges of times, references, wires used twice) only Load finds.
func Schema() string { return schemaText }
