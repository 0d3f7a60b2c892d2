# says: row id = 7: TypeError: the function for rows is `async`, and nothing awaits it
from runner_guest import db

description = "fails"


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, born DATE)")
    db.execute("INSERT INTO t VALUES (7, 'a', '2001-02-03'), (4711, 'Anna', NULL)")
    db.transform(f, "t")


async def keep(row):
    return row["id"] > 7


def f(batch):
    return batch.filter_rows(keep)
