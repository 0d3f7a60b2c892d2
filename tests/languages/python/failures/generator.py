# says: `upgrade` is a generator, and nothing iterates it: it must not `yield`
from runner_guest import db

description = "fails"


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER)")
    yield 1
