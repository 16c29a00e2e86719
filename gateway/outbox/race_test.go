//go:build race

package outbox

// underRace thins out what proves nothing about races and takes ten times as long under their detector.
const underRace = 20
