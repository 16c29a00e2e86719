// Package plain gives values without behaviour a compact binary form: what the core is given and what it has become, for
// the flight recorder. A struct is a set of bits, one for each field that is not zero, and those fields; numbers are
// varints; maps are in the order of their keys. What was written reads back into a value of the same type only, which
// Layout tells.
//
// Fields that are not exported are written and read, too: the state of a machine is nobody's business but its own, and a
// recording must hold it all the same. This is the one place of the gateway that does so.
//
// Not for functions, channels, and interfaces without a Form: they are a fault of the program, and panic.
package plain

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"unsafe"
)

// Form is how values of one type are written that have no plain form of their own. Read gets a settable value.
type Form struct {
	Append func(dst []byte, v reflect.Value) []byte
	Read   func(r *Reader, v reflect.Value)
}

// Coder writes and reads values. Its forms are by type; an interface without one is written as what it points to, and
// read into what it points to already.
type Coder map[reflect.Type]Form

// ErrDamaged says that bytes are no value of the type.
var ErrDamaged = errors.New("damaged, or of another layout")

// Append writes what ptr points to.
func (c Coder) Append(dst []byte, ptr any) []byte { return c.append(dst, reflect.ValueOf(ptr).Elem()) }

func (c Coder) append(dst []byte, v reflect.Value) []byte {
	if f, ok := c[v.Type()]; ok {
		return f.Append(dst, v)
	}
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return append(dst, 1)
		}
		return append(dst, 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return binary.AppendVarint(dst, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return binary.AppendUvarint(dst, v.Uint())
	case reflect.Float32, reflect.Float64:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Float()))
	case reflect.String:
		return AppendText(dst, v.String())
	case reflect.Array, reflect.Slice:
		if v.Kind() == reflect.Slice {
			dst = binary.AppendUvarint(dst, uint64(v.Len()))
		}
		for i := range v.Len() {
			dst = c.append(dst, v.Index(i))
		}
		return dst
	case reflect.Map:
		return c.appendMap(dst, v)
	case reflect.Pointer:
		if v.IsNil() {
			return append(dst, 0)
		}
		return c.append(append(dst, 1), v.Elem())
	case reflect.Interface:
		return c.append(dst, v.Elem().Elem())
	case reflect.Struct:
		return c.appendStruct(dst, v)
	}
	panic("plain: no form of " + v.Type().String())
}

func (c Coder) appendStruct(dst []byte, v reflect.Value) []byte {
	at, n := len(dst), v.NumField()
	dst = append(dst, make([]byte, (n+7)/8)...)
	for i := range n {
		if f := v.Field(i); !f.IsZero() {
			dst[at+i/8] |= 1 << (i % 8)
			dst = c.append(dst, f)
		}
	}
	return dst
}

func (c Coder) appendMap(dst []byte, v reflect.Value) []byte {
	dst = binary.AppendUvarint(dst, uint64(v.Len()))
	pairs := make([][2][]byte, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		pairs = append(pairs, [2][]byte{c.append(nil, it.Key()), c.append(nil, it.Value())})
	}
	slices.SortFunc(pairs, func(a, b [2][]byte) int { return bytes.Compare(a[0], b[0]) })
	for _, p := range pairs {
		dst = append(append(dst, p[0]...), p[1]...)
	}
	return dst
}

// AppendText writes a text with its length.
func AppendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// Reader reads what a Coder wrote. After an error everything that is read is zero.
type Reader struct {
	Rest []byte
	Err  error
}

// Read reads into what ptr points to, which becomes exactly what was written.
func (c Coder) Read(r *Reader, ptr any) { c.read(r, reflect.ValueOf(ptr).Elem()) }

func (c Coder) read(r *Reader, v reflect.Value) {
	if !v.CanSet() { // a field that is not exported
		v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
	}
	if f, ok := c[v.Type()]; ok {
		f.Read(r, v)
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(r.Byte() != 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(r.Varint())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(r.Uvarint())
	case reflect.Float32, reflect.Float64:
		if b := r.take(8); b != nil {
			v.SetFloat(math.Float64frombits(binary.LittleEndian.Uint64(b)))
		}
	case reflect.String:
		v.SetString(r.Text())
	case reflect.Array:
		for i := range v.Len() {
			c.read(r, v.Index(i))
		}
	case reflect.Slice:
		c.readSlice(r, v)
	case reflect.Map:
		c.readMap(r, v)
	case reflect.Pointer:
		if r.Byte() == 0 {
			v.SetZero()
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		c.read(r, v.Elem())
	case reflect.Interface:
		c.read(r, v.Elem().Elem())
	case reflect.Struct:
		bits := r.take((v.NumField() + 7) / 8)
		for i := range v.NumField() {
			f := v.Field(i)
			switch {
			case bits != nil && bits[i/8]>>(i%8)&1 == 1:
				c.read(r, f)
			default:
				reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem().SetZero()
			}
		}
	default:
		panic("plain: no form of " + v.Type().String())
	}
}

func (c Coder) readSlice(r *Reader, v reflect.Value) {
	n := r.Uvarint()
	if n > uint64(len(r.Rest)) { // every element takes a byte or more, but for empty structs, which nobody writes
		r.damaged()
		n = 0
	}
	v.Set(reflect.MakeSlice(v.Type(), int(n), int(n)))
	for i := range int(n) {
		c.read(r, v.Index(i))
	}
}

func (c Coder) readMap(r *Reader, v reflect.Value) {
	n := r.Uvarint()
	v.Set(reflect.MakeMap(v.Type()))
	for ; n > 0 && r.Err == nil; n-- {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		c.read(r, key)
		c.read(r, value)
		if r.Err == nil {
			v.SetMapIndex(key, value)
		}
	}
}

func (r *Reader) damaged() {
	if r.Err == nil {
		r.Err = ErrDamaged
	}
	r.Rest = nil
}

func (r *Reader) take(n int) []byte {
	if n < 0 || n > len(r.Rest) {
		r.damaged()
		return nil
	}
	b := r.Rest[:n]
	r.Rest = r.Rest[n:]
	return b
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// Varint reads a signed number.
func (r *Reader) Varint() int64 {
	v, n := binary.Varint(r.Rest)
	if n <= 0 {
		r.damaged()
		return 0
	}
	r.Rest = r.Rest[n:]
	return v
}

// Uvarint reads a number.
func (r *Reader) Uvarint() uint64 {
	v, n := binary.Uvarint(r.Rest)
	if n <= 0 {
		r.damaged()
		return 0
	}
	r.Rest = r.Rest[n:]
	return v
}

// Text reads a text.
func (r *Reader) Text() string { return string(r.Bytes()) }

// Bytes reads what Text does, without a copy.
func (r *Reader) Bytes() []byte {
	n := r.Uvarint()
	if n > uint64(len(r.Rest)) {
		r.damaged()
		return nil
	}
	return r.take(int(n))
}

// Layout names the shape of the types of values, and of all that they are made of: two programs with the same layout
// understand each other's bytes.
func (c Coder) Layout(ptrs ...any) string {
	h := sha256.New()
	for _, p := range ptrs {
		c.layout(h, reflect.ValueOf(p).Elem(), map[reflect.Type]bool{})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func (c Coder) layout(w interface{ Write([]byte) (int, error) }, v reflect.Value, seen map[reflect.Type]bool) {
	t := v.Type()
	fmt.Fprintf(w, "%s %s;", t, t.Kind()) // a hash takes everything
	if _, ok := c[t]; ok || seen[t] && t.Kind() != reflect.Interface {
		return
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			fmt.Fprintf(w, "%s ", t.Field(i).Name)
			c.layout(w, v.Field(i), seen)
		}
	case reflect.Array, reflect.Slice, reflect.Pointer:
		c.layout(w, reflect.New(t.Elem()).Elem(), seen)
	case reflect.Map:
		c.layout(w, reflect.New(t.Key()).Elem(), seen)
		c.layout(w, reflect.New(t.Elem()).Elem(), seen)
	case reflect.Interface:
		c.layout(w, v.Elem().Elem(), seen)
	}
}
