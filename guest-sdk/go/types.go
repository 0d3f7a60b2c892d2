package guest

import "fmt"

// ColumnType is the type of a column, of a batch and of a table.
type ColumnType uint64

// The types. The comment is the type of the entries in Go.
const (
	TypeBool        ColumnType = iota // bool
	TypeInt64                         // int64
	TypeFloat64                       // float64
	TypeText                          // Texts, of UTF-8
	TypeBytes                         // Texts, of any bytes
	TypeDecimal                       // Texts, such as -12.50; of a table, see TypeDecimalOf
	TypeDate                          // Date
	TypeTime                          // int64: TimeOfDay
	TypeTimestamp                     // int64: Timestamp
	TypeTimestampTZ                   // int64: microseconds since 1970-01-01T00:00:00Z, see time.UnixMicro
	TypeUUID                          // two uint64 for each row, the first and the last eight bytes
	TypeJSON                          // Texts
	TypeNative                        // Texts, in the database's form; not of a new column of a table
	TypeInt32                         // of a table; in a batch, TypeInt64
	typeVarchar                       // of a table; in a batch, TypeText
)

// TypeVarchar is text of at most so many characters, of a table.
func TypeVarchar(length uint32) ColumnType { return typeVarchar | ColumnType(length)<<32 }

// TypeDecimalOf is decimal numbers of so many digits, so many of them after the point, of a table.
func TypeDecimalOf(precision, scale uint8) ColumnType {
	return TypeDecimal | ColumnType(scale)<<8 | ColumnType(precision)<<32
}

// Without a size.
func (t ColumnType) kind() ColumnType { return t & 0xff }
func (t ColumnType) size() uint32     { return uint32(t >> 32) }
func (t ColumnType) scale() uint8     { return uint8(t >> 8) }

// Whether a column of a batch can be of the type.
func (t ColumnType) isOfBatch() bool { return t <= TypeNative }

// The types of a table have other numbers in the contract; -1: it is not one of them.
func (t ColumnType) ofTable() int8 {
	if t.kind() > typeVarchar || t == TypeDecimal {
		return -1
	}
	return [...]int8{0, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, -1, 1, 5}[t.kind()]
}

// String returns the name of the type.
func (t ColumnType) String() string {
	name := nameOf(uint8(t.kind()), []string{"boolean", "int64", "float64", "text", "bytes", "decimal", "date", "time", "timestamp",
		"timestamptz", "uuid", "json", "native", "int32", "varchar"})
	switch {
	case t.size() == 0:
		return name
	case t.kind() == typeVarchar:
		return fmt.Sprintf("%s(%d)", name, t.size())
	}
	return fmt.Sprintf("%s(%d, %d)", name, t.size(), t.scale())
}
