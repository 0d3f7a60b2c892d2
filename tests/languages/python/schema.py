# Changes of the schema: every type with a default, every constraint and every call, as `tests/guests/changes` does them in Rust.
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from runner_guest import Batch, Column, Description, Json, RunnerError, Source, Target, db, schema
from runner_guest.schema import CURRENT_TIMESTAMP, ForeignKey, varchar

description = Description("change the schema")

AT = datetime(2023, 11, 14, 22, 13, 20, 1)
DEFAULTS = [
    ("code", varchar(20), "it's \\ \"here\""), ("flag", "boolean", True), ("small", "int32", -5), ("large", "int64", 2**63 - 1),
    ("ratio", "float64", 0.1), ("note", "text", "ünï\ncode"), ("raw", "bytes", b"\0\xff'"),
    ("price", schema.decimal(10, 2), Decimal("-12.50")), ("day", "date", date(1970, 1, 1) + timedelta(20000)),
    ("hour", "time", time(1, 0, 0, 1)), ("at", "timestamp", AT), ("instant", "timestamptz", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
    ("made", "timestamptz", CURRENT_TIMESTAMP), ("key", "uuid", UUID(int=1 << 64 | 2)), ("data", "json", Json.from_text('{"a": [1, null]}')),
]


def same(what, found, expected):
    if found != expected:
        raise RunnerError(f"{what}: {found!r} instead of {expected!r}")


def upgrade():
    schema.create_table(
        "parents",
        [
            schema.Column("id", "int64", identity=True),
            *(schema.Column(name, type, not_null=True, default=value) for name, type, value in DEFAULTS),
            schema.Column("order", "text"),
        ],
        primary_key=["id"],
        unique=[["code", "small"]],
    )
    schema.create_table(
        "child ren",
        [schema.Column("a", "int64", not_null=True), schema.Column("b", "int64", not_null=True), schema.Column("parent", "int64")],
        primary_key=("a", "b"),
        foreign_keys=[ForeignKey(["parent"], "parents", ["id"], on_delete="set-null")],
    )
    schema.rename_table("child ren", "children")
    schema.add_column("children", schema.Column('say "hi"', "text"))
    schema.rename_column("children", 'say "hi"', "said")
    schema.add_column("children", schema.Column("paid", "boolean", not_null=True, default=False))
    schema.drop_column("children", "said")
    schema.create_index("children_paid", "children", ["paid", "b"])
    schema.drop_index("children", "children_paid")
    schema.create_index("parents_code", "parents", ["code"], unique=True)
    try:
        schema.drop_table("nothing")
    except RunnerError as error:
        same("no table", (error.kind, "nothing" in str(error)), ("syntax", True))
    writer = db.write(Target("parents", "insert"))
    writer.write(Batch({"id": Column("int64", [7])}))
    writer.finish()
    # The table is read as it says what it contains; SQLite has no types of its own for some.
    columns = {name: {"int32": "int64"}.get(str(type), str(type).split("(")[0].replace("varchar", "text")) for name, type, _ in DEFAULTS}
    batch = db.read_table(Source("parents", columns)).next()
    for name, _, value in DEFAULTS:
        found = batch[name][0]
        if name == "made":
            same(name, found > AT.replace(tzinfo=UTC), True)
        else:
            same(name, getattr(found, "value", found), getattr(value, "value", value))
    writer = db.write(Target("parents", "delete"))
    writer.write(batch.select(["id"]))
    writer.finish()


def downgrade():
    schema.drop_index("parents", "parents_code")
    schema.drop_table("children")
    schema.drop_table("parents")
