# says: row id = 4711: ValueError: too long: anna
# says: id = 4711, name = "Anna", born = NULL
from runner_guest import db

description = "fails"


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, born DATE)")
    db.execute("INSERT INTO t VALUES (7, 'a', '2001-02-03'), (4711, 'Anna', NULL)")
    db.transform(f, "t")


def checked(name):
    if name == "anna":
        raise ValueError(f"too long: {name}")
    return name


def f(batch):
    return batch.set("name", batch["name"].upper().lower().map(checked))
