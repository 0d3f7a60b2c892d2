// Names in capitals with two exclamation marks, and prices with tax: texts get longer, numbers change in place.
package main

import (
	guest "github.com/runner-migrations/runner/guest-sdk/go"
)

const tax = 1.25

func init() {
	guest.Export(guest.Migration{
		Description: guest.Description{Summary: "names in capitals, and prices with tax"},
		Upgrade:     func() error { return run("shout") },
		Downgrade:   func() error { return run("whisper") },
		Transforms:  map[string]func(*guest.Batch) (*guest.Batch, error){"shout": shout, "whisper": whisper},
	})
}

func main() {}

func run(function string) error {
	report, err := guest.Transform(function, guest.From("products", "name", "price"), guest.Into(guest.Update, "products"))
	if err != nil {
		return err
	}
	guest.Infof("%d products", report.RowsWritten)
	return nil
}

func shout(batch *guest.Batch) (*guest.Batch, error) {
	prices, err := batch.Float64s("price")
	if err != nil {
		return nil, err
	}
	for row := range prices {
		prices[row] *= tax
	}
	return batch, batch.MapTexts("name", func(to, text []byte) []byte {
		for _, letter := range text {
			// ASCII only, as in the other languages: another letter stays as it is.
			if 'a' <= letter && letter <= 'z' {
				letter -= 'a' - 'A'
			}
			to = append(to, letter)
		}
		return append(to, "!!"...)
	})
}

func whisper(batch *guest.Batch) (*guest.Batch, error) {
	prices, err := batch.Float64s("price")
	if err != nil {
		return nil, err
	}
	for row := range prices {
		prices[row] /= tax
	}
	return batch, batch.MapTexts("name", func(to, text []byte) []byte {
		for _, letter := range text[:max(len(text)-2, 0)] {
			if 'A' <= letter && letter <= 'Z' {
				letter += 'a' - 'A'
			}
			to = append(to, letter)
		}
		return to
	})
}
