package guest

import (
	"fmt"
	"time"
)

// Texts are texts end to end: text i is Data[Offsets[i]:Offsets[i+1]].
type Texts struct {
	Offsets []uint32
	Data    []byte
}

// MakeTexts is no text, with room for so many of so many bytes together; more is possible.
func MakeTexts(count, size int) Texts {
	return Texts{Offsets: append(make([]uint32, 0, count+1), 0), Data: make([]byte, 0, size)}
}

// Len is the number of texts.
func (t *Texts) Len() int { return max(len(t.Offsets)-1, 0) }

// At is a text, not copied. A change of its bytes changes the column.
func (t *Texts) At(i int) []byte { return t.Data[t.Offsets[i]:t.Offsets[i+1]:t.Offsets[i+1]] }

// String is a copy of a text.
func (t *Texts) String(i int) string { return string(t.At(i)) }

// Append adds a text.
func (t *Texts) Append(text string) {
	t.Data = append(t.Data, text...)
	t.End()
}

// End ends a text, whose bytes were appended to Data.
func (t *Texts) End() {
	if uint64(len(t.Data)) > 1<<32-1 {
		panic("the texts of a column take more than 4 GiB")
	}
	if len(t.Offsets) == 0 {
		t.Offsets = append(t.Offsets, 0)
	}
	t.Offsets = append(t.Offsets, uint32(len(t.Data)))
}

// Int64Column is a column of integers, which it takes over.
func Int64Column(name string, values []int64) *Column {
	return &Column{Name: name, Type: TypeInt64, words: as[uint64](values)}
}

// Float64Column is a column of floating-point numbers, which it takes over.
func Float64Column(name string, values []float64) *Column {
	return &Column{Name: name, Type: TypeFloat64, words: as[uint64](values)}
}

// BoolColumn is a column of booleans, which it takes over.
func BoolColumn(name string, values []bool) *Column {
	return &Column{Name: name, Type: TypeBool, bytes: as[byte](values)}
}

// DateColumn is a column of dates, which it takes over.
func DateColumn(name string, values []Date) *Column {
	return &Column{Name: name, Type: TypeDate, halves: as[uint32](values)}
}

// MicrosColumn is a column of the type TypeTime, TypeTimestamp or TypeTimestampTZ, which takes the microseconds over.
func MicrosColumn(name string, columnType ColumnType, values []int64) *Column {
	switch columnType {
	case TypeTime, TypeTimestamp, TypeTimestampTZ:
		return &Column{Name: name, Type: columnType, words: as[uint64](values)}
	}
	panic(fmt.Sprintf("a column of the type %s has no microseconds", columnType))
}

// UUIDColumn is a column of UUIDs.
func UUIDColumn(name string, values []UUID) *Column {
	words := make([]uint64, 0, 2*len(values))
	for _, value := range values {
		words = append(words, word(value[:8]), word(value[8:]))
	}
	return &Column{Name: name, Type: TypeUUID, words: words}
}

// TextColumn is a column of texts.
func TextColumn(name string, values []string) *Column {
	texts := MakeTexts(len(values), 0)
	for _, value := range values {
		texts.Append(value)
	}
	return VarColumn(name, TypeText, texts)
}

// VarColumn is a column of the type TypeText, TypeBytes, TypeDecimal, TypeJSON or TypeNative, which takes the texts over. For
// TypeNative, set its TypeName as well.
func VarColumn(name string, columnType ColumnType, texts Texts) *Column {
	column := &Column{Name: name, Type: columnType, texts: texts}
	if !column.isText() {
		panic(fmt.Sprintf("a column of the type %s has no texts", columnType))
	}
	return column
}

// NullableColumn is a column of what the function returns for each row: a value of the type, or nil for NULL. The types are TypeBool, TypeInt64,
// TypeFloat64, TypeText, TypeDate, TypeTime, TypeTimestamp and TypeTimestampTZ, and the values those of [Column.Value].
func NullableColumn(name string, columnType ColumnType, rows int, value func(row int) any) (*Column, error) {
	column := &Column{Name: name, Type: TypeText, texts: MakeTexts(rows, 0), nulls: make([]byte, rows)}
	if columnType != TypeText {
		for row := range column.nulls {
			column.nulls[row] = 1
			column.texts.End()
		}
		column.becomes(columnType)
	}
	for row := range rows {
		it := value(row)
		column.nulls[row] = 0
		if it == nil {
			column.nulls[row] = 1
		}
		if err := column.put(row, it); err != nil {
			return nil, fmt.Errorf("entry %d of the column `%s`: %w", row, name, err)
		}
	}
	return column, nil
}

// Sets the entry of a row, or appends a text.
func (c *Column) put(row int, value any) error {
	switch value := value.(type) {
	case nil:
		if c.Type == TypeText {
			c.texts.End()
		}
		return nil
	case string:
		if c.Type == TypeText {
			c.texts.Append(value)
			return checkUTF8(value)
		}
	case bool:
		if c.Type == TypeBool {
			as[bool](c.bytes)[row] = value
			return nil
		}
	case int64:
		if c.Type == TypeInt64 {
			c.words[row] = uint64(value)
			return nil
		}
	case float64:
		if c.Type == TypeFloat64 {
			as[float64](c.words)[row] = value
			return nil
		}
	case Date:
		if c.Type == TypeDate {
			c.halves[row] = uint32(value)
			return nil
		}
	case TimeOfDay:
		if c.Type == TypeTime {
			c.words[row] = uint64(value)
			return nil
		}
	case Timestamp:
		if c.Type == TypeTimestamp {
			c.words[row] = uint64(value)
			return nil
		}
	case time.Time:
		if c.Type == TypeTimestampTZ {
			made, err := micros(value)
			c.words[row] = uint64(made)
			return err
		}
	}
	return &Error{Kind: InvalidArgument, Message: fmt.Sprintf("a %T is not of the type %s", value, c.Type)}
}

// UUIDs are two words each.
func word(bytes []byte) (value uint64) {
	for _, b := range bytes {
		value = value<<8 | uint64(b)
	}
	return value
}

func uuidOf(high, low uint64) (value UUID) {
	for i := range 8 {
		value[i], value[8+i] = byte(high>>(56-8*i)), byte(low>>(56-8*i))
	}
	return value
}

// Value is the entry of a row in the form of a query's result: nil for NULL. For one row; for whole columns see Int64s and the like.
func (c *Column) Value(row int) any {
	if c.IsNull(row) {
		return nil
	}
	switch c.Type {
	case TypeBool:
		return c.bytes[row] != 0
	case TypeFloat64:
		return as[float64](c.words)[row]
	case TypeText:
		return c.texts.String(row)
	case TypeBytes:
		return append([]byte{}, c.texts.At(row)...)
	case TypeDecimal:
		return Decimal(c.texts.At(row))
	case TypeDate:
		return Date(c.halves[row])
	case TypeTime:
		return TimeOfDay(c.words[row])
	case TypeTimestamp:
		return Timestamp(c.words[row])
	case TypeTimestampTZ:
		return instant(int64(c.words[row]))
	case TypeUUID:
		return uuidOf(c.words[2*row], c.words[2*row+1])
	case TypeJSON:
		return JSON(c.texts.At(row))
	case TypeNative:
		return Native{TypeName: c.TypeName, Text: c.texts.String(row)}
	}
	return int64(c.words[row])
}

// The entry of a row for a message.
func (c *Column) shown(row int) string {
	switch value := c.Value(row).(type) {
	case nil:
		return "NULL"
	case string:
		return fmt.Sprintf("%q", value)
	default:
		return fmt.Sprint(value)
	}
}
