// The benchmark's transform in Go: names in upper case, balances increased by ten percent.
package main

import guest "github.com/runner-migrations/runner/guest-sdk/go"

func init() {
	guest.Export(guest.Migration{
		Description: guest.Description{Summary: "write names in capitals and raise balances"},
		Upgrade: func() error {
			_, err := guest.Transform("raise", guest.From("t", "id", "name", "bal"), guest.Into(guest.Update, "t"))
			return err
		},
		Transforms: map[string]func(*guest.Batch) (*guest.Batch, error){"raise": raise},
	})
}

func main() {}

func raise(batch *guest.Batch) (*guest.Batch, error) {
	names, err := batch.Texts("name")
	if err != nil {
		return nil, err
	}
	for i, letter := range names.Data {
		if 'a' <= letter && letter <= 'z' {
			names.Data[i] = letter - ('a' - 'A')
		}
	}
	balances, err := batch.Float64s("bal")
	for row := range balances {
		balances[row] *= 1.1
	}
	return batch, err
}
