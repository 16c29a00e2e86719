// Package status serves what the gateway knows to the technician at the gate and to machines: the page with live
// updates, the view as JSON, metrics, liveness and readiness. Everything it says is rendered from hub views.
//
// Promises: over plain HTTP it only reads (GET and HEAD); nothing it serves makes a browser ask another host; a slow reader
// gets the newest view, never a backlog, and cannot slow the core down; viewers, connections, bodies and waiting times
// are bounded; every string from the site's configuration or the field is escaped.
//
// An operator, logged in over HTTPS, acknowledges and shelves alarms, corrects what a walk test found, and gives orders.
// This package decides none of it: orders go to Options.Command, where they are permitted, proven and audited as any other.
package status
