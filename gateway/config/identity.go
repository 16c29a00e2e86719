package config

import (
	"regexp"
	"slices"
	"strings"

	"lotusgate/gateway"
)

// noun of a section's entries: a key of the vocabulary in sentences.go.
func noun(section string) string {
	return map[string]string{
		buses: "bus", chips: "chip", points: "point", loops: "loop", lanes: "lane", gates: "gate", elevators: "elevator",
		cameras: "camera", groups: "camera group", bays: "bay", lots: "lot", inputs: "input", contacts: "contact", counters: "counter",
	}[section]
}

var notID = regexp.MustCompile(`[^a-z0-9]+`)

// checkID is the form of every id of ours.
func checkID(c *checker, path, id string) {
	if gateway.CheckID(id) == nil {
		return
	}
	if id == gateway.GatewayID || id == gateway.HeartbeatID {
		c.fail(path, "reserved_id", id)
		return
	}
	p := c.fail(path, "bad_id", id)
	if guess := strings.Trim(notID.ReplaceAllString(strings.ToLower(id), "-"), "-"); gateway.CheckID(guess) == nil {
		p.Nearest = guess
	}
}

// checkIDs holds that every id is well formed and stands once in all sections.
func (c *checker) checkIDs() {
	first := map[string]string{}
	for _, section := range sections() {
		for _, id := range c.ids(section) {
			path := join(section, id)
			// Both want the caret under the key, not under the value.
			was := len(c.problems)
			checkID(c, path, id)
			if other, ok := first[id]; ok {
				c.fail(path, "id_taken", id, noun(section), noun(strings.Split(other, ".")[0])).also(c.key(other))
			} else {
				first[id] = path
			}
			for _, p := range c.problems[was:] {
				p.Place = c.key(path)
			}
		}
	}
}

// checkReferences holds that every id that is used is the id of something that can be used there.
func (c *checker) checkReferences() {
	here := map[string]bool{}   // section.id
	home := map[string]string{} // id → section
	for _, section := range sections() {
		for _, id := range c.ids(section) {
			home[id] = section
			here[join(section, id)] = true
		}
	}
	for _, ref := range c.refs {
		section, exists := home[ref.id]
		if slices.ContainsFunc(ref.sections, func(s string) bool { return here[join(s, ref.id)] }) {
			continue
		}
		var candidates, wanted []string
		for _, s := range ref.sections {
			candidates = append(candidates, c.ids(s)...)
			wanted = append(wanted, s)
		}
		want := noun(wanted[0])
		if len(wanted) == 2 {
			want = "point or " + noun(wanted[1])
		}
		if exists {
			p := c.fail(ref.path, "wrong_kind", ref.id, noun(section), want, choices(candidates)).also(c.key(join(section, ref.id)))
			if section == points {
				p.Nearest = c.loopOf(ref.id)
			}
			if p.Nearest == "" {
				p.near(candidates...)
			}
			continue
		}
		c.fail(ref.path, "unknown_id", ref.id, want, choices(candidates)).near(candidates...)
	}
}

// loopOf is the loop that reads a point, or "".
func (c *checker) loopOf(point string) string {
	for _, id := range c.ids(loops) {
		if c.cfg.Loops[id].Input == point {
			return id
		}
	}
	return ""
}

// choices lists ids for an advice; more than ten help nobody.
func choices(ids []string) string {
	switch {
	case len(ids) == 0:
		return "—"
	case len(ids) > 10:
		return strings.Join(ids[:10], ", ") + ", …"
	}
	return strings.Join(ids, ", ")
}
