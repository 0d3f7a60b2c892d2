# says: `schema` cannot be called inside `transform-batch`
# says: changes, migrations/0001_failing.py:16:5: `schema.drop_table("t")`
from runner_guest import Target, db, schema
description = "fails"


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    db.execute("INSERT INTO t VALUES (1)")
    db.execute("CREATE TABLE u (id INTEGER PRIMARY KEY)")
    db.transform(changes, "t", Target("u", "insert"))


def changes(batch):
    # A batch function depends on its rows alone.
    schema.drop_table("t")
    return batch
