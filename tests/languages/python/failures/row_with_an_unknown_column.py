# says: row id = 4711: KeyError: the row has a key `nmae`, which is no column; the columns are id, name, born
from runner_guest import db

description = "fails"


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, born DATE)")
    db.execute("INSERT INTO t VALUES (7, 'a', '2001-02-03'), (4711, 'Anna', NULL)")
    db.transform(f, "t")


def f(batch):
    return batch.map_rows(lambda row: {**row, "nmae": "x"} if row["id"] > 7 else row)
