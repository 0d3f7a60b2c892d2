"""Changes of the schema that work on every database: tables, columns and indexes, described instead of written in SQL.

The host writes the statement. A migration under grants needs ``create``, ``alter`` or ``drop`` for the table, and no grant for
statements of its own::

    from runner_guest import schema
    from runner_guest.schema import CURRENT_TIMESTAMP, Column, decimal, varchar

    schema.create_table(
        "orders",
        [
            Column("id", "int64", identity=True),
            Column("item", varchar(200), not_null=True),
            Column("price", decimal(12, 2), not_null=True, default=0),
            Column("made_at", "timestamptz", not_null=True, default=CURRENT_TIMESTAMP),
        ],
        primary_key=["id"],
    )
    schema.create_index("orders_item", "orders", ["item"])
    schema.add_column("orders", Column("paid", "boolean", not_null=True, default=False))

All functions take ``schema=``, the schema of the table, if it is not the current one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, Optional, Union

from ._host import Tagged, host
from ._values import ENTRIES, again, name_of, shown, utf8, wrong

__all__ = [
    "CURRENT_TIMESTAMP", "Column", "DataType", "DeleteAction", "ForeignKey", "TypeName", "add_column", "create_index", "create_table",
    "decimal", "drop_column", "drop_index", "drop_table", "rename_column", "rename_table", "varchar",
]

#: The types without a size.
TypeName = Literal[
    "boolean", "int32", "int64", "float64", "text", "bytes", "date", "time", "timestamp", "timestamptz", "uuid", "json"
]
_TYPES = TypeName.__args__  # type: ignore[attr-defined]

#: What happens to a row whose referenced row is deleted: deleting it is refused, the row is deleted too, or its columns of the
#: foreign key become NULL.
DeleteAction = Literal["refuse", "cascade", "set-null"]
_ACTIONS = DeleteAction.__args__  # type: ignore[attr-defined]

#: The bounds of every database.
_VARCHAR, _PRECISION, _SCALE = 16_383, 65, 30


@dataclass(frozen=True)
class DataType:
    """The type of a column. `varchar` and `decimal` make those with a size; the name alone will do for the others."""

    name: str
    #: The characters of a varchar, or the digits of a decimal.
    size: int = 0
    #: The digits of a decimal after the decimal point.
    scale: int = 0

    def __post_init__(self) -> None:
        if self.name == "varchar":
            _size(self.size, "the length of a varchar", 1, _VARCHAR)
        elif self.name == "decimal":
            _size(self.size, "the precision of a decimal", 1, _PRECISION)
            _size(self.scale, f"the scale of a decimal of {self.size} digits", 0, min(_SCALE, self.size))
        elif not isinstance(self.name, str) or self.name not in _TYPES:
            raise wrong(self.name, f"a type; types are {', '.join(_TYPES)}, varchar(…) and decimal(…)")

    def __str__(self) -> str:
        sizes = {"varchar": f"({self.size})", "decimal": f"({self.size}, {self.scale})"}
        return self.name + sizes.get(self.name, "")


class _CurrentTimestamp:
    def __repr__(self) -> str:
        return "CURRENT_TIMESTAMP"


#: The time of the insert, as the default of a ``"timestamptz"``.
CURRENT_TIMESTAMP: Final[Any] = _CurrentTimestamp()


def varchar(length: int) -> DataType:
    """Text of at most that many characters, 1 to 16,383. SQLite does not enforce it."""
    return DataType("varchar", length)


def decimal(precision: int, scale: int) -> DataType:
    """An exact decimal number of 1 to 65 digits, ``scale`` of them after the decimal point, 30 at most."""
    return DataType("decimal", precision, scale)


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    #: Its name.
    name: str
    #: Its type: a name such as ``"int64"``, `varchar` or `decimal`.
    type: Union[TypeName, DataType]
    #: Whether it refuses NULL. The columns of a primary key do in any case.
    not_null: bool = False
    #: What it contains where an insert does not say: a value of its type, or `CURRENT_TIMESTAMP`. ``None``: NULL.
    default: Any = None
    #: Whether the database numbers the rows: for an ``"int64"`` that is the only column of the primary key of a new table.
    identity: bool = False

    def __post_init__(self) -> None:
        name_of(self.name, "a column")
        what = f"the column `{self.name}`"
        _flag(self.not_null, "not_null", what)
        _flag(self.identity, "identity", what)
        self._parts()

    def _parts(self) -> tuple[DataType, Optional[Tagged]]:
        """The type, and the default on its way to the host, unless it is NULL or the time of the insert."""
        type = _data_type(self.type, f"the column `{self.name}`")
        if self.default is None:
            return type, None
        what = f"the default of the column `{self.name}`"
        if self.default is CURRENT_TIMESTAMP:
            if type.name != "timestamptz":
                raise TypeError(f"{what}, a {type}, is the current time, which only a timestamptz can have")
            return type, None
        try:
            return type, _literal(type, self.default)
        except (TypeError, ValueError, OverflowError) as error:
            raise again(error, f"{what}: {error}") from None


@dataclass(frozen=True)
class ForeignKey:
    """A reference to the rows of a table."""

    #: The columns that refer.
    columns: Iterable[str]
    #: The table that they refer to.
    references: str
    #: Its columns, a primary key or unique.
    referenced: Iterable[str]
    #: What happens when a referenced row is deleted.
    on_delete: DeleteAction = "refuse"
    #: The schema of that table.
    schema: Optional[str] = None

    def __post_init__(self) -> None:
        for key in ("columns", "referenced"):
            object.__setattr__(self, key, _names(getattr(self, key), f"`{key}` of a foreign key"))
        _table(self.references, self.schema)
        if self.on_delete not in _ACTIONS:
            raise TypeError(f"{shown(self.on_delete)} is not a value of `on_delete`; values are {', '.join(_ACTIONS)}")


@dataclass(frozen=True)
class TableName:
    """The name of a table, on its way to the host."""

    schema: Optional[str]
    table: str


@dataclass(frozen=True)
class NewTable:
    """A new table, on its way to the host."""

    table: TableName
    columns: list[Column]
    primary_key: list[str]
    unique: list[list[str]]
    foreign_keys: list[ForeignKey]


@dataclass(frozen=True)
class NewIndex:
    """A new index, on its way to the host."""

    name: str
    table: TableName
    columns: list[str]
    unique: bool


def create_table(
    table: str,
    columns: Iterable[Column],
    *,
    primary_key: Iterable[str] = (),
    unique: Iterable[Iterable[str]] = (),
    foreign_keys: Iterable[ForeignKey] = (),
    schema: Optional[str] = None,
) -> None:
    """Creates a table. It is an error if one of that name exists.

    ``unique`` has a list of columns for each such constraint: ``unique=[["email"], ["country", "number"]]``.
    """
    what = f"the table `{table}`"
    host().change_schema("create_table", NewTable(
        _table(table, schema), _all(columns, Column, f"`columns` of {what}"), _names(primary_key, f"`primary_key` of {what}"),
        [_names(each, f"each constraint in `unique` of {what}") for each in _list(unique, f"`unique` of {what}")],
        _all(foreign_keys, ForeignKey, f"`foreign_keys` of {what}"),
    ))


def drop_table(table: str, *, schema: Optional[str] = None) -> None:
    """Drops a table. It is an error if it does not exist, or if something depends on it."""
    host().change_schema("drop_table", _table(table, schema))


def rename_table(table: str, to: str, *, schema: Optional[str] = None) -> None:
    """Gives a table another name in the same schema. Denied to migrations under grants."""
    host().change_schema("rename_table", _table(table, schema), name_of(to, "a table"))


def add_column(table: str, column: Column, *, schema: Optional[str] = None) -> None:
    """Adds a column. One that refuses NULL needs a default, for the rows that exist."""
    if not isinstance(column, Column):
        raise wrong(column, "a column: use `schema.Column(name, type)`")
    host().change_schema("add_column", _table(table, schema), column)


def drop_column(table: str, column: str, *, schema: Optional[str] = None) -> None:
    """Drops a column and its values. It is an error if something depends on it."""
    host().change_schema("drop_column", _table(table, schema), name_of(column, "a column"))


def rename_column(table: str, column: str, to: str, *, schema: Optional[str] = None) -> None:
    """Gives a column another name."""
    host().change_schema("rename_column", _table(table, schema), name_of(column, "a column"), name_of(to, "a column"))


def create_index(
    name: str, table: str, columns: Iterable[str], *, unique: bool = False, schema: Optional[str] = None
) -> None:
    """Creates an index, in the schema of its table. A unique one lets no two rows be equal in these columns."""
    what = f"the index `{name_of(name, 'an index')}`"
    index = NewIndex(name, _table(table, schema), _names(columns, f"`columns` of {what}"), _flag(unique, "unique", what))
    host().change_schema("create_index", index)


def drop_index(table: str, index: str, *, schema: Optional[str] = None) -> None:
    """Drops an index of a table."""
    host().change_schema("drop_index", _table(table, schema), name_of(index, "an index"))


def _literal(type: DataType, value: Any) -> Tagged:
    kind = {"int32": "int64", "varchar": "text"}.get(type.name, type.name)
    # To Python, a boolean is a number as well.
    if isinstance(value, bool) != (kind == "boolean") and kind != "json":
        raise wrong(value, f"of the type {type}")
    if kind == "boolean":
        return kind, value
    inside = ENTRIES[kind](value)
    if type.name == "int32" and not -(2**31) <= inside < 2**31:
        raise OverflowError(f"{shown(value)} does not fit into 32 bits")
    return kind, inside


def _data_type(value: Any, what: str) -> DataType:
    if isinstance(value, DataType):
        return value
    if value in ("varchar", "decimal"):
        example = "varchar(200)" if value == "varchar" else "decimal(12, 2)"
        raise TypeError(f"{what}: a {value} has a size, so write `schema.{example}`")
    try:
        return DataType(value)
    except TypeError as error:
        raise TypeError(f"{what}: {error}") from None


def _size(value: Any, what: str, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{what} is {shown(value)}, which is not a whole number")
    if not least <= value <= most:
        raise ValueError(f"{what} is {shown(value)}; it is {least} to {most:,}")


def _table(table: Any, schema: Any) -> TableName:
    if schema is not None:
        name_of(schema, "a schema")
    return TableName(schema, name_of(table, "a table"))


def _flag(value: Any, key: str, what: str) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{shown(value)} is neither True nor False, for `{key}` of {what}")
    return value


def _list(values: Any, place: str) -> list[Any]:
    if isinstance(values, (str, bytes, dict)) or not hasattr(values, "__iter__"):
        raise TypeError(f"{shown(values)} is not a list, for {place}")
    return list(values)


def _all(values: Any, kind: type, place: str) -> list[Any]:
    found = _list(values, place)
    for value in found:
        if not isinstance(value, kind):
            raise TypeError(f"{shown(value)} is not a `schema.{kind.__name__}`, for {place}")
    return found


def _names(names: Any, place: str) -> list[str]:
    found = _list(names, place)
    for name in found:
        if not isinstance(name, str):
            raise TypeError(f"{shown(name)} is not a name, for {place}")
        utf8(name)
    return found
