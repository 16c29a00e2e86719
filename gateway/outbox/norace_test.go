//go:build !race

package outbox

const underRace = 1
