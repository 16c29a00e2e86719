// Package district simulates gateways and what stands around them, on virtual time: Site makes the field of a configuration,
// Gateway ties it to a gateway that keeps step with it, Day is what goes on, and Reckon holds what the gateway reported
// against what really happened.
//
// Promises: the same configuration, seed and scenario give the same events, on every machine; nothing here waits.
package district
