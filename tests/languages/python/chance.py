# Everything that differs from run to run in an ordinary program: the tests compare the transcripts of runs.
import os
import random
import secrets
import time
import uuid
from datetime import datetime

from runner_guest import db, seed
from runner_guest import random as random_of

description = "what chance, the clock and order decide"


def upgrade():
    db.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, x TEXT)")
    things = [seed(), random.random(), random.Random().random(), random.sample(range(99), 9), secrets.token_hex(9), os.urandom(9).hex()]
    things += [uuid.uuid4(), uuid.uuid1(), time.time(), time.monotonic(), time.perf_counter(), datetime.now(), time.localtime()]
    things += [hash("x"), hash(object()), repr(object()), id(things), list({"b", "a", "c", str(random.random())}), set(map(str, range(50)))]
    for thing in things:
        db.execute("INSERT INTO things (x) VALUES (?)", [str(thing)])
    db.execute("CREATE TABLE chance (id INTEGER PRIMARY KEY, x TEXT)")
    db.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO chance SELECT i, 'row ' || i FROM n"
    )
    db.transform(stirred, "chance")


def downgrade():
    db.execute_all(["DROP TABLE chance", "DROP TABLE things"])


def stirred(batch):
    return batch.map_rows(lambda row: row.update(x=f"{row['x']} {random_of(row['id'])} {time.time()} {list({'u', 'v', 'w'})} {hash('x')}"))
