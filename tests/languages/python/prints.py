# Prints as in CPython, and ends where the tests say so.
import sys

from runner_guest import db

description = "prints"


def upgrade():
    print("one")
    print("tw", end="")
    print("o")
    print("wrong \ufffd", file=sys.stderr)
    db.execute("CREATE TABLE printed (id INTEGER PRIMARY KEY, x TEXT)")
    db.execute("INSERT INTO printed (id) VALUES (1)")
    db.transform(prints, "printed")
    # ends here
    print("three ä", end="")


def prints(batch):
    print("a batch", end="")
    return batch
