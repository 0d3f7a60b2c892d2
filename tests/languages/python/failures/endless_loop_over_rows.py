# says: the limit `fuel` of 2000000000 is used up
# says: spin, migrations/0001_failing.py:18
# with: --limit fuel=2000000000
from runner_guest import db

description = "fails"


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, born DATE)")
    db.execute("INSERT INTO t VALUES (7, 'a', '2001-02-03'), (4711, 'Anna', NULL)")
    db.transform(f, "t")


def spin(row):
    number = 0
    while True:
        number += len(row["name"])


def f(batch):
    return batch.map_rows(spin)
