//go:build !wasip1

package guest

import "time"

// Outside of a component there is no host: batch functions can be tested, and what needs the database fails.

var errNoHost = &Error{Kind: Failed, Message: "there is no database outside of a component: try it with `runner test`"}

func hostExecute(string, []any) (uint64, error)            { return 0, errNoHost }
func hostQuery(string, []any) (*Rows, error)               { return nil, errNoHost }
func hostRead(string, []any) (*Reader, error)              { return nil, errNoHost }
func hostReadTable(Source) (*Reader, error)                { return nil, errNoHost }
func hostNext(int32) (*Batch, error)                       { return nil, errNoHost }
func hostDropReader(int32)                                 {}
func hostWrite(Target) (*Writer, error)                    { return nil, errNoHost }
func hostWriteBatch(int32, *Batch) (uint64, error)         { return 0, errNoHost }
func hostFinish(int32) (uint64, error)                     { return 0, errNoHost }
func hostDropWriter(int32)                                 {}
func hostTransform(string, Source, Target) (Report, error) { return Report{}, errNoHost }
func hostDialect() Dialect                                 { return SQLite }
func hostServerVersion() string                            { return "" }
func hostParameters() map[string]any                       { return nil }
func hostRunTimestamp() int64                              { return time.Now().UnixMicro() }
func hostSeed() uint64                                     { return 0 }
func hostLog(_ uint32, message string)                     { println(message) }
func hostProgress(_, _ uint64, _ string)                   {}
func hostOpenAsset(string) (*Asset, error)                 { return nil, errNoHost }
func hostAssetSize(int32) uint64                           { return 0 }
func hostAssetRead(int32, uint32) ([]byte, error)          { return nil, errNoHost }
func hostDropAsset(int32)                                  {}
func hostCreateTable(TableDefinition) error                { return errNoHost }
func hostDropTable(Table) error                            { return errNoHost }
func hostRenameTable(Table, string) error                  { return errNoHost }
func hostAddColumn(Table, ColumnDefinition) error          { return errNoHost }
func hostDropColumn(Table, string) error                   { return errNoHost }
func hostRenameColumn(Table, string, string) error         { return errNoHost }
func hostCreateIndex(IndexDefinition) error                { return errNoHost }
func hostDropIndex(Table, string) error                    { return errNoHost }
