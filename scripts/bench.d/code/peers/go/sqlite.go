package main

import (
	"database/sql"

	_ "github.com/mattn/go-sqlite3"
	"people/rules"
)

func onSQLite(file string) error {
	db, err := sql.Open("sqlite3", file)
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	read, err := tx.Prepare("SELECT id, phone, joined FROM people WHERE id > ? ORDER BY id LIMIT ?")
	if err != nil {
		return err
	}
	write, err := tx.Prepare("UPDATE people SET phone = ?, due = ? WHERE id = ?")
	if err != nil {
		return err
	}
	people := make([]person, 0, chunk)
	for last := int64(0); ; last = people[chunk-1].id {
		if people, err = next(read, last, people[:0]); err != nil {
			return err
		}
		for _, one := range people {
			due, err := rules.DueDate(one.joined)
			if err != nil {
				return err
			}
			if _, err := write.Exec(rules.PhoneNumber(one.phone), due, one.id); err != nil {
				return err
			}
		}
		if len(people) < chunk {
			return tx.Commit()
		}
	}
}

func next(read *sql.Stmt, last int64, people []person) ([]person, error) {
	rows, err := read.Query(last, chunk)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var one person
		if err := rows.Scan(&one.id, &one.phone, &one.joined); err != nil {
			return nil, err
		}
		people = append(people, one)
	}
	return people, rows.Err()
}
