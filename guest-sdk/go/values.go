package guest

import (
	"database/sql/driver"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// A value of a statement is nil for NULL, a bool, an integer, a float64, a string, a []byte, of which nil is NULL as well, a
// [time.Time], which is an instant, or one of the types below; and, as in database/sql, a pointer to one, a type over one, or a
// driver.Valuer such as sql.NullString. Queries return int64 for all integers.
//
// Databases have microseconds. A [time.Time] that is finer is an error, not another time: use its methods Truncate or Round.
type (
	// Decimal is an exact decimal number, such as -12.50.
	Decimal string
	// Date is a calendar date: days since 1970-01-01.
	Date int32
	// TimeOfDay is a time of day: microseconds since midnight.
	TimeOfDay int64
	// Timestamp is a date and time without a time zone: microseconds since 1970-01-01T00:00:00.
	Timestamp int64
	// UUID is a UUID, in the order in which it is written.
	UUID [16]byte
	// JSON is JSON text.
	JSON string
	// Native is a value of a type without a case of its own, in the database's text form.
	Native struct{ TypeName, Text string }
)

// DateOf is the date of a time, in the time's own zone. It panics more than five million years from now, where a Date ends.
func DateOf(t time.Time) Date {
	year, month, day := t.Date()
	// Midnight, so there is nothing to round.
	days := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / 86_400
	if days < math.MinInt32 || days > math.MaxInt32 {
		panic(fmt.Sprintf("the year %d is beyond those of a date", year))
	}
	return Date(days)
}

// Time is the beginning of the date in UTC.
func (d Date) Time() time.Time { return time.Unix(int64(d)*86_400, 0).UTC() }

// String returns the date as YYYY-MM-DD.
func (d Date) String() string { return d.Time().Format(time.DateOnly) }

// TimestampOf is the date and time that a clock in the time's own zone shows. It panics if the time is finer than microseconds, which
// t.Truncate(time.Microsecond) takes care of, or more than 290,000 years from now: a panic ends the migration with its message.
func TimestampOf(t time.Time) Timestamp {
	_, offset := t.Zone()
	made, err := micros(t.Add(time.Duration(offset) * time.Second))
	if err != nil {
		panic(err)
	}
	return Timestamp(made)
}

// The microseconds of a time, which may have more than they can say.
func micros(t time.Time) (int64, error) {
	made := t.UnixMicro()
	if instant(made).Equal(t) {
		return made, nil
	}
	message := fmt.Sprintf("the year %d is beyond those that 64 bits of microseconds have", t.Year())
	if t.Nanosecond()%1000 != 0 {
		message = fmt.Sprintf("the time %s is finer than a microsecond, and databases are not: use Truncate(time.Microsecond) or Round",
			t.Format(time.RFC3339Nano))
	}
	return 0, &Error{Kind: Conversion, Message: message}
}

// Time is the date and time as if it were in UTC.
func (t Timestamp) Time() time.Time { return time.UnixMicro(int64(t)).UTC() }

// String returns the date and time as YYYY-MM-DD hh:mm:ss, with the fraction of a second that it has.
func (t Timestamp) String() string { return t.Time().Format("2006-01-02 15:04:05.999999") }

// String returns the time of day as hh:mm:ss, with the fraction of a second that it has.
func (t TimeOfDay) String() string {
	seconds, fraction := int64(t)/1_000_000, int64(t)%1_000_000
	shown := fmt.Sprintf("%02d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	if fraction == 0 {
		return shown
	}
	return shown + "." + strings.TrimRight(fmt.Sprintf("%06d", fraction), "0")
}

// In is the instant at which clocks in a zone show it.
func (t Timestamp) In(zone *time.Location) time.Time {
	at := t.Time()
	return time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), zone)
}

// String returns the UUID in its usual form.
func (u UUID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

func instant(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// A value in one of the forms that the contract has.
func normal(value any) (any, error) {
	switch value := value.(type) {
	case nil, bool, int64, float64, Date, TimeOfDay, Timestamp, UUID:
		return value, nil
	case []byte:
		// As in database/sql. An empty one is no NULL.
		if value == nil {
			return nil, nil
		}
		return value, nil
	case time.Time:
		_, err := micros(value)
		return value, err
	case string:
		return value, checkUTF8(value)
	case Decimal:
		return value, checkUTF8(string(value))
	case JSON:
		return value, checkUTF8(string(value))
	case Native:
		return value, checkUTF8(value.TypeName + value.Text)
	case int:
		return int64(value), nil
	case int32:
		return int64(value), nil
	case int16:
		return int64(value), nil
	case int8:
		return int64(value), nil
	case uint8:
		return int64(value), nil
	case uint16:
		return int64(value), nil
	case uint32:
		return int64(value), nil
	case uint:
		return unsigned(uint64(value))
	case uint64:
		return unsigned(value)
	case float32:
		return float64(value), nil
	}
	return converted(value)
}

// What database/sql takes as well: pointers, of which nil is NULL, values that say what they are, and types of one's own over bool, numbers
// and string. Of types over []byte it is not known whether they are bytes.
func converted(value any) (any, error) {
	it := reflect.ValueOf(value)
	if it.Kind() == reflect.Pointer && it.IsNil() {
		return nil, nil
	}
	if valuer, says := value.(driver.Valuer); says {
		said, err := valuer.Value()
		if err != nil {
			return nil, err
		}
		return normal(said)
	}
	switch {
	case it.Kind() == reflect.Pointer:
		return normal(it.Elem().Interface())
	case it.Kind() == reflect.Bool:
		return it.Bool(), nil
	case it.CanInt():
		return it.Int(), nil
	case it.CanUint():
		return unsigned(it.Uint())
	case it.CanFloat():
		return it.Float(), nil
	case it.Kind() == reflect.String:
		return it.String(), checkUTF8(it.String())
	}
	return nil, &Error{Kind: InvalidArgument, Message: fmt.Sprintf("a value of the type %T is not one that a database takes", value)}
}

func checkUTF8(text string) error {
	if utf8.ValidString(text) {
		return nil
	}
	return &Error{Kind: Conversion, Message: "a text is not UTF-8; bytes are a []byte"}
}

func unsigned(value uint64) (any, error) {
	if value > math.MaxInt64 {
		return nil, &Error{Kind: Conversion, Message: fmt.Sprintf("%d is too large for a signed 64-bit integer", value)}
	}
	return int64(value), nil
}

func normals(values []any) ([]any, error) {
	made := make([]any, len(values))
	for i, value := range values {
		var err error
		if made[i], err = normal(value); err != nil {
			return nil, fmt.Errorf("parameter %d: %w", i+1, err)
		}
	}
	return made, nil
}
