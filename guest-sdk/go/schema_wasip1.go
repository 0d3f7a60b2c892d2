package guest

//go:wasmimport runner:migration/schema@0.1.0 create-table
func schemaCreateTable(hasSchema, schema, schemaSize, name, nameSize, columns, columnCount, primaryKey, primaryKeyCount, unique,
	uniqueCount, foreignKeys, foreignKeyCount, result uint32)

func hostCreateTable(d TableDefinition) error {
	var m memory
	t := m.table(d.Table)
	columns, columnCount := records(&m, d.Columns, definitionSize, record.putDefinition)
	key, keyCount := m.texts(d.PrimaryKey)
	unique, uniqueCount := records(&m, d.Unique, 8, func(r record, names []string) { r.putTexts(0, names) })
	foreign, foreignCount := records(&m, d.ForeignKeys, 40, func(r record, key ForeignKey) {
		r.putTexts(0, key.Columns)
		r.putTable(8, key.References)
		r.putTexts(28, key.Referenced)
		r.put8(36, uint8(key.OnDelete))
	})
	return m.run(func(result uint32) {
		schemaCreateTable(t[0], t[1], t[2], t[3], t[4], columns, columnCount, key, keyCount, unique, uniqueCount, foreign,
			foreignCount, result)
	})
}

// A call without a result of its own.
func (m *memory) run(function func(result uint32)) error {
	_, err := call(m, 4, function)
	return err
}

// A table's name as arguments.
func (m *memory) table(table Table) (flat [5]uint32) {
	r := m.record(20)
	r.putTable(0, table)
	return [5]uint32{uint32(r.get8(0)), r.get32(4), r.get32(8), r.get32(12), r.get32(16)}
}

const definitionSize = 72

func (r record) putDefinition(c ColumnDefinition) {
	r.putText(0, c.Name)
	r.put8(8, uint8(c.Type.ofTable()))
	switch c.Type.kind() {
	case typeVarchar:
		r.put32(12, c.Type.size())
	case TypeDecimal:
		r.put8(12, uint8(c.Type.size()))
		r.put8(13, c.Type.scale())
	}
	r.putBool(16, c.NotNull)
	if c.Default != nil {
		r.put8(24, 1)
		if _, now := c.Default.(currentTimestamp); now {
			r.put8(32, 1)
		} else {
			r.at(40).putValue(c.Default)
		}
	}
	r.putBool(64, c.Identity)
}

//go:wasmimport runner:migration/schema@0.1.0 drop-table
func schemaDropTable(hasSchema, schema, schemaSize, name, nameSize, result uint32)

func hostDropTable(table Table) error {
	var m memory
	t := m.table(table)
	return m.run(func(result uint32) { schemaDropTable(t[0], t[1], t[2], t[3], t[4], result) })
}

//go:wasmimport runner:migration/schema@0.1.0 rename-table
func schemaRenameTable(hasSchema, schema, schemaSize, name, nameSize, to, toSize, result uint32)

func hostRenameTable(table Table, to string) error {
	var m memory
	t := m.table(table)
	address, size := m.text(to)
	return m.run(func(result uint32) { schemaRenameTable(t[0], t[1], t[2], t[3], t[4], address, size, result) })
}

//go:wasmimport runner:migration/schema@0.1.0 add-column
func schemaAddColumn(arguments, result uint32)

func hostAddColumn(table Table, column ColumnDefinition) error {
	var m memory
	arguments := m.record(24 + definitionSize)
	arguments.putTable(0, table)
	arguments.at(24).putDefinition(column)
	return m.run(func(result uint32) { schemaAddColumn(arguments.address(), result) })
}

//go:wasmimport runner:migration/schema@0.1.0 drop-column
func schemaDropColumn(hasSchema, schema, schemaSize, name, nameSize, column, columnSize, result uint32)

func hostDropColumn(table Table, column string) error {
	var m memory
	t := m.table(table)
	address, size := m.text(column)
	return m.run(func(result uint32) { schemaDropColumn(t[0], t[1], t[2], t[3], t[4], address, size, result) })
}

//go:wasmimport runner:migration/schema@0.1.0 rename-column
func schemaRenameColumn(hasSchema, schema, schemaSize, name, nameSize, column, columnSize, to, toSize, result uint32)

func hostRenameColumn(table Table, column, to string) error {
	var m memory
	t := m.table(table)
	address, size := m.text(column)
	toAddress, toSize := m.text(to)
	return m.run(func(result uint32) {
		schemaRenameColumn(t[0], t[1], t[2], t[3], t[4], address, size, toAddress, toSize, result)
	})
}

//go:wasmimport runner:migration/schema@0.1.0 create-index
func schemaCreateIndex(index, indexSize, hasSchema, schema, schemaSize, name, nameSize, columns, columnCount, unique, result uint32)

func hostCreateIndex(d IndexDefinition) error {
	var m memory
	t := m.table(d.Table)
	address, size := m.text(d.Name)
	columns, count := m.texts(d.Columns)
	return m.run(func(result uint32) {
		schemaCreateIndex(address, size, t[0], t[1], t[2], t[3], t[4], columns, count, uint32(flag(d.Unique)), result)
	})
}

//go:wasmimport runner:migration/schema@0.1.0 drop-index
func schemaDropIndex(hasSchema, schema, schemaSize, name, nameSize, index, indexSize, result uint32)

func hostDropIndex(table Table, index string) error {
	var m memory
	t := m.table(table)
	address, size := m.text(index)
	return m.run(func(result uint32) { schemaDropIndex(t[0], t[1], t[2], t[3], t[4], address, size, result) })
}
