// Prints by the standard library, and panics in a goroutine where the tests say so.
package main

import (
	"fmt"
	"log"
	"os"

	guest "github.com/runner-migrations/runner/guest-sdk/go"
)

func init() {
	guest.Export(guest.Migration{
		Description: guest.Description{Summary: "prints"},
		Upgrade:     upgrade,
		Transforms:  map[string]func(*guest.Batch) (*guest.Batch, error){"prints": prints},
	})
}

func main() {}

func upgrade() error {
	fmt.Println("one")
	fmt.Print("tw")
	fmt.Print("o\n")
	log.SetFlags(0)
	log.Print("wrong \xff")
	if _, err := guest.Execute("CREATE TABLE printed (id INTEGER PRIMARY KEY, x TEXT)"); err != nil {
		return err
	}
	if _, err := guest.Execute("INSERT INTO printed (id) VALUES (1)"); err != nil {
		return err
	}
	if _, err := guest.Transform("prints", guest.From("printed"), guest.Into(guest.Update, "printed")); err != nil {
		return err
	}
	// ends here
	fmt.Fprint(os.Stdout, "three ä")
	return nil
}

func prints(batch *guest.Batch) (*guest.Batch, error) {
	fmt.Print("a batch")
	return batch, nil
}
