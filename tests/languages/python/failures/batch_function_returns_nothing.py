# says: `f` returned None: a batch function returns the batch
import random

from runner_guest import db
description = "fails"


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
    db.execute("INSERT INTO t VALUES (1, 'a'), (2, NULL)")
    db.transform(f, "t")


def f(batch):
    batch["name"].upper()
