# says: `f` is a generator, and nothing iterates it: it must not `yield`
from runner_guest import db

description = "fails"


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
    db.execute("INSERT INTO t VALUES (1, 'a')")
    db.transform(f, "t")


def f(batch):
    yield batch
