// Package gateway is the vocabulary of the product: the words that drivers' users, device logic, storage, uplink and
// page share, and how they look as JSON on the wire. It imports nothing of ours and holds no behaviour with state.
//
// Promises: every type here is plain data, safe to copy; encoders append to the caller's buffer and keep no reference.
// The contract with the center is docs/wire.md.
package gateway
