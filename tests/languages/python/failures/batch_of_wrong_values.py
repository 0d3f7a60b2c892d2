# says: column `name`, row id = 2: 2 is not a text
import random

from runner_guest import db
description = "fails"


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
    db.execute("INSERT INTO t VALUES (1, 'a'), (2, NULL)")
    db.transform(f, "t")


def f(batch):
    return batch.map_rows(lambda row: row.update(name=row["id"] if row["id"] == 2 else "a"))
