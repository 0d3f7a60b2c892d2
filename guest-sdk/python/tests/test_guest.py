"""Batch functions behave under an ordinary Python as in the runtime."""

import sqlite3
import sys
import tempfile
import unittest
from array import array
from datetime import date, datetime, time, timezone
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from runner_guest import (
    Batch, Column, Description, Json, Native, Needs, RunnerError, Source, TableNeed, Target, assets, db, log, parameter, parameters, progress,
    random, run_timestamp, schema,
)
from runner_guest._database import Writer
from runner_guest._description import described
from runner_guest._errors import describe_error
from runner_guest.testing import fake_host, load

ALL = {
    "id": "int64", "truth": "boolean", "real": "float64", "text": "text", "bytes": "bytes", "exact": "decimal", "day": "date",
    "time": "time", "moment": "timestamp", "instant": "timestamptz", "uuid": "uuid", "json": "json", "odd": "native:inet",
}
ROW = {
    "id": -(2**63), "truth": True, "real": -0.5, "text": "ünï", "bytes": b"\x00\xff", "exact": Decimal("12.50"),
    "day": date(2026, 3, 1), "time": time(9, 30, 0, 250000), "moment": datetime(1969, 12, 31, 23, 59, 59, 500000),
    "instant": datetime(1970, 1, 1, tzinfo=timezone.utc), "uuid": UUID("9b2f3c1e-6d0a-4f58-8a77-1c2d3e4f5a6b"),
    "json": Json({"a": [1, None, "ü"]}), "odd": Native("inet", "::1"),
}


class Batches(unittest.TestCase):
    def test_every_type_by_columns_and_by_rows(self):
        batch = Batch.from_rows([ROW, dict.fromkeys(ALL)], ALL)
        self.assertEqual(batch.types, ALL)
        self.assertEqual(batch.row(0), ROW)
        for same in (batch.map_rows(dict), Batch._raw(batch._dump()), batch.select(ALL)):
            self.assertEqual(list(same.rows()), [ROW, dict.fromkeys(ALL)])
        self.assertEqual([column.null_count for column in batch._columns.values()], [1] * len(ALL))
        self.assertEqual(Json({"a": [1, None, "ü"]}).text, '{"a":[1,null,"ü"]}')

    def test_values_in_other_forms(self):
        for type, given, expected in [
            ("decimal", 7, Decimal(7)), ("decimal", "1E+2", Decimal(100)), ("date", "2026-03-01", date(2026, 3, 1)),
            ("time", "09:30", time(9, 30)), ("timestamp", "2026-03-01T01:02:03", datetime(2026, 3, 1, 1, 2, 3)),
            ("timestamptz", "2026-03-01T00:00:00+01:00", datetime(2026, 2, 28, 23, tzinfo=timezone.utc)),
            ("uuid", str(ROW["uuid"]), ROW["uuid"]), ("json", [1], Json([1])), ("float64", 3, 3.0),
            ("native:inet", "::1", Native("inet", "::1")), ("bytes", bytearray(b"x"), b"x"),
        ]:
            self.assertEqual(Column(type, [None, given]).to_list(), [None, expected], type)
        for type, given, message in [
            ("int64", 2**63, "entry 1: 9223372036854775808 does not fit into 64 bits"), ("int64", 1.5, "entry 1: 1.5 is not an int64"),
            ("float64", 2**53 + 1, "no exact float64"), ("text", 1, "entry 1: 1 is not a text"), ("text", "\ud800", "surrogate"),
            ("boolean", 1, "not a boolean"), ("decimal", 1.5, "give it as a Decimal"), ("decimal", "x", "not a decimal"),
            ("date", ROW["moment"], "not a date"), ("timestamp", ROW["instant"], "has a time zone"),
            ("timestamptz", ROW["moment"], "has no time zone"), ("json", {1j}, "JSON"), ("json", float("nan"), "JSON"),
            ("native:inet", Native("cidr", "x"), "`cidr`"), ("uuid", "x", "entry 1: "),
        ]:
            with self.assertRaises((TypeError, ValueError, OverflowError), msg=type) as raised:
                Column(type, [None, given])
            self.assertIn(message, str(raised.exception))
        with self.assertRaisesRegex(OverflowError, "years 1 to 9999"):
            Column._raw(("date", "", b"", b"", (2**31 - 1).to_bytes(4, "little")))[0]
        with self.assertRaisesRegex(TypeError, "`?'string'`? is not a type"):
            Column("string", [])

    def test_columns_of_text(self):
        for texts in (["a B", None, "", " c "], ["  Straße ", None, "ΑΣ", "", "a🦉b"]):
            column = Column("text", texts)
            for method, arguments in [
                ("upper", ()), ("lower", ()), ("title", ()), ("strip", ()), ("lstrip", (" ",)), ("rstrip", ()), ("casefold", ()),
                ("replace", ("a", "ää")), ("ljust", (5, "*")), ("rjust", (5,)), ("removeprefix", (" ",)), ("removesuffix", ("b",)),
                ("capitalize", ()),
            ]:
                expected = [None if text is None else getattr(text, method)(*arguments) for text in texts]
                self.assertEqual(getattr(column, method)(*arguments).to_list(), expected, method)
            self.assertEqual(column.slice(1, -1).to_list(), [text if text is None else text[1:-1] for text in texts])
            self.assertEqual(column.prepend("ü").append("!").to_list(), [text if text is None else f"ü{text}!" for text in texts])
            self.assertEqual(column.fill_nulls("?")[1], "?")
            offsets = column.offsets
            self.assertEqual(column.values[offsets[3] : offsets[4]].decode(), texts[3])
        self.assertEqual(Column("text", ["e\u0301"]).normalize()[0], "é")
        with self.assertRaisesRegex(TypeError, "`upper` is for text"):
            Column("int64", [1]).upper()

    def test_columns_of_numbers(self):
        numbers = Column("float64", [1.0, None, 2.5])
        self.assertEqual(numbers.multiply(2).add(0.5).to_list(), [2.5, None, 5.5])
        self.assertEqual(Column("int64", [1, None]).multiply(3).add(-1).to_list(), [2, None])
        self.assertEqual(Column("float64", [1.26]).round(1)[0], 1.3)
        for wrong in (lambda: Column("int64", [2**62]).multiply(2), lambda: Column("int64", [1]).multiply(1.5)):
            with self.assertRaisesRegex((OverflowError, TypeError), "64 bits|whole number"):
                wrong()
        numbers.values[0] = 7.0
        numbers[1] = 8
        numbers[2] = None
        self.assertEqual((numbers.to_list(), numbers.null_count), ([7.0, 8.0, None], 1))
        uuids = Column("uuid", [ROW["uuid"], None])
        uuids[1] = UUID(int=1)
        self.assertEqual(uuids.to_list(), [ROW["uuid"], UUID(int=1)])

    def test_texts_are_cast_as_databases_write_numbers(self):
        def cast(text, type):
            return Column("text", [text]).cast(type)[0]

        self.assertEqual([cast("1.0", "int64"), cast("+7", "int64"), cast("1e3", "float64")], [1, 7, 1000.0])
        self.assertEqual([cast("-Infinity", "float64"), cast("true", "boolean")], [float("-inf"), True])
        for text in ["1_000", " 1 ", "", "0x10", "٣"]:
            for type in ["int64", "float64", "decimal"]:
                with self.assertRaisesRegex(ValueError, "entry 0: ", msg=f"{text} as {type}"):
                    cast(text, type)
        for text, type in [("True", "boolean"), ("inf", "float64")]:
            with self.assertRaisesRegex(ValueError, "entry 0: "):
                cast(text, type)
        for given, values in [("float64", [1.0, 0.0]), ("int64", [1, 0]), ("boolean", [True, False])]:
            self.assertEqual(Column(given, values).cast("boolean").to_list(), [True, False])

    def test_24_hours_are_no_time(self):
        for text in ["24:00:00", "24:00", "T24:00", "24"]:
            with self.assertRaisesRegex(OverflowError, "is no time in Python"):
                Column("time", [text])

    def test_slices_of_columns_are_columns(self):
        for type, values in [
            ("text", ["a", None, "ü", ""]), ("int64", [1, 2, None, 4]), ("bytes", [b"x", b"", None, b"yz"]), ("uuid", [UUID(int=7 << 64), None] * 2),
            ("native:inet", [Native("inet", "::1")] * 4),
        ]:
            column = Column(type, values)
            for part in [slice(0, 1), slice(1, None), slice(None, None, -1), slice(-2, 99), slice(3, 1)]:
                for whole in (column, Column._raw(column._dump())):
                    self.assertEqual((whole[part].type, whole[part].to_list()), (type, values[part]))
        column = Column("int64", [1, 2])
        column[:1][0] = 9
        self.assertEqual(column.to_list(), [1, 2])
        for row in ["a", slice(0, 1)]:
            with self.assertRaisesRegex(TypeError, "is not a row: rows of a column are numbers"):
                column[row] = 3

    def test_names_are_iterated(self):
        batch = Batch({"a": Column("int64", [1, 2, 3]), "b": Column("text", ["x", "y", "z"])})
        self.assertEqual((list(batch), len(batch)), (["a", "b"], 3))
        for name in batch:
            batch[name] = batch[name].copy()
        self.assertEqual(batch.select(batch).names, ["a", "b"])

    def test_casts(self):
        for given, values, to, expected in [
            ("int64", [1, None], "text", ["1", None]), ("text", ["1.5"], "float64", [1.5]), ("float64", [2.0], "int64", [2]),
            ("text", ["1.50"], "decimal", [Decimal("1.50")]), ("float64", [0.1], "decimal", [Decimal("0.1")]),
            ("text", ["true", "0"], "boolean", [True, False]), ("text", ['{"a":1}'], "json", [Json({"a": 1})]),
            ("date", [date(2026, 3, 1)], "timestamp", [datetime(2026, 3, 1)]), ("bytes", [b"x"], "text", ["x"]),
            ("text", ["2026-03-01"], "date", [date(2026, 3, 1)]), ("text", ["::1"], "native:inet", [Native("inet", "::1")]),
        ]:
            self.assertEqual(Column(given, values).cast(to).to_list(), expected, to)
        with self.assertRaisesRegex(ValueError, "entry 1"):
            Column("text", ["1", "x"]).cast("int64")
        with self.assertRaisesRegex(ValueError, "entry 0: 9007199254740993 has no exact float64"):
            Column("int64", [2**53 + 1]).cast("float64")
        self.assertEqual(Column("int64", [2**60, None]).cast("float64").to_list(), [2.0**60, None])

    def test_nulls_alone_have_any_type(self):
        for type in ALL.values():
            column = Column(type, [None, None])
            for same in (column.multiply(2), column.add(1), column.round(), column.upper(), column.strip(), column.prepend("* ")):
                self.assertEqual(same.to_list(), [None, None], type)
                Batch._raw(Batch({"a": same})._dump())
        for wrong in (lambda: Column("text", [None, "1"]).multiply(2), lambda: Column("int64", [None, 1]).upper()):
            with self.assertRaisesRegex(TypeError, "and the column is of the type"):
                wrong()

    def test_nulls_of_an_unknown_type_make_room_for_any(self):
        def nulls(rows=3):
            return Column("text", [None] * rows)

        instant = datetime(1970, 1, 1, tzinfo=timezone.utc)
        for value, type in [
            (0, "int64"), (0.5, "float64"), (True, "boolean"), ("x", "text"), (b"x", "bytes"), (Decimal("1.5"), "decimal"),
            (date(2026, 3, 1), "date"), (time(1), "time"), (datetime(2026, 3, 1), "timestamp"), (instant, "timestamptz"),
            (UUID(int=7), "uuid"), (Json([1]), "json"), (Native("inet", "::1"), "native:inet"),
        ]:
            batch = Batch({"id": Column("int64", [1, 2, 3]), "v": nulls()})
            mapped = batch.map_rows(lambda row: row.update(v=value if row["id"] > 1 else None))
            more = batch.map_rows(lambda row: {**row, "v": value, "more": "x"}, {**batch.types, "more": "text"})
            batch["v"] = iter([None, value, value])
            self.assertEqual((mapped["v"].type, mapped["v"].to_list()), (type, [None, value, value]))
            self.assertEqual((batch["v"].type, batch["v"].to_list()), (type, [None, value, value]))
            for column in (more["v"], nulls().fill_nulls(value)):
                self.assertEqual((column.type, column.to_list()), (type, [value] * 3))
            column = nulls()
            if type in ("text", "bytes", "decimal", "json", "native:inet"):
                with self.assertRaisesRegex(TypeError, "cannot be replaced"):
                    column[1] = value
            else:
                column[1] = value
                self.assertEqual((column.type, column.to_list()), (type, [None, value, None]))
        batch = Batch({"id": Column("int64", [1, 2]), "v": nulls(2)})
        self.assertEqual(batch.map_rows(lambda row: row.update(v=row["id"] / 2 if row["id"] == 1 else 1))["v"].to_list(), [0.5, 1.0])
        batch["v"] = array("d", [1, 2])
        self.assertEqual((batch["v"].type, batch["v"].to_list()), ("float64", [1.0, 2.0]))
        # A type that is known, or given, stays.
        for wrong in (
            lambda: Column("text", ["x", None]).fill_nulls(1), lambda: Column("int64", [None]).fill_nulls("x"),
            lambda: Batch({"v": nulls()}).set("v", [1, 2, 3], "text"), lambda: nulls().fill_nulls(object()),
        ):
            with self.assertRaisesRegex(TypeError, "is not a"):
                wrong()
        self.assertEqual(nulls().fill_nulls(None).type, "text")
        with self.assertRaisesRegex(TypeError, "column `v`, 'abc' is not a list"):
            Batch({"v": nulls()})["v"] = "abc"

    def test_times_are_not_cut(self):
        moment = datetime(2026, 1, 1, 9, 30, 0, 123456)
        for type, text, expected in [
            ("timestamp", "2026-01-01T09:30:00.1234560", moment), ("time", "09:30:00.123456000", moment.time()),
            ("timestamptz", "2026-01-01T09:30:00.1234560Z", moment.replace(tzinfo=timezone.utc)),
            ("timestamp", "20260101T093000,123456", moment), ("time", "09:30:00.12", time(9, 30, 0, 120000)),
        ]:
            self.assertEqual(Column("text", [text]).cast(type).to_list(), [expected])
            self.assertEqual(Column(type, [text]).to_list(), [expected])
        for type, text in [
            ("timestamp", "2026-01-01T09:30:00.123456789"), ("time", "09:30:00.1234561"), ("timestamptz", "2026-01-01T09:30:00.12345601Z"),
        ]:
            with self.assertRaisesRegex(ValueError, "entry 0: '.*' is finer than a microsecond"):
                Column("text", [text]).cast(type)
            with self.assertRaisesRegex(ValueError, "finer"):
                Column(type, [text])

    def test_batches(self):
        batch = Batch({"id": Column("int64", [1, 2]), "name": Column("text", ["a", None])})
        batch["name"] = ["c", "d"]
        batch.set("n", [1.5, None], "float64").rename("n", "m")
        self.assertEqual(list(batch.rows()), [{"id": 1, "name": "c", "m": 1.5}, {"id": 2, "name": "d", "m": None}])
        del batch["m"]
        self.assertEqual(batch.set("n", batch["id"], "text")["n"].to_list(), ["1", "2"])
        self.assertIs(batch.set("n", batch["id"], "int64")["n"], batch["id"])
        del batch["n"]
        self.assertEqual(batch.filter_rows(lambda row: row["id"] > 1).row_count, 1)
        self.assertEqual(batch.map_rows(lambda row: []).row_count, 0)
        self.assertEqual(
            batch.map_rows(lambda row: [{"n": row["id"]}, {"n": -row["id"]}], {"n": "int64"})["n"].to_list(), [1, -1, 2, -2]
        )
        changed = batch.map_rows(lambda row: row.update(name=row["name"] * 2))
        self.assertEqual(changed["name"].to_list(), ["cc", "dd"])
        for message, wrong in [
            ("`x`; it has id, name", lambda: batch["x"]), ("has 1 entries", lambda: batch.set("id", [1])),
            ("`extra`", lambda: batch.map_rows(lambda row: {**row, "extra": 1})),
            ("the row has no value for the column `name`", lambda: batch.map_rows(lambda row: {"id": 1})),
            ("column `id`, entry 1", lambda: batch.map_rows(lambda row: {**row, "id": "x" if row["id"] == 2 else 1})),
            ("returned 7 for a row", lambda: batch.map_rows(lambda row: 7)), ("new column", lambda: batch.__setitem__("y", [1, 2])),
            ("column `n`, entry 0", lambda: batch.set("n", batch["name"], "int64")), ("5 is not the name", lambda: batch.set(5, batch["id"])),
            ("surrogate", lambda: batch.rename("id", "\ud800")), ("surrogate", lambda: Batch.from_rows([], {"\ud800": "text"})),
            ("surrogate", lambda: Column("native:\ud800", [])), ("surrogate", lambda: Native("\ud800", "")),
        ]:
            with self.assertRaises((KeyError, ValueError, TypeError)) as raised:
                wrong()
            self.assertIn(message, str(raised.exception))
        self.assertEqual(Batch.from_rows([], {"a": "text"})["a"].to_list(), [])


class Hosts(unittest.TestCase):
    def test_the_host_that_a_test_sets(self):
        host = fake_host(
            parameters={"country": "CH"}, assets={"a.txt": "ä", "b.json": "[1]"}, seed=7,
            run_timestamp=datetime(2026, 3, 1, tzinfo=timezone.utc), database=sqlite3.connect(":memory:"),
        )
        log.warning("careful", {"a": 1})
        log("a\nb")
        self.assertEqual(host.lines, [("warning", "careful {'a': 1}"), ("info", "a"), ("info", "b")])
        self.assertEqual((parameters["country"], parameter("country"), len(parameters)), ("CH", "CH", 1))
        self.assertEqual((assets.text("a.txt"), assets.json("b.json"), list(assets.open("a.txt"))), ("ä", [1], ["ä".encode()]))
        self.assertEqual(run_timestamp(), datetime(2026, 3, 1, tzinfo=timezone.utc))
        self.assertEqual(random(1), random(1))
        # JavaScript has one kind of number, and true is none.
        self.assertEqual([random(1.0), random(-0.0), random(2.0**52)], [random(1), random(0), random(2**52)])
        self.assertNotIn(random(1.5), [random(1), random(2)])
        self.assertTrue(0 <= random("a") < 1 and random("a") != random("b"))
        db.execute_all(["CREATE TABLE t (a INTEGER PRIMARY KEY, b)"])
        self.assertEqual(db.execute("INSERT INTO t VALUES (1, ?), (2, ?)", ["x", None]), 2)
        self.assertEqual(db.query("SELECT * FROM t"), [{"a": 1, "b": "x"}, {"a": 2, "b": None}])
        self.assertEqual((db.query_scalar("SELECT count(*) FROM t"), db.query_optional("SELECT 1 AS a WHERE 0")), (2, None))
        with self.assertRaises(RunnerError) as raised:
            db.execute("INSERT INTO t VALUES (1, 1)")
        self.assertEqual(raised.exception.kind, "constraint")
        for wrong, message in [
            (lambda: db.query_one("SELECT 1 WHERE 0"), "no rows"), (lambda: db.query_scalar("SELECT 1 UNION SELECT 2"), "2 rows"),
            (lambda: db.query("SELECT 1 AS a, 2 AS a"), "query_tuples"), (lambda: parameter("x"), "not set"),
            (lambda: assets.bytes("x"), "`x`"), (lambda: db.read_table("t"), "a unit test has no database"),
        ]:
            with self.assertRaisesRegex(RunnerError, message):
                wrong()
        with self.assertRaisesRegex(TypeError, "parameter 2: .* is not a value"):
            db.execute("SELECT ?, ?", [1, object()])
        with self.assertRaisesRegex(TypeError, "list of values"):
            db.execute("SELECT ?", "a")

    def test_changes_of_the_schema(self):
        column = schema.Column
        database = sqlite3.connect(":memory:")
        database.execute("PRAGMA foreign_keys = ON")
        fake_host(database=database)
        defaults = {
            "code": (schema.varchar(20), "it's", "it's"), "flag": ("boolean", True, 1), "small": ("int32", -5, -5),
            "large": ("int64", 2**63 - 1, 2**63 - 1), "ratio": ("float64", 1, 1.0), "note": ("text", "ü\n", "ü\n"),
            "raw": ("bytes", b"\0\xff'", b"\0\xff'"), "price": (schema.decimal(10, 2), "12.50", 12.5),
            "day": ("date", "2026-03-01", "2026-03-01"), "key": ("uuid", str(ROW["uuid"]), str(ROW["uuid"])),
            "data": ("json", {"a": [1]}, '{"a":[1]}'), "none": ("text", None, None),
        }
        schema.create_table(
            "a b", [column("id", "int64", identity=True), column("made", "timestamptz", default=schema.CURRENT_TIMESTAMP)]
            + [column(name, type, not_null=default is not None, default=default) for name, (type, default, _) in defaults.items()],
            primary_key=["id"], unique=[["code", "small"]],
        )
        schema.create_table(
            "child", [column('x"', "int64"), column("y", "int64"), column("parent", "int64")], primary_key=['x"', "y"], schema="main",
            foreign_keys=[schema.ForeignKey(iter(["parent"]), "a b", ["id"], on_delete="cascade")],
        )
        db.execute('INSERT INTO "a b" (id) VALUES (1)')
        found = db.query_one('SELECT * FROM "a b"')
        self.assertEqual({name: found[name] for name in defaults}, {name: stored for name, (*_, stored) in defaults.items()})
        self.assertRegex(found["made"], r"^\d{4}-\d\d-\d\dT.*Z$")
        db.execute("INSERT INTO child VALUES (1, 2, 1)")
        schema.add_column("child", column("paid", "boolean", not_null=True, default=False))
        schema.create_index("by_paid", "child", ["paid"], unique=True, schema="main")
        with self.assertRaises(RunnerError) as raised:
            db.execute("INSERT INTO child VALUES (1, 3, 1, 0)")
        self.assertEqual(raised.exception.kind, "constraint")
        schema.drop_index("child", "by_paid")
        schema.rename_column("child", "paid", "said")
        schema.drop_column("child", "said")
        schema.rename_table("child", "children")
        db.execute('DELETE FROM "a b"')
        self.assertEqual(db.query_scalar("SELECT count(*) FROM children"), 0)
        schema.drop_table("children")
        with self.assertRaisesRegex(RunnerError, "children"):
            schema.drop_table("children")

    def test_changes_of_the_schema_that_are_wrong(self):
        column, calls = schema.Column, []
        fake_host(execute=lambda sql, parameters: calls.append(sql) or 0)
        for wrong, message in [
            (lambda: column("a", "int"), "the column `a`: 'int' is not a type; types are boolean, int32"),
            (lambda: column("a", ["int64"]), "is not a type"), (lambda: column("a", "varchar"), "schema.varchar"),
            (lambda: column("a", "decimal"), "schema.decimal"), (lambda: column(1, "int64"), "1 is not the name of a column"),
            (lambda: schema.varchar(0), "the length of a varchar is 0; it is 1 to 16,383"),
            (lambda: schema.varchar("9"), "not a whole number"), (lambda: schema.varchar(True), "not a whole number"),
            (lambda: schema.decimal(66, 0), "the precision of a decimal is 66"), (lambda: schema.decimal(5, 6), "it is 0 to 5"),
            (lambda: schema.decimal(60, 31), "it is 0 to 30"), (lambda: schema.DataType("varchar"), "the length"),
            (lambda: column("a", "int64", default="1"), "the default of the column `a`: '1' is not an int64"),
            (lambda: column("a", "int64", default=True), "True is not of the type int64"),
            (lambda: column("a", "int32", default=2**31), "does not fit into 32 bits"),
            (lambda: column("a", "int64", default=2**63), "does not fit into 64 bits"),
            (lambda: column("a", "boolean", default=1), "1 is not of the type boolean"),
            (lambda: column("a", "float64", default="x"), "not a float64"), (lambda: column("a", "date", default="x"), "`a`: "),
            (lambda: column("a", "timestamptz", default=ROW["moment"]), "has no time zone"),
            (lambda: column("a", schema.decimal(5, 2), default=1.5), "give it as a Decimal"),
            (lambda: column("a", schema.varchar(5), default="\ud800"), "surrogate"),
            (lambda: column("a", "timestamp", default=schema.CURRENT_TIMESTAMP), "only a timestamptz"),
            (lambda: column("a", "text", not_null="yes"), "neither True nor False, for `not_null` of the column `a`"),
            (lambda: schema.ForeignKey("a", "b", ["c"]), "'a' is not a list, for `columns` of a foreign key"),
            (lambda: schema.ForeignKey(["a"], None, ["c"]), "None is not the name of a table"),
            (lambda: schema.ForeignKey(["a"], "b", ["c"], on_delete="restrict"), "values are refuse, cascade, set-null"),
            (lambda: schema.create_table("t", "int64"), "not a list, for `columns` of the table `t`"),
            (lambda: schema.create_table("t", [{"name": "a"}]), "is not a `schema.Column`"),
            (lambda: schema.create_table("t", [column("a", "int64")], unique=["a"]), "each constraint in `unique` of the table `t`"),
            (lambda: schema.create_table("t", [column("a", "int64")], primary_key=[1]), "1 is not a name, for `primary_key`"),
            (lambda: schema.create_table("t", [], schema=1), "1 is not the name of a schema"),
            (lambda: schema.create_table(None, []), "None is not the name of a table"),
            (lambda: schema.add_column("t", "a"), "'a' is not a column"), (lambda: schema.drop_column("t", None), "name of a column"),
            (lambda: schema.rename_table("t", 1), "name of a table"), (lambda: schema.drop_index("t", b"i"), "name of an index"),
            (lambda: schema.create_index("i", "t", "a"), "not a list, for `columns` of the index `i`"),
            (lambda: schema.create_index("i", "t", ["a"], unique=1), "neither True nor False"),
            (lambda: schema.drop_table("\ud800"), "surrogate"), (lambda: schema.create_index("i", "t", ["\ud800"]), "surrogate"),
        ]:
            with self.assertRaises((TypeError, ValueError, OverflowError), msg=message) as raised:
                wrong()
            self.assertIn(message, str(raised.exception))
        self.assertEqual(calls, [])
        with self.assertRaisesRegex(RunnerError, "no database"):
            fake_host()
            schema.drop_table("t")

    def test_what_can_be_iterated_only_once(self):
        def some(*values):
            return (value for value in values)

        description = Description(
            "x", depends_on=some("1", "2"), dialects=some("sqlite"),
            needs=Needs(
                read=some(TableNeed("a", some("b", "c")), "d"), update=map(str.lower, ["E"]), functions=some("random"),
            ),
        )
        as_dict = {
            "summary": "x", "depends_on": some("1", "2"), "dialects": iter(["sqlite"]),
            "needs": {
                "read": some({"table": "a", "columns": some("b", "c")}, "d"), "update": some("e"), "functions": some("random"),
            },
        }
        # A description is looked at again and again.
        for found in (described(description), described(description), described(as_dict)):
            self.assertEqual((list(found.depends_on), list(found.dialects)), (["1", "2"], ["sqlite"]))
            self.assertEqual(found.needs.read, [TableNeed("a", ["b", "c"]), TableNeed("d", [])])
            self.assertEqual((found.needs.update, found.needs.functions), ([TableNeed("e", [])], ["random"]))
        for wrong in ({"depends_on": some(1)}, {"dialects": some("oracle")}, {"needs": {"functions": some(1)}}):
            with self.assertRaises(TypeError):
                described({"summary": "x", **wrong})
        source = Source("t", columns=some("a", "b"), key=some("a"), parameters=some(1, 2))
        for _ in range(2):
            checked = source._checked()
            self.assertEqual((checked._requests(), list(checked.key)), ([("a", None), ("b", None)], ["a"]))
            self.assertEqual(list(checked.parameters), [1, 2])
        self.assertEqual(list(Target("t", "update", some("a"))._checked().key), ["a"])

    def test_descriptions(self):
        self.assertEqual(described({"summary": "x", "needs": {"insert": ["a"]}}).needs.insert, [TableNeed("a", [])])
        needs = Needs(read=[TableNeed("a", ("b",)), {"table": "c", "schema": "s"}], limits={"fuel": 7}, raw_sql=True)
        needs = described(Description("x", needs=needs)).needs
        self.assertEqual(needs.read, [TableNeed("a", ["b"]), TableNeed("c", [], "s")])
        self.assertEqual((needs.raw_sql, needs.limits, needs.drop), (True, {"fuel": 7}, []))
        for wrong, why in [
            ({"reads": ["a"]}, "no key `reads`"), ({"read": "a"}, "list of tables"), ({"read": [1]}, "no table"),
            ({"read": [{"columns": ["a"]}]}, "no `table`"), ({"read": [TableNeed("a", "b")]}, "list of texts"),
            ({"limits": {"wall_time": 1}}, "not a limit"), ({"limits": {"fuel": -1}}, "whole number"),
        ]:
            with self.assertRaisesRegex(TypeError, why):
                described({"summary": "x", "needs": wrong})
        for given, message in [
            (None, "no description"), ({"summery": "x"}, "no key `summery`"), ({}, "`summary`"), ({"summary": ""}, "one line"),
            ({"summary": "x", "mode": "fast"}, "`mode`"), ({"summary": "x", "dialects": ["oracle"]}, "`dialects`"),
            ({"summary": "x", "depends_on": "1"}, "list of texts"),
        ]:
            with self.assertRaisesRegex(TypeError, message):
                described(given)


class Calls(unittest.TestCase):
    def test_what_the_host_does_not_take_is_refused(self):
        fake_host(execute=lambda sql, values: 0)
        for wrong, message in [
            (lambda: progress(3 / 2), "1.5 is not a whole number, for `done`"), (lambda: progress(-1), "-1 is out of range, for `done`"),
            (lambda: progress(True), "True is not a whole number"), (lambda: progress(1, 2**64), "for `total` of `progress`"),
            (lambda: progress(1, 2, None), "None is not the name of a unit"), (lambda: progress(1, 2, "\ud800"), "surrogate"),
            (lambda: db.execute("SELECT '\ud800'"), "surrogate"), (lambda: db.query("\ud800"), "surrogate"),
            (lambda: db.read_table("\ud800"), "surrogate"), (lambda: db.read_table(Source("t", columns=["\ud800"])), "surrogate"),
            (lambda: db.read_table(Source("t", schema=5)), "5 is not the name of a schema, for the source"),
            (lambda: db.read_table(Source("t", filter=b"a")), "b'a' is not a condition: the source's `filter` is a text"),
            (lambda: db.read_table(Source("t", filter="\ud800")), "surrogate"), (lambda: db.read_table(5), "name of a table, for the source"),
            (lambda: db.write(Target("t", "insert", schema=5)), "5 is not the name of a schema, for the target"),
            (lambda: db.write(Target("t", "insert", key=["\ud800"])), "surrogate"),
            (lambda: described({"summary": "\ud800"}), "surrogate"), (lambda: described({"summary": "x", "depends_on": ["\ud800"]}), "surrogate"),
            (lambda: described({"summary": "x", "needs": {"read": ["\ud800"]}}), "surrogate"),
        ]:
            with self.assertRaises((TypeError, ValueError), msg=message) as raised:
                wrong()
            self.assertIn(message, str(raised.exception))
        progress(1)
        progress(1, 2, "files")

    def test_texts_are_no_lists(self):
        fake_host(execute=lambda sql, values: 0)
        with self.assertRaisesRegex(TypeError, "is not a list of statements: `execute` runs one"):
            db.execute_all("select 1")
        for columns in ["id", b"id"]:
            with self.assertRaisesRegex(TypeError, "is not a list of names, for `columns`"):
                db.read_table(Source("t", columns=columns))

    def test_a_writer_is_finished_by_its_with(self):
        class Handle:
            finished = 0

            def write(self, raw):
                return raw[0]

            def finish(self):
                self.finished += 1
                return 1

        def written(finish=False, fail=None):
            handle = Handle()
            with Writer(handle) as writer:
                writer.write(Batch({"n": Column("int64", [1])}))
                if finish:
                    writer.finish()
                if fail is not None:
                    raise fail
            return handle.finished

        self.assertEqual((written(), written(finish=True)), (1, 1))
        handle = Handle()
        with self.assertRaisesRegex(KeyError, "x"), Writer(handle):
            raise KeyError("x")
        self.assertEqual(handle.finished, 0)


class Errors(unittest.TestCase):
    def described(self, source):
        """What is said of the exception that a script ends with."""
        lines = source.split("\n")
        try:
            exec(compile(source, "script.py", "exec"), {"RunnerError": RunnerError})
        except BaseException as error:
            return describe_error(error, lambda file, line: lines[line - 1] if file == "script.py" else None)
        raise AssertionError("it did not fail")

    def test_a_cause_may_be_the_error_itself(self):
        kind, _, message, detail = self.described("error = ValueError('round')\nraise error from error")
        self.assertEqual((kind, message), ("failed", "ValueError: round"))
        self.assertEqual(detail, "at script.py:2:1: `raise error from error`")
        circle = "a, b = ValueError('a'), ValueError('b')\na.__cause__ = b\nraise b from a"
        self.assertEqual(self.described(circle)[2], "ValueError: b: ValueError: a")

    def test_an_error_without_a_text(self):
        head = "class Mute(Exception):\n    def __str__(self): return 1 / 0\n    __repr__ = __str__\n"
        self.assertEqual(self.described(f"{head}raise Mute()")[2], "Mute: (its message cannot be shown)")
        self.assertEqual(self.described(f"{head}raise ValueError('x') from Mute()")[2], "ValueError: x: Mute: (its message cannot be shown)")
        self.assertEqual(self.described(f"{head}raise KeyError(Mute())")[2], "KeyError: (its message cannot be shown)")
        note = f"{head}error = ValueError('x')\nerror.__notes__ = [Mute()]\nraise error"
        self.assertEqual(self.described(note)[2], "ValueError: x ((its message cannot be shown))")
        own = f"{head}error = RunnerError('x')\nerror.kind, error.code, error.detail = [], Mute(), Mute()\nraise error"
        kind, code, message, detail = self.described(own)
        self.assertEqual((kind, code, message), ("failed", "(its message cannot be shown)", "x"))
        self.assertTrue(detail.startswith("(its message cannot be shown); at script.py:6:1"), detail)
        bare = "class Bare(RunnerError):\n    def __init__(self): pass\nraise Bare()"
        self.assertEqual(self.described(bare)[:3], ("failed", "", "Bare"))

    def test_columns_are_counted_in_characters(self):
        self.assertIn("at script.py:1:8: `'äöü'; 1 / 0`", self.described("'äöü'; 1 / 0")[3])


class Loading(unittest.TestCase):
    def test_scripts_find_the_modules_of_their_directories(self):
        with tempfile.TemporaryDirectory() as directory:
            for revision, word in [("0001_a", "one"), ("0002_b", "two")]:
                inside = Path(directory, revision)
                inside.mkdir()
                Path(inside, "rules.py").write_text("from words import WORD\n")
                Path(inside, "words.py").write_text(f"WORD = {word!r}\n")
                Path(inside, "json.py").write_text("raise ImportError('the standard library comes first')\n")
                text = "import json\nfrom rules import WORD\n\n\ndef late():\n    import words\n\n    return words.WORD\n"
                Path(directory, f"{revision}.py").write_text(text)
            first = load(Path(directory, "0001_a.py"))
            self.assertEqual((first.WORD, first.late()), ("one", "one"))
            second = load(str(Path(directory, "0002_b.py")))
            self.assertEqual((first.WORD, second.WORD, second.late()), ("one", "two", "two"))
            with self.assertRaisesRegex(FileNotFoundError, "0003_c.py"):
                load(Path(directory, "0003_c.py"))
            broken = Path(directory, "0004_d.py")
            broken.write_text("import rules_of_nobody\n")
            with self.assertRaisesRegex(ModuleNotFoundError, "rules_of_nobody"):
                load(broken)
            self.assertNotIn("0004_d", sys.modules)


if __name__ == "__main__":
    unittest.main()
