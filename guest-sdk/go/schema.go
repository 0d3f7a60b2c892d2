package guest

import "fmt"

// DataType is the type of a column of a table. The zero value is boolean; see the variables and functions below.
type DataType struct {
	kind   uint8
	length uint32
	scale  uint8
}

// The types without a size.
var (
	Boolean        = DataType{kind: 0}
	Int32          = DataType{kind: 1}
	Int64          = DataType{kind: 2}
	Float64        = DataType{kind: 3}
	Text           = DataType{kind: 4}
	Bytes          = DataType{kind: 6}
	DateType       = DataType{kind: 8}
	TimeType       = DataType{kind: 9}
	TimestampType  = DataType{kind: 10}
	TimestampTZ    = DataType{kind: 11}
	UUIDType       = DataType{kind: 12}
	JSONType       = DataType{kind: 13}
	kindOfVarchar  = uint8(5)
	kindOfDecimals = uint8(7)
)

// Varchar is text of at most so many characters.
func Varchar(length uint32) DataType { return DataType{kind: kindOfVarchar, length: length} }

// Decimals are decimal numbers of so many digits, so many of them after the point.
func Decimals(precision, scale uint8) DataType {
	return DataType{kind: kindOfDecimals, length: uint32(precision), scale: scale}
}

// ColumnDefinition is a column of a table.
type ColumnDefinition struct {
	Name    string
	Type    DataType
	NotNull bool
	// Default is what it contains where an insert does not say: a value, or CurrentTimestamp; nil: nothing.
	Default any
	// Identity columns are numbered by the database.
	Identity bool
}

// CurrentTimestamp is the time of an insert, as a default.
var CurrentTimestamp any = currentTimestamp{}

type currentTimestamp struct{}

// DeleteAction is what happens to a row whose referenced row is deleted.
type DeleteAction uint8

// The actions.
const (
	Refuse DeleteAction = iota
	Cascade
	SetNull
)

// String returns the name of the action.
func (a DeleteAction) String() string { return nameOf(a, []string{"refuse", "cascade", "set null"}) }

// ForeignKey is a reference to the rows of a table.
type ForeignKey struct {
	Columns    []string
	References Table
	Referenced []string
	OnDelete   DeleteAction
}

// TableDefinition is a new table.
type TableDefinition struct {
	Table       Table
	Columns     []ColumnDefinition
	PrimaryKey  []string
	Unique      [][]string
	ForeignKeys []ForeignKey
}

// IndexDefinition is a new index.
type IndexDefinition struct {
	Name    string
	Table   Table
	Columns []string
	Unique  bool
}

// CreateTable creates a table, in the manner of the database at hand.
func CreateTable(definition TableDefinition) error {
	columns := make([]ColumnDefinition, len(definition.Columns))
	for i, column := range definition.Columns {
		var err error
		if columns[i], err = column.normal(); err != nil {
			return err
		}
	}
	definition.Columns = columns
	return hostCreateTable(definition)
}

// DropTable drops a table.
func DropTable(table Table) error { return hostDropTable(table) }

// RenameTable gives a table another name in its schema.
func RenameTable(table Table, to string) error { return hostRenameTable(table, to) }

// AddColumn adds a column.
func AddColumn(table Table, column ColumnDefinition) error {
	column, err := column.normal()
	if err != nil {
		return err
	}
	return hostAddColumn(table, column)
}

// DropColumn drops a column and its values.
func DropColumn(table Table, column string) error { return hostDropColumn(table, column) }

// RenameColumn gives a column another name.
func RenameColumn(table Table, column, to string) error { return hostRenameColumn(table, column, to) }

// CreateIndex creates an index.
func CreateIndex(definition IndexDefinition) error { return hostCreateIndex(definition) }

// DropIndex drops an index of a table.
func DropIndex(table Table, index string) error { return hostDropIndex(table, index) }

func (c ColumnDefinition) normal() (ColumnDefinition, error) {
	if _, now := c.Default.(currentTimestamp); now || c.Default == nil {
		return c, nil
	}
	value, err := normal(c.Default)
	if err != nil {
		return c, fmt.Errorf("the default of the column `%s`: %w", c.Name, err)
	}
	c.Default = value
	return c, nil
}
