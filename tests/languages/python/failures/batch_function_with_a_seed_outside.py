# says: chance in a batch function depends on how rows are split into batches
# says: set a seed that follows from the row
import random

from runner_guest import db
description = "fails"
random.seed(42)


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
    db.execute("INSERT INTO t VALUES (1, 'a'), (2, NULL)")
    db.transform(f, "t")


def f(batch):
    return batch.map_rows(lambda row: row.update(name=str(random.random())))
