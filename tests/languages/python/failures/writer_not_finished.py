# says: a writer was not finished: insert t
from runner_guest import Target, db
description = "fails"


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
    db.write(Target("t", "insert"))
