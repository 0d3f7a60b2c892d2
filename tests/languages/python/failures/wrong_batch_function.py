# says: TypeError: a batch function takes the batch: write `def f(batch):` (migrations/0001_failing.py:13)
from runner_guest import db
description = "fails"


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
    db.execute("INSERT INTO t VALUES (1, 'a'), (2, NULL)")
    # Never called before it is needed.
    db.transform(f, "t")


def f(batch, row):
    return batch
