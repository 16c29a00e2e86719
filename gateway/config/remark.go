package config

// Remark is what only a look at the machine can tell about a value, and what Load is told by whoever looks.
type Remark struct {
	Path    string // of the value: storage.path
	Code    Code
	Text    string // of the value
	Detail  string // of the sentence
	Warning bool
}

// Codes of remarks.
const (
	StorageForeign  Code = "storage_foreign"
	StorageNewer    Code = "storage_newer"
	StorageRefused  Code = "storage_refused"
	StorageCorrupt  Code = "storage_corrupt"
	StorageRenews   Code = "storage_renews"
	StorageRecords  Code = "storage_records"
	StorageVolatile Code = "not_durable"
)

// remark adds what the looks have found, where nothing is known about the value yet.
func (c *checker) remark(looks []func(*Config) []Remark) {
	for _, look := range looks {
		for _, r := range look(c.cfg) {
			if c.remarked(r) {
				continue
			}
			if r.Warning {
				c.warn(r.Path, r.Code, r.Text, r.Detail)
			} else {
				c.fail(r.Path, r.Code, r.Text, r.Detail)
			}
		}
	}
}

func (c *checker) remarked(r Remark) bool {
	for _, p := range c.problems {
		if p.Path == r.Path && p.Code == r.Code {
			return true
		}
	}
	return false
}
