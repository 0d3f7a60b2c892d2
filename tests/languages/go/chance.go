// Everything that differs from run to run in an ordinary program: the tests compare the transcripts of runs.
package main

import (
	cryptorand "crypto/rand"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"time"

	guest "github.com/runner-migrations/runner/guest-sdk/go"
)

func init() {
	guest.Export(guest.Migration{
		Description: guest.Description{Summary: "what chance, the clock and order decide"},
		Upgrade:     upgrade,
		Downgrade:   func() error { return guest.ExecuteAll("DROP TABLE chance", "DROP TABLE things") },
		Transforms:  map[string]func(*guest.Batch) (*guest.Batch, error){"stirred": stirred},
	})
}

func main() {}

func upgrade() error {
	bytes := make([]byte, 9)
	if _, err := cryptorand.Read(bytes); err != nil {
		return err
	}
	things := []any{guest.Seed(), bytes, time.Now(), rand.Uint64(), rand.Perm(9), guest.NewRand("a").Uint64(),
		maphash.String(maphash.MakeSeed(), "x"), fmt.Sprintf("%p", &bytes)}
	order := []string{}
	for key := range map[string]bool{"a": true, "b": true, "c": true, "d": true, "e": true} {
		order = append(order, key)
	}
	// Goroutines in the order in which they run, and a choice between channels that are all ready.
	var group sync.WaitGroup
	done := make(chan int, 20)
	for i := range 20 {
		group.Go(func() { done <- i })
	}
	group.Wait()
	left, right := make(chan int, 9), make(chan int, 9)
	for i := range 9 {
		left <- i
		right <- -i
	}
	for range 9 {
		select {
		case it := <-left:
			order = append(order, fmt.Sprint("left ", it))
		case it := <-right:
			order = append(order, fmt.Sprint("right ", it))
		}
		order = append(order, fmt.Sprint(<-done))
	}
	if err := guest.ExecuteAll("CREATE TABLE things (id INTEGER PRIMARY KEY, x TEXT)"); err != nil {
		return err
	}
	for _, thing := range append(things, order) {
		if _, err := guest.Execute("INSERT INTO things (x) VALUES (?)", fmt.Sprint(thing)); err != nil {
			return err
		}
	}
	err := guest.ExecuteAll("CREATE TABLE chance (id INTEGER PRIMARY KEY, x TEXT)",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO chance SELECT i, 'row ' || i FROM n")
	if err == nil {
		_, err = guest.Transform("stirred", guest.From("chance"), guest.Into(guest.Update, "chance"))
	}
	return err
}

func stirred(batch *guest.Batch) (*guest.Batch, error) {
	ids, err := batch.Int64s("id")
	row := 0
	if err == nil {
		err = batch.MapTexts("x", func(to, text []byte) []byte {
			to = fmt.Appendf(append(to, text...), " %v %v", guest.RandomOf(ids[row]), time.Now().Unix())
			row++
			return to
		})
	}
	return batch, err
}
