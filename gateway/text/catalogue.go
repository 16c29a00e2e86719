package text

import "lotusgate/gateway"

// entry is one line of the catalogue: both languages side by side, so that neither can be forgotten.
type entry struct {
	key    Key
	zh, en string
}

// tables of the catalogue, one per file of this package.
func tables() [][]entry {
	return [][]entry{pageWords, values, alarmTexts, eventTexts, faultTexts, problemTexts, commandTexts}
}

var byKey = func() map[Key]gateway.Text {
	m := make(map[Key]gateway.Text)
	for _, table := range tables() {
		for _, e := range table {
			m[e.key] = gateway.Text{ZH: e.zh, EN: e.en}
		}
	}
	return m
}()

// Keys lists the catalogue in its order.
func Keys() []Key {
	var keys []Key
	for _, table := range tables() {
		for _, e := range table {
			keys = append(keys, e.key)
		}
	}
	return keys
}
