package guest

import (
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"time"
)

// CurrentDialect is the family of the database.
func CurrentDialect() Dialect { return hostDialect() }

// ServerVersion is the version that the database reports, such as 3.51.1.
func ServerVersion() string { return hostServerVersion() }

// Parameters are what the operator set under [parameters] in runner.toml, or with --parameter: string, int64, float64 or bool.
func Parameters() map[string]any { return hostParameters() }

// Parameter is the parameter of this name, which has to be a T: string, int64, float64 or bool.
func Parameter[T any](name string) (T, error) {
	var none T
	value, known := hostParameters()[name]
	if !known {
		return none, &Error{Kind: InvalidArgument, Message: fmt.Sprintf("parameter `%s` is not set", name)}
	}
	typed, good := value.(T)
	if !good {
		return none, &Error{Kind: InvalidArgument, Message: fmt.Sprintf("parameter `%s` is a %T, not a %T", name, value, none)}
	}
	return typed, nil
}

// RunTime is the time of the run, in UTC: the same in every call of a run, and recorded in the history. So is [time.Now].
func RunTime() time.Time { return time.UnixMicro(hostRunTimestamp()).UTC() }

// Seed is the run's seed, which is recorded in the history.
func Seed() uint64 { return hostSeed() }

// NewRand is a generator that follows the run's seed and a name: give each a name of its own. Not for batch functions, where
// the numbers have to follow from the row: see [RandomOf].
func NewRand(name string) *rand.Rand {
	hash := fnv.New64a()
	_, _ = io.WriteString(hash, name)
	return rand.New(rand.NewPCG(hostSeed(), hash.Sum64()))
}

// RandomOf is a number from 0 to 1 that depends on the run's seed and the key alone, such as a row's: an integer, a text or a
// boolean. It is the same as in the other languages.
func RandomOf(key any) float64 {
	kind := "number"
	switch key.(type) {
	case string:
		kind = "string"
	case bool:
		kind = "boolean"
	}
	// FNV-1a of the key's text, and SplitMix64.
	number := uint64(0xCBF29CE484222325) ^ hostSeed()
	for _, b := range fmt.Appendf(nil, "%s:%v", kind, key) {
		number = (number ^ uint64(b)) * 0x100000001B3
	}
	number += 0x9E3779B97F4A7C15
	number = (number ^ number>>30) * 0xBF58476D1CE4E5B9
	number = (number ^ number>>27) * 0x94D049BB133111EB
	return float64((number^number>>31)>>11) / (1 << 53)
}

// Debugf writes to the log, for debugging.
func Debugf(format string, arguments ...any) { hostLog(0, readable(fmt.Sprintf(format, arguments...))) }

// Infof writes to the log, for everyone.
func Infof(format string, arguments ...any) { hostLog(1, readable(fmt.Sprintf(format, arguments...))) }

// Warnf writes to the log that something is wrong, but the migration continues.
func Warnf(format string, arguments ...any) { hostLog(2, readable(fmt.Sprintf(format, arguments...))) }

// Progress reports work that the host cannot see: done of total, in a unit such as rows. A total of 0 is not known.
func Progress(done, total uint64, unit string) { hostProgress(done, total, readable(unit)) }

// Asset is a file of the directory assets, open for reading.
type Asset struct {
	handle int32
	open   bool
}

// OpenAsset opens a file by its path in the directory assets, with / as the separator.
func OpenAsset(path string) (*Asset, error) { return hostOpenAsset(path) }

// ReadAsset reads a whole file.
func ReadAsset(path string) ([]byte, error) {
	asset, err := OpenAsset(path)
	if err != nil {
		return nil, err
	}
	defer asset.Close()
	data := make([]byte, asset.Size())
	_, err = io.ReadFull(asset, data)
	return data, err
}

// Size is the size of the file in bytes.
func (a *Asset) Size() uint64 { return hostAssetSize(a.handle) }

// Read is that of [io.Reader].
func (a *Asset) Read(into []byte) (int, error) {
	if !a.open {
		return 0, io.ErrClosedPipe
	}
	if len(into) == 0 {
		return 0, nil
	}
	read, err := hostAssetRead(a.handle, uint32(min(len(into), 1<<20)))
	if err == nil && len(read) == 0 {
		err = io.EOF
	}
	return copy(into, read), err
}

// Close closes it.
func (a *Asset) Close() error {
	if a.open {
		a.open = false
		hostDropAsset(a.handle)
	}
	return nil
}
