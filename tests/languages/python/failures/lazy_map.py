# says: `upgrade` returned an iterator, and nothing iterates it: loop over it in `upgrade`
from runner_guest import db

description = "fails"


def upgrade():
    return map(db.execute, ["CREATE TABLE t (id INTEGER)"])
