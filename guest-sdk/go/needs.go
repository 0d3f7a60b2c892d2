package guest

// Need is something that a migration needs, and that an operator may have to grant. See [TableRebuild], [RawSQL], [Reads] and its
// siblings, [CallsFunction] and [NeedsLimit].
type Need struct {
	kind    uint8
	verb    uint8
	schema  string
	name    string
	columns []string
	limit   LimitName
	atLeast uint64
}

// The kinds of needs, in the order of the contract.
const (
	needTableRebuild uint8 = iota
	needTable
	needRawSQL
	needFunction
	needLimit
)

// What is done with a table, in the order of the contract.
const (
	verbRead uint8 = iota
	verbInsert
	verbUpdate
	verbDelete
	verbAlter
	verbCreate
	verbDrop
)

var (
	// TableRebuild checks foreign keys on SQLite only before the migration commits, so that a table can be rebuilt.
	TableRebuild = Need{kind: needTableRebuild}
	// RawSQL are statements of its own: [Execute], [Query] and the like, and [Read].
	RawSQL = Need{kind: needRawSQL}
)

// Reads is reading rows of a table, also in a condition: these columns, or all of them. A trailing * in the name of a table
// matches any suffix, here and in its siblings.
func Reads(table string, columns ...string) Need { return tableNeed(verbRead, table, columns) }

// Inserts is inserting rows, with these columns, or all of them.
func Inserts(table string, columns ...string) Need { return tableNeed(verbInsert, table, columns) }

// Updates is changing these columns of rows, or all of them.
func Updates(table string, columns ...string) Need { return tableNeed(verbUpdate, table, columns) }

// Deletes is deleting rows.
func Deletes(table string) Need { return tableNeed(verbDelete, table, nil) }

// Alters is changing columns, constraints or indexes of a table.
func Alters(table string) Need { return tableNeed(verbAlter, table, nil) }

// Creates is creating a table, or a view of that name.
func Creates(table string) Need { return tableNeed(verbCreate, table, nil) }

// Drops is dropping a table, or the view of that name.
func Drops(table string) Need { return tableNeed(verbDrop, table, nil) }

func tableNeed(verb uint8, table string, columns []string) Need {
	return Need{kind: needTable, verb: verb, name: table, columns: columns}
}

// In is the need of a table in a schema (PostgreSQL), database (MySQL, MariaDB) or attached database (SQLite). It panics for a need
// that is not of a table.
func (n Need) In(schema string) Need {
	if n.kind != needTable {
		panic("Need.In: only tables are in a schema")
	}
	n.schema = schema
	return n
}

// CallsFunction is calling the function of this name, which does more than compute with its arguments.
func CallsFunction(name string) Need { return Need{kind: needFunction, name: name} }

// LimitName is a limit of the sandbox that the operator sets.
type LimitName uint8

// The limits, which have these names in the settings.
const (
	// GuestMemory is memory of an instance, in bytes.
	GuestMemory LimitName = iota
	// Fuel are instructions, roughly, of one call of an export.
	Fuel
	// Stack is in bytes.
	Stack
	// Handles are readers, writers and assets that are open at the same time.
	Handles
	// HostCallBytes are what one call passes to the host.
	HostCallBytes
	// HostCalls are calls of the host.
	HostCalls
	// StatementBytes are the text of a statement.
	StatementBytes
	// QueryRows are what a query collects.
	QueryRows
	// QueryBytes are what a query collects.
	QueryBytes
	// CellBytes are bytes of a cell.
	CellBytes
)

// String returns the name in the settings.
func (l LimitName) String() string {
	return nameOf(l, []string{"guest_memory", "fuel", "stack", "handles", "host_call_bytes", "host_calls", "statement_bytes", "query_rows",
		"query_bytes", "cell_bytes"})
}

// NeedsLimit is a limit that is not lower than this.
func NeedsLimit(limit LimitName, atLeast uint64) Need {
	return Need{kind: needLimit, limit: limit, atLeast: atLeast}
}
