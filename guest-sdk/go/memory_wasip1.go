package guest

import (
	"fmt"
	"math"
	"time"
	"unsafe"
)

// This file has what the canonical ABI of components says about memory: records lie there field by field, and lists and texts as an
// address and a length. The garbage collector does not move what is on the heap, and does not see addresses that are numbers.

// What the host asked memory for, until it is read: its only reference.
var given []unsafe.Pointer

//go:wasmexport cabi_realloc
func cabiRealloc(old, oldSize, align, size uint32) uint32 {
	if size == 0 {
		// A number, since Go takes such an address for a broken pointer.
		return align
	}
	// Words: aligned for everything.
	made := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(make([]uint64, (uint64(size)+7)/8)))), size)
	copy(made, listAt[byte](old, min(oldSize, size)))
	given = append(given, unsafe.Pointer(unsafe.SliceData(made)))
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(made))))
}

// Forgets what the host asked memory for, once everything that is needed of it has a reference.
func taken() { given = nil }

// Memory that the host reads, or writes a result to. It holds a reference to all of it.
type memory struct{ kept []unsafe.Pointer }

// A record, or a list of them. The offsets of the fields are those of the contract.
type record struct {
	in   *memory
	base unsafe.Pointer
}

func (m *memory) record(size uint32) record {
	base := unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))
	m.kept = append(m.kept, base)
	return record{m, base}
}

func (r record) address() uint32           { return uint32(uintptr(r.base)) }
func (r record) at(offset uint32) record   { return record{r.in, unsafe.Add(r.base, int(offset))} }
func (r record) put8(at uint32, v uint8)   { *(*uint8)(unsafe.Add(r.base, int(at))) = v }
func (r record) put32(at, v uint32)        { *(*uint32)(unsafe.Add(r.base, int(at))) = v }
func (r record) put64(at uint32, v uint64) { *(*uint64)(unsafe.Add(r.base, int(at))) = v }
func (r record) get8(at uint32) uint8      { return *(*uint8)(unsafe.Add(r.base, int(at))) }
func (r record) get32(at uint32) uint32    { return *(*uint32)(unsafe.Add(r.base, int(at))) }
func (r record) get64(at uint32) uint64    { return *(*uint64)(unsafe.Add(r.base, int(at))) }

func (r record) putBool(at uint32, v bool) { r.put8(at, flag(v)) }

func flag(v bool) uint8 {
	if v {
		return 1
	}
	return 0
}

// The address and the length of a text.
func (m *memory) text(text string) (uint32, uint32) {
	if text == "" {
		return 1, 0
	}
	data := unsafe.Pointer(unsafe.StringData(text))
	m.kept = append(m.kept, data)
	return uint32(uintptr(data)), uint32(len(text))
}

// The address and the length of a list of numbers.
func numbers[T any](m *memory, list []T) (uint32, uint32) {
	if len(list) == 0 {
		return 8, 0
	}
	data := unsafe.Pointer(unsafe.SliceData(list))
	m.kept = append(m.kept, data)
	return uint32(uintptr(data)), uint32(len(list))
}

// The address and the length of a list of records.
func records[T any](m *memory, list []T, size uint32, put func(record, T)) (uint32, uint32) {
	if len(list) == 0 {
		return 8, 0
	}
	base := m.record(size * uint32(len(list)))
	for i, item := range list {
		put(base.at(size*uint32(i)), item)
	}
	return base.address(), uint32(len(list))
}

func (m *memory) texts(list []string) (uint32, uint32) {
	return records(m, list, 8, func(r record, text string) { r.putText(0, text) })
}

func (r record) putPair(at uint32, address, length uint32) {
	r.put32(at, address)
	r.put32(at+4, length)
}

func (r record) putText(at uint32, text string) {
	address, length := r.in.text(text)
	r.putPair(at, address, length)
}

func (r record) putTexts(at uint32, list []string) {
	address, length := r.in.texts(list)
	r.putPair(at, address, length)
}

// A text that may be missing.
func (r record) putOptional(at uint32, text string) {
	r.putBool(at, text != "")
	r.putText(at+4, text)
}

// The memory that a pair of an address and a length points to, which is the guest's own.
func listAt[T any](address, length uint32) []T {
	if length == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Add(nil, int(address))), length)
}

func list[T any](r record, at uint32) []T { return listAt[T](r.get32(at), r.get32(at+4)) }

// A text, without a copy: nothing else refers to its bytes.
func textAt(address, length uint32) string {
	bytes := listAt[byte](address, length)
	return unsafe.String(unsafe.SliceData(bytes), len(bytes))
}

func (r record) text(at uint32) string { return textAt(r.get32(at), r.get32(at+4)) }

// The records of a list.
func each(r record, at, size uint32, function func(record)) {
	count := r.get32(at + 4)
	if count == 0 {
		return
	}
	first := record{base: unsafe.Add(nil, int(r.get32(at)))}
	for i := range count {
		function(first.at(i * size))
	}
}

const valueSize = 24

func (r record) putValue(value any) {
	switch value := value.(type) {
	case nil:
		r.put8(0, 0)
	case bool:
		r.put8(0, 1)
		r.putBool(8, value)
	case int64:
		r.put8(0, 2)
		r.put64(8, uint64(value))
	case float64:
		r.put8(0, 3)
		r.put64(8, math.Float64bits(value))
	case string:
		r.put8(0, 4)
		r.putText(8, value)
	case []byte:
		r.put8(0, 5)
		address, length := numbers(r.in, value)
		r.putPair(8, address, length)
	case Decimal:
		r.put8(0, 6)
		r.putText(8, string(value))
	case Date:
		r.put8(0, 7)
		r.put32(8, uint32(value))
	case TimeOfDay:
		r.put8(0, 8)
		r.put64(8, uint64(value))
	case Timestamp:
		r.put8(0, 9)
		r.put64(8, uint64(value))
	case time.Time:
		r.put8(0, 10)
		r.put64(8, uint64(value.UnixMicro()))
	case UUID:
		r.put8(0, 11)
		r.put64(8, word(value[:8]))
		r.put64(16, word(value[8:]))
	case JSON:
		r.put8(0, 12)
		r.putText(8, string(value))
	case Native:
		r.put8(0, 13)
		r.putText(8, value.TypeName)
		r.putText(16, value.Text)
	default:
		panic(fmt.Sprintf("%T is not a value", value))
	}
}

func (r record) value() any {
	switch r.get8(0) {
	case 1:
		return r.get8(8) != 0
	case 2:
		return int64(r.get64(8))
	case 3:
		return math.Float64frombits(r.get64(8))
	case 4:
		return r.text(8)
	case 5:
		return append([]byte{}, list[byte](r, 8)...)
	case 6:
		return Decimal(r.text(8))
	case 7:
		return Date(r.get32(8))
	case 8:
		return TimeOfDay(r.get64(8))
	case 9:
		return Timestamp(r.get64(8))
	case 10:
		return instant(int64(r.get64(8)))
	case 11:
		return uuidOf(r.get64(8), r.get64(16))
	case 12:
		return JSON(r.text(8))
	case 13:
		return Native{TypeName: r.text(8), Text: r.text(16)}
	}
	return nil
}

func (m *memory) values(values []any) (uint32, uint32) {
	return records(m, values, valueSize, record.putValue)
}

const columnSize = 44

func (r record) putColumn(c *Column) {
	r.putText(0, c.Name)
	address, length := numbers(r.in, c.nulls)
	r.putPair(8, address, length)
	r.put8(16, uint8(c.Type))
	at := uint32(20)
	switch {
	case c.Type == TypeNative:
		r.putText(20, c.TypeName)
		at = 28
		fallthrough
	case c.isText():
		address, length = numbers(r.in, c.texts.Offsets)
		r.putPair(at, address, length)
		address, length = numbers(r.in, c.texts.Data)
		r.putPair(at+8, address, length)
		return
	case c.Type == TypeBool:
		address, length = numbers(r.in, c.bytes)
	case c.Type == TypeDate:
		address, length = numbers(r.in, c.halves)
	default:
		address, length = numbers(r.in, c.words)
	}
	r.putPair(20, address, length)
}

func (r record) column() *Column {
	c := &Column{Name: r.text(0), nulls: list[byte](r, 8), Type: ColumnType(r.get8(16))}
	at := uint32(20)
	switch {
	case c.Type == TypeNative:
		c.TypeName = r.text(20)
		at = 28
		fallthrough
	case c.isText():
		c.texts = Texts{Offsets: list[uint32](r, at), Data: list[byte](r, at+8)}
	case c.Type == TypeBool:
		c.bytes = list[byte](r, 20)
	case c.Type == TypeDate:
		c.halves = list[uint32](r, 20)
	default:
		c.words = list[uint64](r, 20)
	}
	return c
}

func (m *memory) batch(b *Batch) (rows, address, length uint32) {
	address, length = records(m, b.columns, columnSize, record.putColumn)
	return uint32(b.rows), address, length
}

// The batch at a place: its rows, and the list of its columns.
func (r record) batch(at uint32) *Batch {
	b := NewBatch(int(r.get32(at)))
	each(r, at+4, columnSize, func(r record) { b.columns = append(b.columns, r.column()) })
	return b
}

const errorSize = 32

func (r record) putError(err error) {
	failure := asError(err)
	r.put8(0, uint8(failure.Kind))
	r.putText(4, failure.Code)
	r.putText(12, readable(failure.Message))
	r.putOptional(20, readable(failure.Detail))
}

func (r record) error() error {
	failure := &Error{Kind: ErrorKind(r.get8(0)), Code: r.text(4), Message: r.text(12)}
	if r.get8(20) != 0 {
		failure.Detail = r.text(24)
	}
	return failure
}
