// The job in Go, in one transaction: on SQLite with prepared statements, on PostgreSQL with batches, or with arrays.
package main

import (
	"log"
	"os"
	"strings"
)

const chunk = 10_000

type person struct {
	id            int64
	phone, joined string
}

func main() {
	run := onSQLite
	if strings.HasPrefix(os.Args[1], "postgres:") {
		run = onPostgres
	}
	if err := run(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}
