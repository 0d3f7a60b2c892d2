# says: row id = 4711: AttributeError: 'NoneType' object has no attribute 'strip'
# says: id = 4711, name = "Anna", born = NULL
# says: rows id = 7 to id = 4711
from runner_guest import db

description = "fails"


def upgrade():
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, born DATE)")
    db.execute("INSERT INTO t VALUES (7, 'a', '2001-02-03'), (4711, 'Anna', NULL)")
    db.transform(f, "t")


def f(batch):
    return batch.map_rows(lambda row: row.update(name=f"changed {row['born'].strip()}"))
