# says: ValueError: no such letter: ?
# says: at f, migrations/0001_failing.py:14:5:
from runner_guest import db
description = "fails"


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    db.execute("INSERT INTO t VALUES (1)")
    db.transform(f, "t")


def f(batch):
    raise ValueError("no such letter: \ud83e")
