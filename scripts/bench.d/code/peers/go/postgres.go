package main

import (
	"context"
	"os"

	"github.com/jackc/pgx/v5"
	"people/rules"
)

const byArrays = `UPDATE people SET phone = new.phone, due = new.due
	FROM unnest($1::bigint[], $2::text[], $3::text[]) AS new (id, phone, due) WHERE people.id = new.id`

func onPostgres(url string) error {
	ctx := context.Background()
	db, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer db.Close(ctx)
	tx, err := db.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	write := inBatches
	if len(os.Args) > 2 && os.Args[2] == "--arrays" {
		write = inArrays
	}
	for last := int64(0); ; {
		rows, _ := tx.Query(ctx, "SELECT id, phone, joined FROM people WHERE id > $1 ORDER BY id LIMIT $2", last, chunk)
		people, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (one person, err error) {
			return one, row.Scan(&one.id, &one.phone, &one.joined)
		})
		if err != nil {
			return err
		}
		if err := write(ctx, tx, people); err != nil {
			return err
		}
		if len(people) < chunk {
			return tx.Commit(ctx)
		}
		last = people[chunk-1].id
	}
}

func inBatches(ctx context.Context, tx pgx.Tx, people []person) error {
	var batch pgx.Batch
	for _, one := range people {
		due, err := rules.DueDate(one.joined)
		if err != nil {
			return err
		}
		batch.Queue("UPDATE people SET phone = $1, due = $2 WHERE id = $3", rules.PhoneNumber(one.phone), due, one.id)
	}
	return tx.SendBatch(ctx, &batch).Close()
}

func inArrays(ctx context.Context, tx pgx.Tx, people []person) (err error) {
	ids, phones, due := make([]int64, len(people)), make([]string, len(people)), make([]string, len(people))
	for i, one := range people {
		ids[i], phones[i] = one.id, rules.PhoneNumber(one.phone)
		if due[i], err = rules.DueDate(one.joined); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, byArrays, ids, phones, due)
	return err
}
