# says: row id = 7: KeyError: no key 'nmae'; the columns of the row are id, name, born
from runner_guest import db

description = "fails"


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, born DATE)")
    db.execute("INSERT INTO t VALUES (7, 'a', '2001-02-03'), (4711, 'Anna', NULL)")
    db.transform(f, "t")


def f(batch):
    return batch.map_rows(lambda row: {**row, "name": row["nmae"]})
