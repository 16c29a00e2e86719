// Package deploy is no code: its tests hold what is shipped beside the program, the systemd unit, packages, dashboards and
// alert rules, against the program.
package deploy
