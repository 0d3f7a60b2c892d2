"""The database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Optional, Union

from ._batch import Batch, Row
from ._column import type_of
from ._errors import RunnerError
from ._host import host
from ._values import keep, name_of, of_tagged, shown, tagged_all, utf8

MODES = ("insert", "update", "upsert", "delete")


@dataclass(frozen=True)
class Source:
    """The rows of a table, in the order of its key."""

    #: The table or view.
    table: str
    #: The columns to read, all by default; a dict also says in which type: ``{"id": None, "price": "decimal"}``.
    columns: Union[Sequence[str], Mapping[str, Optional[str]]] = ()
    #: The columns that identify a row; the primary key by default.
    key: Sequence[str] = ()
    #: An SQL condition.
    filter: Optional[str] = None
    #: The values of the condition's placeholders.
    parameters: Sequence[Any] = ()
    #: From the greatest key to the least.
    descending: bool = False
    #: The table's schema.
    schema: Optional[str] = None

    def __post_init__(self) -> None:
        keep(self, "columns", "key", "parameters")

    def _checked(self) -> "Source":
        _table(self.table, self.schema, "the source")
        _names("columns", self.columns)
        if isinstance(self.columns, Mapping):
            for type in self.columns.values():
                if type is not None:
                    type_of(type)
        _names("key", self.key)
        if self.filter is not None:
            if not isinstance(self.filter, str):
                raise TypeError(f"{shown(self.filter)} is not a condition: the source's `filter` is a text")
            utf8(self.filter)
        return self

    def _requests(self) -> list[tuple[str, Optional[str]]]:
        if isinstance(self.columns, Mapping):
            return [(name, None if type is None else type_of(type)[0]) for name, type in self.columns.items()]
        return [(name, None) for name in self.columns]


@dataclass(frozen=True)
class Target:
    """The table that rows are written to."""

    #: The table.
    table: str
    #: What to do with each row: ``"insert"``, ``"update"``, ``"upsert"`` or ``"delete"``.
    mode: str
    #: The columns that identify a row; the primary key by default.
    key: Sequence[str] = ()
    #: The table's schema.
    schema: Optional[str] = None

    def __post_init__(self) -> None:
        keep(self, "key")

    def _checked(self) -> "Target":
        _table(self.table, self.schema, "the target")
        if self.mode not in MODES:
            raise TypeError(f"{shown(self.mode)} is not a mode; the target's `mode` is one of {', '.join(MODES)}")
        _names("key", self.key)
        return self


@dataclass(frozen=True)
class TransformReport:
    """What a transform did."""

    rows_read: int
    rows_written: int
    chunks: int


def _table(table: Any, schema: Any, what: str) -> None:
    name_of(table, f"a table, for {what}")
    if schema is not None:
        name_of(schema, f"a schema, for {what}")


def _names(what: str, names: Any) -> None:
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"{shown(names)} is not a list of names, for `{what}`")
    for name in names:
        utf8(name)


def _source(source: Union[str, Source]) -> Source:
    return (source if isinstance(source, Source) else Source(source))._checked()


def _sql(sql: Any) -> str:
    if not isinstance(sql, str):
        raise TypeError(f"{shown(sql)} is not a statement: a statement is a text")
    utf8(sql)
    return sql


class Reader:
    """Reads a result one batch at a time: ``for batch in db.read(…)``."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def next(self) -> Optional[Batch]:
        """The next batch; ``None`` after the last."""
        if self._handle is None:
            return None
        raw = self._handle.next()
        if raw is None:
            self.close()
            return None
        return Batch._raw(raw)

    def __iter__(self) -> Iterator[Batch]:
        try:
            while (batch := self.next()) is not None:
                yield batch
        finally:
            self.close()

    def rows(self) -> Iterator[Row]:
        """The rows of all batches."""
        for batch in self:
            yield from batch.rows()

    def close(self) -> None:
        """Ends reading early."""
        if self._handle is not None:
            self._handle.close()
        self._handle = None

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


class Writer:
    """Writes rows one batch at a time. One that is not finished fails the migration; the end of a `with` finishes it."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        self._is_finished = False

    def write(self, batch: Batch) -> int:
        """Writes a batch, and returns the number of rows changed."""
        if not isinstance(batch, Batch):
            raise TypeError(f"{shown(batch)} is not a batch")
        return self._handle.write(batch._dump())

    def finish(self) -> int:
        """Ends writing, and returns the number of rows changed by all batches."""
        self._is_finished = True
        return self._handle.finish()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        # What was raised is the failure to tell of.
        if kind is None and not self._is_finished:
            self.finish()


class Rows(list):  # type: ignore[type-arg]
    """The rows of a result, with the names of its columns."""

    columns: list[str]


def _only(rows: list[Any], sql: str) -> Any:
    if len(rows) > 1:
        raise RunnerError(f"the query returned {len(rows)} rows, but one was expected", detail=sql)
    return rows[0] if rows else None


class Database:
    """The database that the migration runs on. Placeholders are its own: ``?`` or ``?1``, ``$1``, or ``?``."""

    @property
    def dialect(self) -> str:
        """``"sqlite"``, ``"postgres"``, ``"mysql"`` or ``"mariadb"``."""
        return host().dialect()

    @property
    def server_version(self) -> str:
        """The version that the server reports."""
        return host().server_version()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Runs a statement, and returns the number of rows changed."""
        return host().execute(_sql(sql), tagged_all(parameters))

    def execute_all(self, statements: Iterable[str]) -> None:
        """Runs statements without parameters, in order."""
        if isinstance(statements, (str, bytes)):
            raise TypeError(f"{shown(statements)} is not a list of statements: `execute` runs one")
        for sql in statements:
            self.execute(sql)

    def query_tuples(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """All rows of a small result, as tuples."""
        columns, rows = host().query(_sql(sql), tagged_all(parameters))
        made = Rows(tuple(map(of_tagged, row)) for row in rows)
        made.columns = columns
        return made

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """All rows of a small result, as dicts."""
        tuples = self.query_tuples(sql, parameters)
        if len(set(tuples.columns)) < len(tuples.columns):
            raise RunnerError("two columns of the result have the same name; name them with AS, or use `query_tuples`", detail=sql)
        made = Rows(dict(zip(tuples.columns, row)) for row in tuples)
        made.columns = tuples.columns
        return made

    def query_optional(self, sql: str, parameters: Sequence[Any] = ()) -> Optional[Row]:
        """The only row, or ``None`` if there is none."""
        return _only(self.query(sql, parameters), sql)

    def query_one(self, sql: str, parameters: Sequence[Any] = ()) -> Row:
        """The only row."""
        row = self.query_optional(sql, parameters)
        if row is None:
            raise RunnerError("the query returned no rows, but one was expected", detail=sql)
        return row

    def query_scalar(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The only value of the only row."""
        row = _only(self.query_tuples(sql, parameters), sql)
        if row is None:
            raise RunnerError("the query returned no rows, but one was expected", detail=sql)
        if len(row) != 1:
            raise RunnerError(f"the query returned {len(row)} columns, but one was expected", detail=sql)
        return row[0]

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> Reader:
        """Reads the result of any SELECT in batches."""
        return Reader(host().read(_sql(sql), tagged_all(parameters)))

    def read_table(self, source: Union[str, Source]) -> Reader:
        """Reads a table in batches, in the order of its key."""
        checked = _source(source)
        return Reader(host().read_table(checked, tagged_all(checked.parameters)))

    def write(self, target: Target) -> Writer:
        """Opens a writer."""
        if not isinstance(target, Target):
            raise TypeError(f"{shown(target)} is no target: use `Target(table, mode)`")
        return Writer(host().write(target._checked()))

    def transform(
        self,
        function: Union[Callable[[Batch], Batch], str],
        source: Union[str, Source],
        target: Optional[Target] = None,
    ) -> TransformReport:
        """Passes a table through a batch function, in parallel where that is possible.

        The function is one at the top level of the script, or its name. By default it updates the rows that it reads.
        """
        rows = _source(source)
        into = Target(rows.table, "update", rows.key, rows.schema) if target is None else target
        if not isinstance(into, Target):
            raise TypeError(f"{shown(into)} is no target: use `Target(table, mode)`")
        name = host().function_name(function)
        if name is None:
            called = getattr(function, "__name__", function)
            raise TypeError(f"`{called}` is no function at the top level of the script: a batch function has to be")
        return TransformReport(*host().transform(name, rows, tagged_all(rows.parameters), into._checked()))


#: The database that the migration runs on.
db = Database()
