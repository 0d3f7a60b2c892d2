# says: `query` cannot be called inside `transform-batch`
# says: `db.query("SELECT 1")`
import random

from runner_guest import db
description = "fails"


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
    db.execute("INSERT INTO t VALUES (1, 'a'), (2, NULL)")
    db.transform(f, "t")


def f(batch):
    db.query("SELECT 1")
