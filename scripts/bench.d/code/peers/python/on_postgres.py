"""The job under CPython, on PostgreSQL, in one transaction: with `executemany`, or with a statement for each chunk."""

import sys

import psycopg

from rules import due_date, phone_number

CHUNK = 10_000
UPDATE = """UPDATE people SET phone = new.phone, due = new.due
    FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS new (id, phone, due) WHERE people.id = new.id"""

with psycopg.connect(sys.argv[1]) as db, db.cursor() as cursor:
    last = 0
    while True:
        rows = cursor.execute(
            "SELECT id, phone, joined FROM people WHERE id > %s ORDER BY id LIMIT %s", (last, CHUNK)
        ).fetchall()
        changed = [(phone_number(phone), due_date(joined), id) for id, phone, joined in rows]
        if sys.argv[2:] == ["--arrays"]:
            phones, due, ids = map(list, zip(*changed)) if changed else ([], [], [])
            cursor.execute(UPDATE, (ids, phones, due))
        else:
            cursor.executemany("UPDATE people SET phone = %s, due = %s WHERE id = %s", changed)
        if len(rows) < CHUNK:
            break
        last = rows[-1][0]
