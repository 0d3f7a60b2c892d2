# says: `t` has no column `nmae`
# says: `db.transform(f, "t")`
import random

from runner_guest import db
description = "fails"


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
    db.execute("INSERT INTO t VALUES (1, 'a'), (2, NULL)")
    db.transform(f, "t")


def f(batch):
    return batch.rename("name", "nmae")
