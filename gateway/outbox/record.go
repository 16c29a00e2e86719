package outbox

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// Record layout (docs/disk.md, "Records"): little endian, 8-byte aligned.
const (
	recordHead  = 40
	recordAlign = 8
	lengthMask  = 1<<24 - 1 // the payload length shares its word with the kind
)

// Kinds of records. Zero is not a kind, so that zeros are never a record.
const (
	kindEvent = 1
	kindVoid  = 2 // stands for positions that were confirmed before they were written; payload = their count, u64
	kindMark  = 3 // stands for nothing; payload = the low mark when it was written, u64
)

// record is one entry of a segment.
type record struct {
	kind     byte
	position uint64 // place in its queue, contiguous for the life of the directory
	number   uint64 // within its run
	run      uint32
	epoch    uint32
	behind   uint32 // number minus behind = everything up to there was accounted for when this was written
	since    uint32 // number minus since = the number before it in this queue and run; 0 = the first one, or too far
	payload  []byte
}

// count is how many positions the record stands for.
func (r *record) count() uint64 {
	if r.kind == kindVoid && len(r.payload) == 8 {
		return max(1, binary.LittleEndian.Uint64(r.payload))
	}
	return 1
}

// end is the position behind the record.
func (r *record) end() uint64 { return r.position + r.count() }

// base is the number up to which all was accounted for when the record was written.
func (r *record) base() uint64 { return r.number - min(r.number, uint64(r.behind)) }

// before is the number of the record before it in this queue and run; 0 = none.
func (r *record) before() uint64 {
	if r.since == 0 {
		return 0
	}
	return r.number - min(r.number, uint64(r.since))
}

// recordSize of a payload of n bytes, in the segment.
func recordSize(n int) int { return (recordHead + n + recordAlign - 1) &^ (recordAlign - 1) }

// seedOf makes records belong to their segment: the bytes of another one, left in a recycled or misdirected block, do
// not pass as its own.
func seedOf(q Queue, segment uint64) uint32 {
	var b [9]byte
	b[0] = byte(q) + 1
	binary.LittleEndian.PutUint64(b[1:], segment)
	return crc32.Checksum(b[:], crc32.MakeTable(crc32.Castagnoli))
}

func appendRecord(dst []byte, seed uint32, r *record) []byte {
	at := len(dst)
	var head [recordHead]byte
	le := binary.LittleEndian
	le.PutUint32(head[4:], uint32(len(r.payload))|uint32(r.kind)<<24)
	le.PutUint64(head[8:], r.position)
	le.PutUint64(head[16:], r.number)
	le.PutUint32(head[24:], r.run)
	le.PutUint32(head[28:], r.epoch)
	le.PutUint32(head[32:], r.behind)
	le.PutUint32(head[36:], r.since)
	dst = append(dst, head[:]...)
	dst = append(dst, r.payload...)
	sum := crc32.Update(seed, crc32.MakeTable(crc32.Castagnoli), dst[at+4:])
	le.PutUint32(dst[at:], sum)
	for len(dst)%recordAlign != 0 {
		dst = append(dst, 0)
	}
	return dst
}

// parseRecord reads the record at the start of b. The payload aliases b.
func parseRecord(b []byte, seed uint32) (r record, size int, ok bool) {
	if len(b) < recordHead {
		return r, 0, false
	}
	le := binary.LittleEndian
	word := le.Uint32(b[4:])
	n := int(word & lengthMask)
	r.kind = byte(word >> 24)
	if r.kind < kindEvent || r.kind > kindMark || recordHead+n > len(b) {
		return r, 0, false
	}
	if crc32.Update(seed, crc32.MakeTable(crc32.Castagnoli), b[4:recordHead+n]) != le.Uint32(b) {
		return r, 0, false
	}
	r.position = le.Uint64(b[8:])
	r.number = le.Uint64(b[16:])
	r.run = le.Uint32(b[24:])
	r.epoch = le.Uint32(b[28:])
	r.behind = le.Uint32(b[32:])
	r.since = le.Uint32(b[36:])
	r.payload = b[recordHead : recordHead+n : recordHead+n]
	return r, min(recordSize(n), len(b)), true
}

// narrow is n for a 32-bit field; a distance that does not fit becomes other.
func narrow(n uint64, other uint32) uint32 {
	if n > math.MaxUint32 {
		return other
	}
	return uint32(n)
}

// walker steps through the records of one segment image.
type walker struct {
	image []byte
	seed  uint32
	off   int    // of the byte behind the last valid record
	want  uint64 // position that should come next
	low   uint64 // everything below it was settled when the records so far were written
}

// maxJump bounds how far ahead a record may claim to be behind damage: no segment holds more.
const maxJump = 1 << 40

// step returns the next valid record and where it begins. What is damaged, torn or zero before it is skipped: the
// caller sees that as a jump of the position. Within a segment positions only rise.
func (w *walker) step() (r record, at int, ok bool) {
	for at = w.off; at+recordHead <= len(w.image); at += recordAlign {
		if w.image[at+7] == 0 { // the kind: zeros and most of a torn record
			continue
		}
		r, size, ok := parseRecord(w.image[at:], w.seed)
		if !ok || r.position < w.want || r.position-w.want > maxJump {
			continue
		}
		w.off = at + size
		if r.kind == kindMark {
			w.mark(&r)
			at += size - recordAlign
			continue
		}
		w.want = r.end()
		return r, at, true
	}
	return record{}, 0, false
}

func (w *walker) mark(r *record) {
	if len(r.payload) != 8 {
		return
	}
	if low := binary.LittleEndian.Uint64(r.payload); low <= r.position {
		w.low = max(w.low, low)
	}
}

// clean tells whether nothing but zeros follows the last valid record.
func (w *walker) clean() bool {
	for _, b := range w.image[min(w.off, len(w.image)):] {
		if b != 0 {
			return false
		}
	}
	return true
}

// appendVoid stands for count positions that were confirmed before they were written.
func appendVoid(dst []byte, seed uint32, position, count uint64, r record) []byte {
	var payload [8]byte
	binary.LittleEndian.PutUint64(payload[:], count)
	r.kind, r.position, r.payload = kindVoid, position, payload[:]
	return appendRecord(dst, seed, &r)
}

// appendMark tells a start that has lost the cursor what need not be sent again.
func appendMark(dst []byte, seed uint32, position, low uint64, r record) []byte {
	var payload [8]byte
	binary.LittleEndian.PutUint64(payload[:], low)
	r.kind, r.position, r.payload = kindMark, position, payload[:]
	return appendRecord(dst, seed, &r)
}
