// Phone numbers in one form, and the date of the first bill, row by row.
package main

import (
	"people/rules"

	guest "github.com/runner-migrations/runner/guest-sdk/go"
)

func init() {
	guest.Export(guest.Migration{
		Description: guest.Description{Summary: "write phone numbers in one form and fill in the first due date"},
		Upgrade: func() error {
			_, err := guest.Transform("tidy", guest.From("people", "id", "phone", "joined"), guest.Into(guest.Update, "people"))
			return err
		},
		Transforms: map[string]func(*guest.Batch) (*guest.Batch, error){"tidy": tidy},
	})
}

func main() {}

func tidy(batch *guest.Batch) (*guest.Batch, error) {
	phones, err := batch.Texts("phone")
	if err != nil {
		return nil, err
	}
	joined, err := batch.Texts("joined")
	if err != nil {
		return nil, err
	}
	tidied, due := make([]string, batch.Rows()), make([]string, batch.Rows())
	for row := range batch.Rows() {
		tidied[row] = rules.PhoneNumber(phones.String(row))
		if due[row], err = rules.DueDate(joined.String(row)); err != nil {
			return nil, batch.Errorf(row, "%w", err)
		}
	}
	batch.Set(guest.TextColumn("phone", tidied))
	batch.Set(guest.TextColumn("due", due))
	return batch, nil
}
