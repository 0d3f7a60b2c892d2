package guest

import "runtime"

// A call of the host with a result that is written to memory: a byte that says whether it failed, and at an offset what it returned,
// or an error. Who reads lists of it calls taken afterwards.
func call(m *memory, at uint32, function func(result uint32)) (record, error) {
	result := m.record(at + errorSize)
	function(result.address())
	// Until now the host needed what was written there, of which the collector sees no address.
	runtime.KeepAlive(m)
	if result.get8(0) != 0 {
		defer taken()
		return result, result.at(at).error()
	}
	return result.at(at), nil
}

//go:wasmimport runner:migration/sql@0.1.0 execute
func sqlExecute(statement, statementSize, values, valueCount, result uint32)

func hostExecute(statement string, values []any) (uint64, error) {
	var m memory
	address, size := m.text(statement)
	list, count := m.values(values)
	result, err := call(&m, 8, func(result uint32) { sqlExecute(address, size, list, count, result) })
	if err != nil {
		return 0, err
	}
	return result.get64(0), nil
}

//go:wasmimport runner:migration/sql@0.1.0 query
func sqlQuery(statement, statementSize, values, valueCount, result uint32)

func hostQuery(statement string, values []any) (*Rows, error) {
	var m memory
	address, size := m.text(statement)
	list, count := m.values(values)
	result, err := call(&m, 4, func(result uint32) { sqlQuery(address, size, list, count, result) })
	if err != nil {
		return nil, err
	}
	defer taken()
	rows := &Rows{}
	each(result, 0, 8, func(r record) { rows.Columns = append(rows.Columns, r.text(0)) })
	each(result, 8, 8, func(r record) {
		row := make([]any, 0, len(rows.Columns))
		each(r, 0, valueSize, func(r record) { row = append(row, r.value()) })
		rows.Rows = append(rows.Rows, row)
	})
	return rows, nil
}

//go:wasmimport runner:migration/batches@0.1.0 read
func batchesRead(statement, statementSize, values, valueCount, result uint32)

func hostRead(statement string, values []any) (*Reader, error) {
	var m memory
	address, size := m.text(statement)
	list, count := m.values(values)
	return readerOf(call(&m, 4, func(result uint32) { batchesRead(address, size, list, count, result) }))
}

func readerOf(result record, err error) (*Reader, error) {
	if err != nil {
		return nil, err
	}
	return &Reader{handle: int32(result.get32(0)), open: true}, nil
}

func (r record) putTable(at uint32, table Table) {
	schema, name := table.parts()
	r.putOptional(at, schema)
	r.putText(at+12, name)
}

const sourceSize = 60

func (r record) putSource(s Source) {
	r.putTable(0, s.Table)
	columns, count := records(r.in, s.Columns, 12, func(r record, name string) {
		r.putText(0, name)
		if columnType, given := s.ReadAs[name]; given {
			r.put8(8, 1)
			r.put8(9, uint8(columnType))
		}
	})
	r.putPair(20, columns, count)
	r.putTexts(28, s.Key)
	r.putOptional(36, s.Filter)
	values, count := r.in.values(s.Parameters)
	r.putPair(48, values, count)
	r.putBool(56, s.Descending)
}

func (r record) putTarget(t Target) {
	r.putTable(0, t.Table)
	r.put8(20, uint8(t.Mode))
	r.putTexts(24, t.Key)
}

//go:wasmimport runner:migration/batches@0.1.0 read-table
func batchesReadTable(hasSchema, schema, schemaSize, name, nameSize, columns, columnCount, key, keyCount, hasFilter, filter, filterSize,
	values, valueCount, descending, result uint32)

func hostReadTable(source Source) (*Reader, error) {
	var m memory
	r := m.record(sourceSize)
	r.putSource(source)
	f := r.get32
	return readerOf(call(&m, 4, func(result uint32) {
		batchesReadTable(uint32(r.get8(0)), f(4), f(8), f(12), f(16), f(20), f(24), f(28), f(32), uint32(r.get8(36)), f(40), f(44),
			f(48), f(52), uint32(r.get8(56)), result)
	}))
}

//go:wasmimport runner:migration/batches@0.1.0 [method]reader.next
func readerNext(reader int32, result uint32)

//go:wasmimport runner:migration/batches@0.1.0 [resource-drop]reader
func hostDropReader(reader int32)

func hostNext(reader int32) (*Batch, error) {
	var m memory
	result, err := call(&m, 4, func(result uint32) { readerNext(reader, result) })
	if err != nil || result.get8(0) == 0 {
		return nil, err
	}
	defer taken()
	return result.batch(4), nil
}

//go:wasmimport runner:migration/batches@0.1.0 write
func batchesWrite(hasSchema, schema, schemaSize, name, nameSize, mode, key, keyCount, result uint32)

func hostWrite(target Target) (*Writer, error) {
	var m memory
	r := m.record(32)
	r.putTarget(target)
	f := r.get32
	result, err := call(&m, 4, func(result uint32) {
		batchesWrite(uint32(r.get8(0)), f(4), f(8), f(12), f(16), uint32(r.get8(20)), f(24), f(28), result)
	})
	if err != nil {
		return nil, err
	}
	return &Writer{handle: int32(result.get32(0)), open: true}, nil
}

//go:wasmimport runner:migration/batches@0.1.0 [method]writer.write
func writerWrite(writer int32, rows, columns, columnCount, result uint32)

func hostWriteBatch(writer int32, batch *Batch) (uint64, error) {
	var m memory
	rows, columns, count := m.batch(batch)
	result, err := call(&m, 8, func(result uint32) { writerWrite(writer, rows, columns, count, result) })
	if err != nil {
		return 0, err
	}
	return result.get64(0), nil
}

//go:wasmimport runner:migration/batches@0.1.0 [method]writer.finish
func writerFinish(writer int32, result uint32)

func hostFinish(writer int32) (uint64, error) {
	var m memory
	result, err := call(&m, 8, func(result uint32) { writerFinish(writer, result) })
	if err != nil {
		return 0, err
	}
	return result.get64(0), nil
}

//go:wasmimport runner:migration/batches@0.1.0 [resource-drop]writer
func hostDropWriter(writer int32)

//go:wasmimport runner:migration/batches@0.1.0 transform
func batchesTransform(arguments, result uint32)

func hostTransform(name string, source Source, target Target) (Report, error) {
	var m memory
	arguments := m.record(8 + sourceSize + 32)
	arguments.putText(0, name)
	arguments.at(8).putSource(source)
	arguments.at(8 + sourceSize).putTarget(target)
	result, err := call(&m, 8, func(result uint32) { batchesTransform(arguments.address(), result) })
	if err != nil {
		return Report{}, err
	}
	return Report{RowsRead: result.get64(0), RowsWritten: result.get64(8), Chunks: result.get64(16)}, nil
}

//go:wasmimport runner:migration/context@0.1.0 get-dialect
func contextDialect() uint32

func hostDialect() Dialect { return Dialect(contextDialect()) }

//go:wasmimport runner:migration/context@0.1.0 server-version
func contextServerVersion(result uint32)

func hostServerVersion() string {
	var m memory
	result := m.record(8)
	contextServerVersion(result.address())
	defer taken()
	return result.text(0)
}

//go:wasmimport runner:migration/context@0.1.0 parameters
func contextParameters(result uint32)

func hostParameters() map[string]any {
	var m memory
	result := m.record(8)
	contextParameters(result.address())
	defer taken()
	parameters := map[string]any{}
	each(result, 0, 8+valueSize, func(r record) { parameters[r.text(0)] = r.at(8).value() })
	return parameters
}

//go:wasmimport runner:migration/context@0.1.0 run-timestamp
func hostRunTimestamp() int64

//go:wasmimport runner:migration/context@0.1.0 seed
func hostSeed() uint64

//go:wasmimport runner:migration/context@0.1.0 log
func contextLog(level, message, messageSize uint32)

func hostLog(level uint32, message string) {
	var m memory
	address, size := m.text(message)
	contextLog(level, address, size)
	runtime.KeepAlive(m)
}

//go:wasmimport runner:migration/process@0.1.0 abort
func processAbort(message, messageSize uint32)

// Ends the component with an error.
func hostAbort(message string) {
	var m memory
	address, size := m.text(message)
	processAbort(address, size)
	runtime.KeepAlive(m)
}

//go:wasmimport runner:migration/context@0.1.0 progress
func contextProgress(done uint64, hasTotal uint32, total uint64, unit, unitSize uint32)

func hostProgress(done, total uint64, unit string) {
	var m memory
	address, size := m.text(unit)
	contextProgress(done, uint32(flag(total != 0)), total, address, size)
	runtime.KeepAlive(m)
}

//go:wasmimport runner:migration/context@0.1.0 open-asset
func contextOpenAsset(path, pathSize, result uint32)

func hostOpenAsset(path string) (*Asset, error) {
	var m memory
	address, size := m.text(path)
	result, err := call(&m, 4, func(result uint32) { contextOpenAsset(address, size, result) })
	if err != nil {
		return nil, err
	}
	return &Asset{handle: int32(result.get32(0)), open: true}, nil
}

//go:wasmimport runner:migration/context@0.1.0 [method]asset.size
func hostAssetSize(asset int32) uint64

//go:wasmimport runner:migration/context@0.1.0 [method]asset.read
func assetRead(asset int32, limit, result uint32)

func hostAssetRead(asset int32, limit uint32) ([]byte, error) {
	var m memory
	result, err := call(&m, 4, func(result uint32) { assetRead(asset, limit, result) })
	if err != nil {
		return nil, err
	}
	defer taken()
	return list[byte](result, 0), nil
}

//go:wasmimport runner:migration/context@0.1.0 [resource-drop]asset
func hostDropAsset(asset int32)

// What runner answers WASI with follows the run from here on: the clock shows this time, and random bytes follow this seed.
//
//go:wasmimport wasi_snapshot_preview1 runner_follow_run
func followRun(nanoseconds int64, seed uint64)
