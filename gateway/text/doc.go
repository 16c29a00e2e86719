// Package text holds every sentence that a technician reads, in Simplified Chinese and English.
//
// Promises: each key has both languages with the same placeholders (a test holds that, and that no key is unused);
// words of a newer version that the catalogue does not know come out as they are, never empty. All functions are pure
// and safe for concurrent use.
//
// What it does not do: markup, escaping, the configuration's own error messages, or log lines, which stay English.
package text
