"""The job under CPython, on SQLite: `executemany`, in one transaction."""

import sqlite3
import sys

from rules import due_date, phone_number

CHUNK = 10_000

db = sqlite3.connect(sys.argv[1])
last = 0
while True:
    rows = db.execute("SELECT id, phone, joined FROM people WHERE id > ? ORDER BY id LIMIT ?", (last, CHUNK)).fetchall()
    changed = [(phone_number(phone), due_date(joined), id) for id, phone, joined in rows]
    db.executemany("UPDATE people SET phone = ?, due = ? WHERE id = ?", changed)
    if len(rows) < CHUNK:
        break
    last = rows[-1][0]
db.commit()
db.close()
