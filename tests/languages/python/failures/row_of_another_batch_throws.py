# says: row {'id': 4711, 'name': 'Anna', 'born': None}: ValueError: not her
from runner_guest import db

description = "fails"


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, born DATE)")
    db.execute("INSERT INTO t VALUES (7, 'a', '2001-02-03'), (4711, 'Anna', NULL)")
    db.transform(f, "t")


def refuse(row):
    raise ValueError("not her")


def f(batch):
    return batch.filter_rows(lambda row: row["id"] > 7).map_rows(refuse)
