# says: AttributeError: 'NoneType' object has no attribute 'strip'
# says: `return batch.map_rows(lambda row: row.update(name=row["name"].strip()))`
# says: rows id = 1 to id = 2
import random

from runner_guest import db
description = "fails"


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
    db.execute("INSERT INTO t VALUES (1, 'a'), (2, NULL)")
    db.transform(f, "t")


def f(batch):
    return batch.map_rows(lambda row: row.update(name=row["name"].strip()))
