package guest

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// Execute runs one statement and returns the number of rows that it changed, 0 for DDL.
func Execute(statement string, parameters ...any) (uint64, error) {
	values, err := normals(parameters)
	if err != nil {
		return 0, err
	}
	return hostExecute(statement, values)
}

// ExecuteAll runs statements one after the other, until one fails.
func ExecuteAll(statements ...string) error {
	for _, statement := range statements {
		if _, err := hostExecute(statement, nil); err != nil {
			return err
		}
	}
	return nil
}

// Rows is a small result, row by row.
type Rows struct {
	// Columns are the names, in the order of the SELECT list.
	Columns []string
	// Rows have as many values as there are columns.
	Rows [][]any
}

// Query runs one statement and returns all of its rows. For small results; see [Read] for others.
func Query(statement string, parameters ...any) (*Rows, error) {
	values, err := normals(parameters)
	if err != nil {
		return nil, err
	}
	return hostQuery(statement, values)
}

// QueryValue returns the only value of a result of one row and one column, which has to be a T.
func QueryValue[T any](statement string, parameters ...any) (T, error) {
	var none T
	rows, err := Query(statement, parameters...)
	if err != nil {
		return none, err
	}
	if len(rows.Rows) != 1 || len(rows.Columns) != 1 {
		return none, fmt.Errorf("%d rows of %d columns instead of one value: %s", len(rows.Rows), len(rows.Columns), statement)
	}
	value, good := rows.Rows[0][0].(T)
	if !good {
		return none, fmt.Errorf("the value is a %T, not a %T: %s", rows.Rows[0][0], none, statement)
	}
	return value, nil
}

// Table is the name of a table or a view, spelled as in the database, without quotes. It is in the connection's default schema, unless it
// is made by [InSchema].
type Table string

// What separates a schema from a name: no database has it in either.
const inSchema = "\x00"

// InSchema is a table or a view of a schema, or of an attached database.
func InSchema(schema, name string) Table { return Table(schema + inSchema + name) }

// The schema, which may be empty, and the name.
func (t Table) parts() (schema, name string) {
	if schema, name, found := strings.Cut(string(t), inSchema); found {
		return schema, name
	}
	return "", string(t)
}

// String returns the name, behind its schema and a point if it has one.
func (t Table) String() string { return strings.Replace(string(t), inSchema, ".", 1) }

// Source is rows to read, in the order of a key.
type Source struct {
	Table Table
	// Columns are those to read; none: all. Those of the key are read in any case.
	Columns []string
	// ReadAs are the types in which columns are read, where it is not the one of the database. Its keys are in Columns.
	ReadAs map[string]ColumnType
	// Key are the columns that identify a row; none: the primary key.
	Key []string
	// Filter is an SQL condition; empty: all rows.
	Filter string
	// Parameters are the values of the condition's placeholders.
	Parameters []any
	// Descending is from the greatest key to the least.
	Descending bool
}

// From is a source: the columns of a table, or all of them if none are named.
func From(table Table, columns ...string) Source {
	return Source{Table: table, Columns: columns}
}

// Where is the source with an SQL condition.
func (s Source) Where(filter string, parameters ...any) Source {
	s.Filter, s.Parameters = filter, parameters
	return s
}

// The source as the host takes it.
func (s Source) normal() (_ Source, err error) {
	for _, name := range slices.Sorted(maps.Keys(s.ReadAs)) {
		if !contains(s.Columns, name) {
			message := fmt.Sprintf("ReadAs has the column `%s`, which is not in Columns", name)
			return s, &Error{Kind: InvalidArgument, Message: message}
		}
		if as := s.ReadAs[name]; !as.isOfBatch() {
			message := fmt.Sprintf("the column `%s` cannot be read as %s, which is a type of tables alone", name, as)
			return s, &Error{Kind: InvalidArgument, Message: message}
		}
	}
	s.Parameters, err = normals(s.Parameters)
	return s, err
}

// WriteMode is what a writer does with a row.
type WriteMode uint8

// The modes of writers.
const (
	Insert WriteMode = iota
	Update
	Upsert
	Delete
)

// String returns the name of the mode.
func (m WriteMode) String() string {
	return nameOf(m, []string{"insert", "update", "upsert", "delete"})
}

// Target is the table that rows are written to.
type Target struct {
	Table Table
	Mode  WriteMode
	// Key are the columns that identify a row; none: the primary key.
	Key []string
}

// Into is a target.
func Into(mode WriteMode, table Table) Target {
	return Target{Table: table, Mode: mode}
}

// Report is what a transform did.
type Report struct {
	RowsRead, RowsWritten, Chunks uint64
}

// Transform reads the source one batch at a time, passes each to the function of that name in Transforms of [Migration], and writes
// the results to the target. The functions run in other instances of the component: variables are not shared.
func Transform(name string, source Source, target Target) (Report, error) {
	source, err := source.normal()
	if err != nil {
		return Report{}, err
	}
	if exported != nil && exported.Transforms[name] == nil {
		return Report{}, fmt.Errorf("there is no batch function `%s`: set it in Transforms of guest.Migration", name)
	}
	return hostTransform(name, source, target)
}

// Reader reads a result one batch at a time.
type Reader struct {
	handle int32
	open   bool
}

// Read reads the result of any SELECT, in the statement's own order.
func Read(statement string, parameters ...any) (*Reader, error) {
	values, err := normals(parameters)
	if err != nil {
		return nil, err
	}
	return hostRead(statement, values)
}

// ReadTable reads a table in pages, in the order of its key.
func ReadTable(source Source) (*Reader, error) {
	source, err := source.normal()
	if err != nil {
		return nil, err
	}
	return hostReadTable(source)
}

// Next returns the next batch, and nil after the last.
func (r *Reader) Next() (*Batch, error) {
	if !r.open {
		return nil, nil
	}
	batch, err := hostNext(r.handle)
	if batch == nil {
		r.Close()
	}
	return batch, err
}

// Batches are the batches that are left, or an error, which is the last.
func (r *Reader) Batches() iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		defer r.Close()
		for {
			batch, err := r.Next()
			if (batch == nil && err == nil) || !yield(batch, err) || err != nil {
				return
			}
		}
	}
}

// Close ends reading early.
func (r *Reader) Close() {
	if r.open {
		r.open = false
		hostDropReader(r.handle)
	}
}

// Writer writes rows one batch at a time. A migration that leaves one without Finish fails.
type Writer struct {
	handle int32
	open   bool
}

// What Write opened and Finish did not end.
var writers []*Writer

// Write opens a writer.
func Write(target Target) (*Writer, error) {
	writer, err := hostWrite(target)
	if err == nil {
		writers = append(writers, writer)
	}
	return writer, err
}

// Write writes a batch and returns the number of rows that it changed. All batches of a writer have the same columns.
func (w *Writer) Write(batch *Batch) (uint64, error) {
	if !w.open {
		return 0, &Error{Kind: InvalidArgument, Message: "the writer is finished"}
	}
	if err := batch.check(); err != nil {
		return 0, err
	}
	return hostWriteBatch(w.handle, batch)
}

// Finish ends the writer and returns the number of rows that all batches changed.
func (w *Writer) Finish() (uint64, error) {
	if !w.open {
		return 0, &Error{Kind: InvalidArgument, Message: "the writer is finished"}
	}
	rows, err := hostFinish(w.handle)
	w.drop()
	return rows, err
}

func (w *Writer) drop() {
	if w.open {
		w.open = false
		hostDropWriter(w.handle)
	}
}

// Drops the writers that were not finished, which the host takes for a failure.
func dropWriters() {
	for _, writer := range writers {
		writer.drop()
	}
	writers = nil
}
