package guest

import "hash/fnv"

// Go collects when its heap has doubled, from four megabytes on: in rows of small values that is an eighth of all time. With these, which
// are never written to, it does half as often.
var reserve = make([]byte, 4<<20)

// What a function of the component returned, until the host has read it.
var returned *memory

func returns(build func(m *memory) record) uint32 {
	returned = &memory{}
	return build(returned).address()
}

//go:wasmexport describe
func describe() uint32 {
	var d Description
	// There is no error to return.
	if err := guarded(func() error { d = exported.description(); return nil }); err != nil {
		hostAbort(readable(err.Error()))
	}
	return returns(func(m *memory) record {
		r := m.record(40)
		r.putText(0, d.Summary)
		r.putTexts(8, d.DependsOn)
		r.put8(16, uint8(d.Mode))
		dialects, count := numbers(m, d.Dialects)
		r.putPair(20, dialects, count)
		r.putBool(28, d.Irreversible)
		needs, count := records(m, d.Needs, needSize, putNeed)
		r.putPair(32, needs, count)
		return r
	})
}

const needSize = 40

func putNeed(r record, need Need) {
	r.put8(0, need.kind)
	switch need.kind {
	case needTable:
		r.put8(8, need.verb)
		r.putOptional(12, need.schema)
		r.putText(24, need.name)
		r.putTexts(32, need.columns)
	case needFunction:
		r.putText(8, need.name)
	case needLimit:
		r.put8(8, uint8(need.limit))
		r.put64(16, need.atLeast)
	}
}

//go:wasmexport upgrade
func upgrade() uint32 { return direction(exported.Upgrade) }

//go:wasmexport downgrade
func downgrade() uint32 {
	if exported.Downgrade == nil {
		return direction(func() error { return &Error{Kind: Failed, Message: "the migration is irreversible"} })
	}
	return direction(exported.Downgrade)
}

func direction(function func() error) uint32 {
	followRun(hostRunTimestamp()*1000, hostSeed())
	err := guarded(function)
	dropWriters()
	return returns(func(m *memory) record {
		r := m.record(4 + errorSize)
		if err != nil {
			r.put8(0, 1)
			r.at(4).putError(err)
		}
		return r
	})
}

//go:wasmexport runner:migration/transformer@0.1.0#transform-batch
func transformBatch(name, nameSize, rows, columns, columnCount uint32) uint32 {
	// The record of a batch, of its fields that came as arguments.
	var arguments memory
	place := arguments.record(12)
	place.put32(0, rows)
	place.putPair(4, columns, columnCount)
	batch, function := place.batch(0), textAt(name, nameSize)
	batch.ofChunk = true
	taken()
	followRun(hostRunTimestamp()*1000, hostSeed()^mark(function, batch))
	var result *Batch
	err := guarded(func() (err error) {
		result, err = exported.transform(function, batch)
		return err
	})
	return returns(func(m *memory) record {
		r := m.record(16)
		if err != nil {
			r.put8(0, 1)
			r.putText(4, readable(err.Error()))
			return r
		}
		rows, columns, count := m.batch(result)
		r.put32(4, rows)
		r.putPair(8, columns, count)
		return r
	})
}

// A number that is another one for each batch: random bytes do not repeat from one to the next.
func mark(function string, batch *Batch) uint64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(function))
	for _, column := range batch.columns {
		if batch.rows > 0 {
			_, _ = hash.Write([]byte(column.shown(0)))
		}
	}
	return hash.Sum64()
}

//go:wasmexport cabi_post_describe
func describeRead(uint32) { returned = nil }

//go:wasmexport cabi_post_upgrade
func upgradeRead(uint32) { returned = nil }

//go:wasmexport cabi_post_downgrade
func downgradeRead(uint32) { returned = nil }

//go:wasmexport cabi_post_runner:migration/transformer@0.1.0#transform-batch
func transformBatchRead(uint32) { returned = nil }
