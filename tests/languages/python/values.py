# Values of every type, written, read and told: the tests compare what each language makes of them, byte by byte.
import struct
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

from runner_guest import Batch, Column, Description, Json, RunnerError, Source, Target, db

description = Description("values of every type", needs={"insert": ["every", "copies", "told"]})

TYPES = {
    "id": "int64", "truth": "boolean", "whole": "int64", "fraction": "float64", "words": "text", "octets": "bytes", "exact": "decimal",
    "d": "date", "clock": "time", "moment": "timestamp", "instant": "timestamptz", "u": "uuid", "j": "json",
}
EPOCH = datetime(1970, 1, 1)
ROWS = [
    dict(
        id=1, truth=True, whole=2**63 - 1, fraction=1.25, words="ünï 🦉", octets=b"\x00\xff\n", exact=Decimal("12.25"), d=date(2026, 3, 1),
        clock=time(9, 30, 0, 250000), moment=datetime(2026, 3, 1, 9, 30, 0, 1), instant=datetime(2026, 3, 1, 9, 30, 0, 1, UTC),
        u=UUID("9b2f3c1e-6d0a-4f58-8a77-1c2d3e4f5a6b"), j=Json.from_text('{"a":1}'),
    ),
    dict(
        id=2, truth=False, whole=-(2**63), fraction=-0.1, words="", octets=b"", exact=Decimal("-7.75"), d=date(1000, 1, 1), clock=time(0),
        moment=datetime(1969, 12, 31, 23, 59, 59, 999999), instant=datetime(1969, 12, 31, 23, 59, 59, 999999, UTC), u=UUID(int=1),
        j=Json.from_text('"text"'),
    ),
    {name: 3 if name == "id" else None for name in TYPES},
    dict(
        id=4, truth=True, whole=0, fraction=1e300, words="x" * 1000, octets=b"y" * 100, exact=Decimal("12345678.91"), d=date(9999, 12, 31),
        clock=time(23, 59, 59, 999999), moment=datetime(9999, 12, 31, 23, 59, 59), instant=datetime(9999, 12, 31, 23, 59, 59, 0, UTC),
        u=UUID(int=2**128 - 1), j=Json.from_text("[1,null]"),
    ),
]


def told(type, value):
    if value is None:
        return "NULL"
    if type == "boolean":
        return "true" if value else "false"
    if type == "float64":
        return struct.pack(">d", value).hex()
    if type == "bytes":
        return value.hex()
    if type == "date":
        return str((value - EPOCH.date()).days)
    if type == "time":
        return str(((value.hour * 60 + value.minute) * 60 + value.second) * 1000000 + value.microsecond)
    if type in ("timestamp", "timestamptz"):
        since = value.replace(tzinfo=None) - EPOCH
        return str((since.days * 86400 + since.seconds) * 1000000 + since.microseconds)
    return value.text if type == "json" else str(value)


def kind_of(statement):
    try:
        db.execute(statement)
    except RunnerError as error:
        return error.kind
    return "none"


def upgrade():
    lines = []
    writer = db.write(Target("every", "insert"))
    lines.append(f"an empty batch: {writer.write(Batch.from_rows([], TYPES))}")
    lines.append(f"written: {writer.write(Batch.from_rows(ROWS, TYPES))}, {writer.finish()}")
    source = Source("every", columns=TYPES)
    report = db.transform(again, source, Target("copies", "insert"))
    lines.append(f"transformed: {report.rows_read}, {report.rows_written}, {report.chunks}")
    for table in ("every", "copies"):
        for row in db.read_table(Source(table, columns=TYPES)).rows():
            lines += [f"{table} {row['id']} {name}: {told(type, row[name])}" for name, type in TYPES.items()]
    numbers = next(iter(db.read("SELECT NULL AS v FROM every ORDER BY id")))["v"].multiply(2)
    lines.append(f"nulls alone: {len(numbers)}, {numbers.null_count}")
    lines.append(f"asked: {db.query_scalar('SELECT count(*) FROM copies')}, {db.query_scalar('SELECT words FROM copies WHERE id = 1')}")
    for statement in ("SELECT FROM WHERE", "INSERT INTO every (id) VALUES (1)", "COMMIT"):
        lines.append(f"{statement}: {kind_of(statement)}")
    writer = db.write(Target("told", "insert"))
    writer.write(Batch({"id": Column("int64", list(range(len(lines)))), "line": Column("text", lines)}))
    writer.finish()


def downgrade():
    db.execute_all([f"DELETE FROM {table}" for table in ("every", "copies", "told")])


def again(batch):
    return batch.map_rows(lambda row: dict(row))
