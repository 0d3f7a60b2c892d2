# What every language must do, in Python, on every engine. Each check that fails is an error of the migration.
import csv
import dataclasses
import hashlib
import io
import itertools
import json
import math
import os
import random as dice
import re
import socket
import statistics
import subprocess
import time as clock
import unicodedata
import uuid
import xml.etree.ElementTree
import zlib
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

import app
import migration
from rules import RULES, twice
from runner_guest import (
    Batch, Column, Description, Json, Native, RunnerError, Source, Target, assets, db, log, parameter, parameters, progress, random,
    run_timestamp, seed,
)
from slugs import slugify


def describe():
    # Assets can be read here, and nothing else of the host.
    return Description(f"conformance in {assets.json('names.json')['de']}", mode="auto", needs={"read": (name for name in ["*"]), "insert": ["*"], "raw_sql": True})


failures = []


def same(what, found, expected):
    if repr(found) != repr(expected):
        failures.append(f"{what}: {found!r} instead of {expected!r}")


def fails(what, function, part, kind=None):
    try:
        function()
    except Exception as error:
        text = f"{type(error).__name__}: {error} {getattr(error, 'detail', '')}"
        if part not in text:
            failures.append(f"{what}: it failed with {text}, without {part}")
        if kind is not None and error.kind != kind:
            failures.append(f"{what}: the error has kind {error.kind} instead of {kind}")
    else:
        failures.append(f"{what}: it did not fail")


MAX, MIN = 2**63 - 1, -(2**63)


def sql(text):
    """A statement with the placeholders of the database."""
    return re.sub(r"\?", lambda _, number=itertools.count(1): f"${next(number)}", text) if db.dialect == "postgres" else text


def loose():
    """A column of SQLite takes values of every type; elsewhere `values.py` and `calls.py` write and read them."""
    same("rows changed by DDL", db.execute("CREATE TABLE v (id INTEGER PRIMARY KEY, x)"), 0)
    values = [
        None, True, False, 0, 1, -1, MAX, MIN, 2**53, 0.5, -0.1, 1e300, 5e-324, 3.0, "", "a", "Zürich 🦉 \0 \U0010ffff", "x" * 70000,
        b"", b"\x00\xff\n",
    ]
    for index, value in enumerate(values):
        same(f"insert {index}", db.execute("INSERT INTO v VALUES (?, ?)", [index, value]), 1)
    back = [row["x"] for row in db.query("SELECT x FROM v ORDER BY id")]
    same("values", back, [int(value) if isinstance(value, bool) else value for value in values])
    same("types", db.query("SELECT typeof(x) AS t FROM v ORDER BY id")[13], {"t": "real"})


def statements():
    if db.dialect == "sqlite":
        loose()
    else:
        same("rows changed by DDL", db.execute("CREATE TABLE v (id INTEGER NOT NULL PRIMARY KEY, x BIGINT)"), 0)
        for index, value in enumerate([MAX, MIN, 0, None]):
            same(f"insert {index}", db.execute(sql("INSERT INTO v VALUES (?, ?)"), [index, value]), 1)
        same("values", [row["x"] for row in db.query("SELECT x FROM v ORDER BY id")], [MAX, MIN, 0, None])
    same("columns", db.query('SELECT 1 AS a, 2 AS "self"').columns, ["a", "self"])
    same("no rows", len(db.query("SELECT id AS a FROM v WHERE id < 0")), 0)
    same("tuples", db.query_tuples("SELECT 1 AS a, 2 AS a"), [(1, 2)])
    same("one", db.query_one("SELECT 1 AS a"), {"a": 1})
    same("optional", db.query_optional("SELECT id AS a FROM v WHERE id < 0"), None)
    if db.dialect not in ("sqlite", "postgres"):
        # They take a date for what it is, and show it in their own way.
        return
    others = [
        datetime.fromisoformat("2026-03-01T09:30:00.000001+01:00"), date(1, 12, 31), time(23, 59, 59, 5), Decimal("-12.50"),
        datetime(1969, 12, 31, 23, 59, 59, 500000), UUID("9B2F3C1E-6D0A-4F58-8A77-1C2D3E4F5A6B"), {"a": [1, None]}, [1, "x"],
    ]
    same("others as text", [db.query_scalar(sql("SELECT CAST(? AS TEXT)"), [value]) for value in others], [
        "2026-03-01T08:30:00.000001Z", "0001-12-31", "23:59:59.000005", "-12.50", "1969-12-31 23:59:59.500000",
        "9b2f3c1e-6d0a-4f58-8a77-1c2d3e4f5a6b", '{"a":[1,null]}', '[1,"x"]',
    ])


def errors():
    fails("syntax", lambda: db.execute("SELECT 1 FROM FROM"), "FROM", "syntax")
    fails("unknown table", lambda: db.query("SELECT * FROM nowhere"), "nowhere", "syntax")
    fails("constraint", lambda: db.execute("INSERT INTO v VALUES (1, 1)"), "UNIQUE" if db.dialect == "sqlite" else "", "constraint")
    fails("denied", lambda: db.execute("COMMIT"), "COMMIT" if db.dialect == "sqlite" else "transaction", "denied")
    fails("two statements", lambda: db.execute("SELECT 1; SELECT 2"), "")
    fails("an object", lambda: db.execute("SELECT ?", [object()]), "parameter 1")
    fails("a big int", lambda: db.execute("SELECT ?", [2**63]), "64 bits")
    fails("half of a pair", lambda: db.execute("SELECT ?", ["\ud800"]), "surrogate")
    fails("a statement that is none", lambda: db.execute(7), "a statement is a text")
    fails("parameters that are none", lambda: db.execute("SELECT ?", "a"), "a list of values")
    fails("twice the same name", lambda: db.query("SELECT 1 AS a, 2 AS a"), "query_tuples")
    fails("no row", lambda: db.query_one("SELECT id FROM v WHERE id < 0"), "no rows")
    fails("two rows", lambda: db.query_scalar("SELECT 1 UNION SELECT 2"), "2 rows")
    fails("unknown mode", lambda: db.write(Target("v", "put")), "mode")
    fails("not of the script", lambda: db.transform(lambda batch: batch, "v"), "top level")
    fails("not there", lambda: db.transform("nothing", "v"), "top level")
    fails("asset", lambda: assets.text("missing.txt"), "missing.txt")
    fails("not UTF-8", lambda: assets.text("not_utf8.txt"), "not UTF-8")
    fails("parameter", lambda: parameter("nothing"), "is not set", "invalid-argument")
    error = RunnerError("m", kind="busy", detail="d")
    same("an own error", [error.kind, error.code, error.detail, str(error)], ["busy", "", "d", "m"])


ALL = {
    "id": "int64", "truth": "boolean", "whole": "int64", "real": "float64", "text": "text", "bytes": "bytes", "exact": "decimal",
    "day": "date", "time": "time", "moment": "timestamp", "instant": "timestamptz", "uuid": "uuid", "json": "json",
}


def every_type():
    for table in ("every", "every2"):
        db.execute(
            f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, truth BOOLEAN, whole INTEGER, real REAL, text TEXT, bytes BLOB, "
            "exact DECIMAL, day DATE, time TIME, moment TIMESTAMP, instant TIMESTAMPTZ, uuid UUID, json JSON)"
        )
    given = [
        dict(
            id=1, truth=True, whole=MAX, real=1.25, text="ünï", bytes=b"\x01\x00", exact=Decimal("12.25"), day=date(2026, 3, 1),
            time=time(9, 30, 0, 250000), moment=datetime(2026, 3, 1, 9, 30), instant=datetime(1970, 1, 1, tzinfo=UTC),
            uuid=UUID("9b2f3c1e-6d0a-4f58-8a77-1c2d3e4f5a6b"), json=Json({"a": 1}),
        ),
        dict(
            id=2, truth=False, whole=MIN, real=-0.5, text="", bytes=b"", exact=Decimal(7), day=date(1, 1, 1), time=time(0),
            moment=datetime(1969, 12, 31, 23, 59, 59, 999999), instant=datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
            uuid=UUID(int=1), json=Json("text"),
        ),
        {name: 3 if name == "id" else None for name in ALL},
    ]
    batch = Batch.from_rows(given, ALL)
    writer = db.write(Target("every", "insert"))
    same("written", writer.write(batch), 3)
    same("finished", writer.finish(), 3)
    fails("finished twice", writer.finish, "finished")
    source = Source("every", columns=ALL)
    same("every type", list(db.read_table(source).rows()), given)
    same("types of the batch", db.read_table(source).next().types, ALL)
    every = "SELECT * FROM every ORDER BY id"
    for function in (untouched, by_row):
        db.transform(function, source, Target("every2", "insert"))
        same(function.__name__, db.query_tuples("SELECT * FROM every2 ORDER BY id"), db.query_tuples(every))
        db.execute("DELETE FROM every2")
    places = ", ".join("?" * len(ALL))
    for row in given:
        db.execute(f"INSERT INTO every2 VALUES ({places})", list(row.values()))
    same("by scalars", db.query_tuples("SELECT * FROM every2 ORDER BY id"), db.query_tuples(every))


def untouched(batch):
    return batch


def by_row(batch):
    return batch.map_rows(dict)


def columns():
    texts = ["  Straße ", None, "ΑΣ Σ", "", "a🦉🦉b", "ß" * 300]
    column = Column("text", texts)
    for what, found, function in [
        ("upper", column.upper(), str.upper), ("lower", column.lower(), str.lower), ("strip", column.strip(), str.strip),
        ("slice", column.slice(1, -1), lambda text: text[1:-1]), ("replace", column.replace("a", "bb"), lambda text: text.replace("a", "bb")),
        ("map", column.map(lambda text: text[::-1]), lambda text: text[::-1]), ("append", column.append("!"), lambda text: text + "!"),
        ("normalize", column.normalize("NFD"), lambda text: unicodedata.normalize("NFD", text)),
    ]:
        same(what, found.to_list(), [None if text is None else function(text) for text in texts])
    numbers = Column("float64", [1.0, None, 2.5])
    numbers.values[0] = 3.0
    same("numbers", numbers.multiply(2).to_list(), [6.0, None, 5.0])
    same("native", Column("native:inet", ["::1", Native("inet", "x")]).to_list(), [Native("inet", "::1"), Native("inet", "x")])
    fails("too large", lambda: Column("int64", [2**62]).multiply(2), "64 bits")
    same("microseconds", Column("text", ["2026-01-01T09:30:00.1234560"]).cast("timestamp")[0], datetime(2026, 1, 1, 9, 30, 0, 123456))
    fails("nanoseconds", lambda: Column("text", ["2026-01-01T09:30:00.123456789"]).cast("timestamp"), "finer than a microsecond")
    fails("out of the calendar", lambda: Column("date", [date.max]).map(lambda day: day + timedelta(1)), "out of range")


def numbers(batch):
    return batch.map_rows(lambda row: dict(id=row["id"], name=f"{slugify(row['name'])} {random(row['id']) < 1}".lower(), n=row["n"] + 1))


def partly(batch):
    return batch.filter_rows(lambda row: row["id"] % 2 == 0)


def shouts(batch):
    batch["name"] = batch["name"].upper()
    return batch


def transforms():
    for table in ("many", "even"):
        db.execute(f"CREATE TABLE {table} (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL, n INTEGER NOT NULL)")
    filling = db.write(Target("many", "insert"))
    for start in (1, 20001):
        ids = range(start, start + 20000)
        filling.write(Batch({"id": Column("int64", ids), "name": Column("text", [f"Name, No. {id}" for id in ids]), "n": Column("int64", ids)}))
    same("filled", filling.finish(), 40000)
    report = db.transform(numbers, Source("many", columns=["name", "n"]))
    same("report", [report.rows_read, report.rows_written, report.chunks > 1], [40000, 40000, True])
    same("transformed", db.query_scalar("SELECT count(*) FROM many WHERE name LIKE 'name-no-%' AND n = id + 1"), 40000)
    same("a name", db.query_scalar("SELECT name FROM many WHERE id = 1"), "name-no-1 true")
    db.transform("shouts", Source("many", filter=sql("id <= ?"), parameters=iter([10])))
    same("filtered", sum(row["name"].isupper() for row in db.query("SELECT name FROM many WHERE id <= 20")), 10)
    once = Source("many", columns=(name for name in ["n"]), key=iter(["id"]))
    same("names that are iterated only once", [db.read_table(once).next().names for _ in range(2)], [["n", "id"], ["n", "id"]])
    same("fewer rows", db.transform(partly, "many", Target("even", "insert")).rows_written, 20000)
    first = db.read("SELECT id, name FROM many ORDER BY id DESC")
    same("a batch of a cursor", first.next()["id"][0], 40000)
    first.close()
    same("closed", first.next(), None)
    same("descending", next(db.read_table(Source("many", columns=["n"], descending=True)).rows()), {"n": 40001, "id": 40000})
    for _ in range(1500):
        db.read_table("many")
    same("all rows", sum(len(batch) for batch in db.read("SELECT n FROM many")), 40000)
    writer = db.write(Target("many", "update", key=["id"]))
    for batch in db.read_table(Source("many", columns=["n"])):
        batch["n"] = batch["n"].add(1)
        writer.write(batch)
    same("updated", writer.finish(), 40000)
    same("all of them", db.query_scalar("SELECT count(*) FROM many WHERE n = id + 2"), 40000)
    empty = db.write(Target("v", "insert"))
    same("an empty batch", empty.write(Batch.from_rows([], {"id": "int64", "x": "text"})), 0)
    same("nothing written", empty.finish(), 0)


def context():
    same("dialect", [db.dialect in ("sqlite", "postgres", "mysql", "mariadb"), db.server_version[0].isdigit()], [True, True])
    same("parameters", [dict(parameters), parameter("country"), parameters.get("nothing"), "limit" in parameters],
         [{"country": "CH", "limit": 7, "rate": 1.5, "strict": True}, "CH", None, True])
    now = run_timestamp()
    same("time", [datetime.now(UTC), datetime.now(), clock.time_ns()],
         [now, now.replace(tzinfo=None), (now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000])
    same("date", [date.today(), clock.strftime("%Y-%m-%d"), datetime.strptime("2026-01-02", "%Y-%m-%d").day],
         [now.date(), f"{now:%Y-%m-%d}", 2])
    zurich = datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/Zurich"))
    same("time zones", [zurich.astimezone(UTC).hour, len(available_timezones()) > 500], [10, True])
    same("chance", [0 <= dice.random() < 1, dice.random() != dice.random(), random("a") == random("a"), random("a") != random(1),
                    uuid.uuid4() != uuid.uuid4(), len(os.urandom(5)), isinstance(seed(), int)], [True, True, True, True, True, 5, True])
    same("modules", [RULES, twice(21), slugify("A b"), app.NAME, migration.NAME], [{"depth": 2}, 42, "a-b", "app", "migration"])
    same("assets", [assets.bytes("not_utf8.txt"), assets.text("empty.txt"), assets.open("names.json").size], [b"\xff\xfe", "", 42])
    same("chunks", "Zürich" in b"".join(assets.open("names.json")).decode(), True)
    library = [
        list(csv.reader(io.StringIO('a,"b,c"'))), json.loads("[1.5]"), re.sub(r"(\w)\1", r"\1", "aabb"), hashlib.sha256(b"x").hexdigest()[:6],
        statistics.median([3, 1, 2]), math.isqrt(17), zlib.crc32(b"x"), "я".encode("koi8-r"), "€".encode("cp1252"),
        xml.etree.ElementTree.fromstring("<a><b>x</b></a>")[0].text, dataclasses.make_dataclass("P", ["x"])(1).x,
    ]
    same("library", library, [[["a", "b,c"]], [1.5], "ab", "2d7116", 2, 4, 2363233923, b"\xd1", b"\x80", "x", 1])
    for what, function, part in [
        ("files", lambda: open("/etc/passwd"), "a migration reads the files in the directory with the script's name, and no others: '/etc/passwd'"),
        ("files", lambda: open("x", "w"), "a migration writes no files but temporary ones"), ("listing", lambda: os.listdir("/etc"), "and no others: '/etc'"),
        ("network", lambda: socket.create_connection(("localhost", 1)), "a migration has no network"), ("numpy", lambda: __import__("numpy"), "there is no module `numpy`"),
        ("processes", lambda: subprocess.run(["ls"]), "starts no processes"), ("sleep", lambda: clock.sleep(1), "cannot sleep"),
        ("threads", lambda: __import__("threading").Thread(target=print).start(), "one thread"), ("input", input, "no input"),
    ]:
        fails(what, function, part)
    progress(1, 2, "checks")
    progress(2)
    log.debug("debug", {"a": 1})
    print("a line\nand another")


def upgrade():
    for check in (statements, errors, every_type, columns, transforms, context):
        if check is not every_type or db.dialect == "sqlite":
            check()
    if failures:
        raise RunnerError(f"{len(failures)} checks failed", detail=" | ".join(failures))
    db.execute("CREATE TABLE conformance (language TEXT, done INTEGER)")
    db.execute("INSERT INTO conformance VALUES ('python', 1)")


def downgrade():
    types = ["every", "every2"] if db.dialect == "sqlite" else []
    for name in ["v", "many", "even", "conformance", *types]:
        db.execute(f"DROP TABLE {name}")
