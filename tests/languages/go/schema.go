// Changes of the schema: every type with a default, every constraint and every call, as `tests/guests/changes` does them in Rust.
package main

import (
	"errors"
	"math"
	"time"

	guest "github.com/runner-migrations/runner/guest-sdk/go"
)

func init() {
	guest.Export(guest.Migration{
		Description: guest.Description{Summary: "change the schema"},
		Upgrade:     upgrade,
		Downgrade:   downgrade,
	})
}

func main() {}

var (
	parents  guest.Table = "parents"
	children guest.Table = "children"
)

func column(name string, of guest.ColumnType, value any) guest.ColumnDefinition {
	return guest.ColumnDefinition{Name: name, Type: of, NotNull: true, Default: value}
}

func upgrade() error {
	calls := []func() error{
		func() error {
			return guest.CreateTable(guest.TableDefinition{
				Table: parents,
				Columns: []guest.ColumnDefinition{
					{Name: "id", Type: guest.TypeInt64, Identity: true},
					column("code", guest.TypeVarchar(20), "it's \\ \"here\""),
					column("flag", guest.TypeBool, true),
					column("small", guest.TypeInt32, -5),
					column("large", guest.TypeInt64, int64(math.MaxInt64)),
					column("ratio", guest.TypeFloat64, 0.1),
					column("note", guest.TypeText, "ünï\ncode"),
					column("raw", guest.TypeBytes, []byte("\x00\xff'")),
					column("price", guest.TypeDecimalOf(10, 2), guest.Decimal("-12.50")),
					column("day", guest.TypeDate, guest.Date(20000)),
					column("hour", guest.TypeTime, guest.TimeOfDay(3600000001)),
					column("at", guest.TypeTimestamp, guest.Timestamp(1700000000000001)),
					column("instant", guest.TypeTimestampTZ, time.UnixMicro(1700000000000000)),
					column("made", guest.TypeTimestampTZ, guest.CurrentTimestamp),
					column("key", guest.TypeUUID, guest.UUID{7: 1, 15: 2}),
					column("data", guest.TypeJSON, guest.JSON(`{"a": [1, null]}`)),
					{Name: "order", Type: guest.TypeText},
				},
				PrimaryKey: []string{"id"},
				Unique:     [][]string{{"code", "small"}},
			})
		},
		func() error {
			return guest.CreateTable(guest.TableDefinition{
				Table: "child ren",
				Columns: []guest.ColumnDefinition{
					column("a", guest.TypeInt64, nil), column("b", guest.TypeInt64, nil), {Name: "parent", Type: guest.TypeInt64},
				},
				PrimaryKey: []string{"a", "b"},
				ForeignKeys: []guest.ForeignKey{
					{Columns: []string{"parent"}, References: parents, Referenced: []string{"id"}, OnDelete: guest.SetNull},
				},
			})
		},
		func() error { return guest.RenameTable("child ren", "children") },
		func() error {
			return guest.AddColumn(children, guest.ColumnDefinition{Name: `say "hi"`, Type: guest.TypeText})
		},
		func() error { return guest.RenameColumn(children, `say "hi"`, "said") },
		func() error { return guest.AddColumn(children, column("paid", guest.TypeBool, false)) },
		func() error { return guest.DropColumn(children, "said") },
		func() error {
			return guest.CreateIndex(guest.IndexDefinition{Name: "children_paid", Table: children, Columns: []string{"paid", "b"}})
		},
		func() error { return guest.DropIndex(children, "children_paid") },
		func() error {
			return guest.CreateIndex(guest.IndexDefinition{Name: "parents_code", Table: parents, Columns: []string{"code"}, Unique: true})
		},
		func() error {
			var failure *guest.Error
			if err := guest.DropTable("nothing"); !errors.As(err, &failure) {
				return errors.New("a table that does not exist is dropped")
			}
			return nil
		},
		func() error { _, err := guest.Execute("INSERT INTO parents (id) VALUES (7)"); return err },
		func() error { _, err := guest.Execute("DELETE FROM parents"); return err },
	}
	for _, call := range calls {
		if err := call(); err != nil {
			return err
		}
	}
	return nil
}

func downgrade() error {
	if err := guest.DropIndex(parents, "parents_code"); err != nil {
		return err
	}
	if err := guest.DropTable(children); err != nil {
		return err
	}
	return guest.DropTable(parents)
}
