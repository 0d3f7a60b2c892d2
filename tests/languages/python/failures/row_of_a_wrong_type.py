# says: column `name`, row id = 4711: 7 is not a text
from runner_guest import db

description = "fails"


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, born DATE)")
    db.execute("INSERT INTO t VALUES (7, 'a', '2001-02-03'), (4711, 'Anna', NULL)")
    db.transform(f, "t")


def f(batch):
    return batch.map_rows(lambda row: {**row, "name": 7} if row["id"] > 7 else row)
