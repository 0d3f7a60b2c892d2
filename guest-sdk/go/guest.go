// Package guest is for migrations of runner in Go.
//
// A migration is a program whose init function calls [Export]. It is compiled to a WebAssembly component that runs in a sandbox,
// and reaches the database through this package alone: [Execute] and [Query] for single statements, [Read], [ReadTable] and
// [Write] for batches of rows, and [Transform] for tables of any size.
//
// What is printed to standard output and standard error is logged, line by line, as info and as warning.
//
// There are no files, no network and no environment. [time.Now] is the time of the run, and [crypto/rand] follows the run's seed;
// both are recorded in the history. The order of a map and the functions of [math/rand] that need no generator do not follow
// the seed: sort the keys, and use [NewRand] or [RandomOf].
//
// One goroutine at a time may use this package, and none may be left behind that does.
package guest

import "fmt"

// Migration is what a migration consists of.
type Migration struct {
	// Description is what the operator sees; a Summary is required.
	Description Description
	// Upgrade takes the database from the previous revision to this one.
	Upgrade func() error
	// Downgrade takes it back. Without one, the migration is irreversible.
	Downgrade func() error
	// Transforms are the functions for batches, by the names that [Transform] is given. The result of one must follow from the
	// batch, the parameters and the assets alone: it runs in other instances of the component, in parallel, and perhaps again.
	Transforms map[string]func(*Batch) (*Batch, error)
}

// Description is a migration's description of itself.
type Description struct {
	// Summary is what the migration does, in one line.
	Summary string
	// DependsOn are earlier revisions that must be applied before this one.
	DependsOn []string
	// Mode is how the work is committed.
	Mode Mode
	// Dialects are the databases that it works on; none: all.
	Dialects []Dialect
	// Irreversible migrations are never downgraded.
	Irreversible bool
	// Needs are what an operator may have to grant.
	Needs []Need
}

// Mode is how the work of a migration is committed.
type Mode uint8

// The modes.
const (
	// Auto is Atomic where the database can roll back DDL, and Stepwise elsewhere.
	Auto Mode = iota
	// Atomic is one transaction for everything.
	Atomic
	// Stepwise commits every step by itself.
	Stepwise
)

// String returns the name of the mode.
func (m Mode) String() string { return nameOf(m, []string{"auto", "atomic", "stepwise"}) }

// Dialect is the family of a database.
type Dialect uint8

// The dialects.
const (
	SQLite Dialect = iota
	Postgres
	MySQL
	MariaDB
)

// String returns the name of the family.
func (d Dialect) String() string {
	return nameOf(d, []string{"SQLite", "PostgreSQL", "MySQL", "MariaDB"})
}

// The migration of this program.
var exported *Migration

// Export makes a migration the one of this program. Call it once, in an init function.
func Export(migration Migration) {
	if exported != nil {
		panic("guest.Export is called twice: a program is one migration")
	}
	exported = &migration
}

func (m *Migration) description() Description {
	if m == nil {
		panic("there is no migration: call guest.Export in an init function")
	}
	description := m.Description
	if description.Summary == "" {
		panic("the migration has no summary: set Description.Summary")
	}
	if m.Upgrade == nil {
		panic("the migration has no Upgrade")
	}
	description.Irreversible = description.Irreversible || m.Downgrade == nil
	return description
}

func (m *Migration) transform(name string, batch *Batch) (*Batch, error) {
	function := m.Transforms[name]
	if function == nil {
		return nil, fmt.Errorf("there is no batch function `%s`: set it in Transforms of guest.Migration", name)
	}
	result, err := function(batch)
	if err != nil {
		return nil, err
	}
	if result == nil {
		return nil, fmt.Errorf("the batch function `%s` returned no batch", name)
	}
	return result, result.check()
}

func nameOf[T ~uint8](value T, names []string) string {
	if int(value) < len(names) {
		return names[value]
	}
	return fmt.Sprintf("%d", uint8(value))
}
