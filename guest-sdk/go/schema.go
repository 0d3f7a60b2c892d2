package guest

import "fmt"

// ColumnDefinition is a column of a table.
type ColumnDefinition struct {
	Name    string
	Type    ColumnType
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
	if c.Type.ofTable() < 0 {
		message := fmt.Sprintf("a new column of a table, such as `%s`, cannot be of the type %s: for decimal numbers use TypeDecimalOf", c.Name, c.Type)
		return c, &Error{Kind: InvalidArgument, Message: message}
	}
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
