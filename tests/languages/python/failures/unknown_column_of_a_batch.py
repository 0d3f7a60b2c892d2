# says: KeyError: the batch has no column `nmae`; it has id, name, born
from runner_guest import db

description = "fails"


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, born DATE)")
    db.execute("INSERT INTO t VALUES (7, 'a', '2001-02-03'), (4711, 'Anna', NULL)")
    db.transform(f, "t")


def f(batch):
    return batch.set("name", batch["nmae"])
