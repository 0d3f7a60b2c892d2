# Calls of everything that the host offers, and what it answers: the tests compare what each language is told.
#
# says error: no such country: Züri
# says raised: IndexError: list index out of range
# says raised: @FILE:@LINE:
# says batch: row id = 1: too many rows
# says batch: @FILE:@LINE:
import struct
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

from runner_guest import (
    Batch, Column, Description, Json, Native, RunnerError, Source, Target, assets, db, log, parameters, progress, run_timestamp, seed,
)

description = Description("calls of everything")

NAMES = ["id", "truth", "whole", "fraction", "words", "octets", "exact", "d", "clock", "moment", "instant", "u", "j"]
EPOCH = datetime(1970, 1, 1)


def rows():
    yield [
        1, True, 2**63 - 1, 1.25, "ünï 🦉 \U0010fffd", b"\x00\xff\n", Decimal("12.25"), date(2026, 3, 1), time(9, 30, 0, 250000),
        datetime(2026, 3, 1, 9, 30, 0, 1), datetime(2026, 3, 1, 9, 30, 0, 1, UTC), UUID("9b2f3c1e-6d0a-4f58-8a77-1c2d3e4f5a6b"),
        Json.from_text('{"a":1}'),
    ]
    yield [
        2, False, -(2**63), -0.1, "", b"", Decimal("-7.75"), date(1000, 1, 1), time(0), datetime(1969, 12, 31, 23, 59, 59, 999999),
        datetime(1969, 12, 31, 23, 59, 59, 999999, UTC), UUID(int=1), Json.from_text('"text"'),
    ]
    yield [3] + [None] * 12
    yield [
        4, True, 0, 1e300, "x" * 1000, b"y" * 100, Decimal("12345678.91"), date(9999, 12, 31), time(23, 59, 59, 999999),
        datetime(9999, 12, 31, 23, 59, 59), datetime(9999, 12, 31, 23, 59, 59, 0, UTC), UUID(int=2**128 - 1), Json.from_text("[1,null]"),
    ]


def place(number):
    """The placeholder of a parameter."""
    return f"${number}" if db.dialect == "postgres" else "?"


def micros(moment):
    since = moment.replace(tzinfo=None) - EPOCH
    return (since.days * 86400 + since.seconds) * 1000000 + since.microseconds


def told(value):
    """A value and its kind."""
    match value:
        case None:
            return "null"
        case bool():
            return f"boolean {'true' if value else 'false'}"
        case int():
            return f"int64 {value}"
        case float():
            return f"float64 {struct.pack('>d', value).hex()}"
        case str():
            return f"text {value}"
        case bytes():
            return f"bytes {value.hex()}"
        case Decimal():
            return f"decimal {value}"
        case datetime():
            return f"{'timestamp' if value.tzinfo is None else 'timestamptz'} {micros(value)}"
        case date():
            return f"date {(value - EPOCH.date()).days}"
        case time():
            return f"time {((value.hour * 60 + value.minute) * 60 + value.second) * 1000000 + value.microsecond}"
        case UUID():
            return f"uuid {value}"
        case Json():
            return f"json {value.text}"
        case Native():
            return f"native {value.type_name} {value.text}"


def kind_of(function):
    try:
        function()
    except RunnerError as error:
        return error.kind
    return "none"


def run(tell):
    tell(f"dialect: {db.dialect}")
    tell(f"version: {db.server_version}")
    tell(f"time: {micros(run_timestamp())}")
    tell(f"seed: {seed()}")
    for name in sorted(parameters):
        tell(f"parameter {name}: {told(parameters[name])}")
    asset = assets.open("deeper/words.bin")
    tell(f"asset: {asset.size}, {b''.join(asset).hex()}")
    tell(f"no asset: {kind_of(lambda: assets.open('missing.txt'))}")
    log.debug("debug ünï")
    log.info("info 🦉")
    log.warning("warning")
    progress(1, 2, "checks")
    progress(2, None, "checks")


def scalars(tell):
    names = ", ".join(NAMES)
    insert = f"INSERT INTO scalars ({names}) VALUES ({', '.join(map(place, range(1, 14)))})"
    tell(f"inserted: {', '.join(str(db.execute(insert, row)) for row in rows())}")
    for row in db.query(f"SELECT {names} FROM scalars ORDER BY id"):
        for name, value in row.items():
            tell(f"scalar {row['id']} {name}: {told(value)}")
    tell(f"updated: {db.execute(f'UPDATE scalars SET whole = 7 WHERE id < {place(1)}', [3])}")
    tell(f"no rows: {len(db.query('SELECT id FROM scalars WHERE id > 9'))}")
    # A type that the contract has no case for.
    if db.dialect == "postgres":
        tell(f"native: {told(db.query_scalar('SELECT CAST($1 AS inet)', [Native('inet', '10.0.0.1/8')]))}")
        address = db.read("SELECT CAST('fe80::1/64' AS inet) AS address").next()["address"][0]
        tell(f"native column: {address.type_name} {address.text}")


def many(tell):
    writer = db.write(Target("many", "insert"))
    written = []
    for ids in (range(1, 20001), range(20001, 40001)):
        batch = Batch({
            "id": Column("int64", ids), "n": Column("int64", [3 * id for id in ids]),
            "name": Column("text", [f"n{id} ü🦉" for id in ids]),
        })
        written.append(writer.write(batch))
    tell(f"many written: {written[0]}, {written[1]}, {writer.finish()}")
    source = Source("many", columns=["n", "name"], filter=f"id > {place(1)}", parameters=[100])
    report = db.transform(changed, source)
    tell(f"many transformed: {report.rows_read}, {report.rows_written}, {report.chunks}")
    report = db.transform("halved", "many", Target("more", "insert"))
    tell(f"more transformed: {report.rows_read}, {report.rows_written}, {report.chunks}")

    read, first, total, hash = 0, None, 0, 0
    for batch in db.read(f"SELECT id, n, name FROM many WHERE id > {place(1)} ORDER BY id DESC", [5]):
        read += len(batch)
        first = first or batch["id"][0]
        total += sum(batch["n"].values)
        for byte in batch["name"].values:
            hash = (31 * hash + byte) & 0xFFFFFFFF
    tell(f"many read: {read}, {first}, {total}, {hash}")

    source = Source("more", columns=["n"], key=["id"], descending=True, filter=f"id <= {place(1)}", parameters=[1000])
    ids = [row["id"] for row in db.read_table(source).rows()]
    tell(f"more read: {len(ids)}, {ids[0]}, {ids[-1]}")
    # One that is not read to its end.
    with db.read_table("many") as reader:
        reader.next()

    def write(target, *rows):
        types = {"id": "int64", "n": "int64", "name": "text"}
        writer = db.write(target)
        writer.write(Batch.from_rows(rows, {name: types[name] for name in rows[0]}))
        return writer.finish()

    tell(f"more updated: {write(Target('more', 'update', key=['id']), dict(id=2, n=-1), dict(id=4, n=-2))}")
    tell(f"more upserted: {write(Target('more', 'upsert'), dict(id=4, n=-3, name='four'), dict(id=5, n=-4, name='five'))}")
    tell(f"more deleted: {write(Target('more', 'delete'), dict(id=2))}")
    left = db.query_tuples("SELECT count(*), min(n), max(n) FROM more")[0]
    tell(f"more left: {', '.join(map(told, left))}")


def errors(tell):
    for statement in (
        "SELECT FROM WHERE", "SELECT nothing FROM nowhere", "INSERT INTO many (id, n, name) VALUES (1, 1, 'x')",
        "INSERT INTO many (id, n, name) VALUES (0, NULL, 'x')", "COMMIT",
    ):
        try:
            tell(f"error {statement}: none, {db.execute(statement)}")
        except RunnerError as error:
            tell(f"error {statement}: {error.kind}|{error.code}|{error}|{error.detail or ''}")
    tell(f"conversion: {kind_of(lambda: db.read_table(Source('many', columns={'name': 'int64'})).next())}")
    tell(f"no column: {kind_of(lambda: db.read_table(Source('many', columns=['missing'])).next())}")
    tell(f"no table: {kind_of(lambda: db.read_table('nowhere').next())}")


def fail(how):
    """Fails, as the operator asks for it."""
    if how == "error":
        raise RunnerError("no such country: Züri")
    if how == "batch":
        db.execute("INSERT INTO many (id, n, name) VALUES (1, 1, 'x')")
        db.transform(fails, "many")
    return [][len(parameters)]  # raises raised


def upgrade():
    if "failing" in parameters:
        return fail(parameters["failing"])
    lines = []
    for part in (run, scalars, many, errors):
        part(lines.append)
    writer = db.write(Target("told", "insert"))
    writer.write(Batch({"id": Column("int64", range(len(lines))), "line": Column("text", lines)}))
    writer.finish()


def downgrade():
    db.execute_all([f"DELETE FROM {table}" for table in ("scalars", "many", "more", "told")])


def changed(batch):
    batch["n"] = batch["n"].add(1)
    batch["name"] = batch["name"].append("!")
    return batch


def halved(batch):
    return batch.filter_rows(lambda row: row["id"] % 2 == 0)


def fails(batch):
    def refuse(row):
        if row["id"] == 1:
            raise RunnerError("too many rows")  # raises batch

    return batch.map_rows(refuse)
