"""Batches: some thousands of rows, as columns."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any, Optional, Union

from ._column import Column, type_of
from ._errors import Text, in_row, refuse_async
from ._host import RawBatch
from ._values import again, name_of, shown

#: A row: the values of its columns by their names.
Row = dict[str, Any]


@lru_cache(maxsize=16)
def _maker(names: tuple[str, ...]) -> Callable[[list[list[Any]]], Iterator[Row]]:
    """What makes rows of columns. Code with the names in it takes half the time of ``dict(zip(names, row))``."""
    values = [f"value_{index}" for index in range(len(names))]
    row = ", ".join(f"{name!r}: {value}" for name, value in zip(names, values))
    made: Callable[[list[list[Any]]], Iterator[Row]] = eval(f"lambda columns: ({{{row}}} for {', '.join(values)}, in zip(*columns))")
    return made


class Batch:
    """Rows as columns. ``batch["name"]`` is a column, and ``batch["name"] = …`` replaces or adds one."""

    __slots__ = ("_columns", "_rows")

    def __init__(self, columns: Optional[Mapping[str, Column]] = None) -> None:
        self._columns: dict[str, Column] = {}
        self._rows: Optional[int] = None
        for name, column in (columns or {}).items():
            self[name] = column

    @classmethod
    def from_rows(cls, rows: Iterable[Row], types: Mapping[str, str]) -> "Batch":
        """A batch of rows. ``types`` names the columns and their types: ``{"id": "int64", "name": "text"}``."""
        for type in types.values():
            type_of(type)
        return cls._of_rows(list(rows), types)

    @classmethod
    def _of_rows(
        cls, rows: list[Row], types: Mapping[str, str], old: Optional[Mapping[str, Column]] = None, of_chunk: bool = False
    ) -> "Batch":
        def refuse(row: int, message: str) -> KeyError:
            error = KeyError(Text(message))
            in_row(error, row, of_chunk, rows[row])
            return error

        if any(length != len(types) for length in set(map(len, rows))):
            for row, values in enumerate(rows):
                for name in values:
                    if name not in types:
                        raise refuse(
                            row,
                            f"the row has a key `{name}`, which is no column; the columns are {', '.join(types) or 'none'}. For a "
                            "further one, give its type in `types`",
                        )
        made = cls()
        for name in types:
            name_of(name, "a column")
        try:
            # A single name gives values in place of tuples.
            columns = zip(*map(itemgetter(*types), rows)) if len(types) > 1 else [[row[name] for row in rows] for name in types]
            lists = list(map(list, columns)) if rows else [[] for _ in types]
        except KeyError:
            row, name = next((row, name) for row, values in enumerate(rows) for name in types if name not in values)
            raise refuse(row, f"the row has no value for the column `{name}`; use None for NULL") from None
        for (name, type), entries in zip(types.items(), lists):
            column = (old or {}).get(name)
            # Types that are given are often those of the batch with some more.
            like = type if column is None or column.type != type else column
            made._columns[name] = cls._column(name, entries, like, of_chunk)
        made._rows = len(rows)
        return made

    @classmethod
    def _raw(cls, raw: RawBatch, of_chunk: bool = False) -> "Batch":
        made = cls()
        made._rows = raw[0]
        made._columns = {name: Column._raw(rest, of_chunk) for name, *rest in raw[1]}  # type: ignore[arg-type]
        return made

    @property
    def _of_chunk(self) -> bool:
        """Whether its rows are those of the chunk that the host has passed."""
        return any(column._of_chunk for column in self._columns.values())

    def _dump(self) -> RawBatch:
        return self.row_count, [(name, *column._dump()) for name, column in self._columns.items()]

    @property
    def row_count(self) -> int:
        """The number of rows."""
        return self._rows or 0

    def __len__(self) -> int:
        return self.row_count

    @property
    def names(self) -> list[str]:
        """The names of its columns."""
        return list(self._columns)

    @property
    def types(self) -> dict[str, str]:
        """The types of its columns by their names."""
        return {name: column.type for name, column in self._columns.items()}

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        """The names of its columns, as those of a dict; `rows` has the rows."""
        return iter(list(self._columns))

    def __getitem__(self, name: str) -> Column:
        column = self._columns.get(name)
        if column is None:
            raise KeyError(Text(f"the batch has no column `{name}`; it has {', '.join(self._columns) or 'none'}"))
        return column

    def __setitem__(self, name: str, values: Union[Column, Iterable[Any]]) -> None:
        name_of(name, "a column")
        old = self._columns.get(name)
        if isinstance(values, Column):
            column = values
        elif old is None:
            raise TypeError(f"the type of the new column `{name}` is not known: use `Column(type, values)`, or `set` with a type")
        else:
            column = self._column(name, values, old, self._of_chunk)
            if isinstance(values, array) and len(column) == len(old) and column.type == old.type:
                # The numbers are changed, and what is NULL stays so.
                column._nulls = old._nulls
        if self._rows is not None and len(column) != self._rows:
            raise ValueError(f"column `{name}` has {len(column)} entries, and the batch {self._rows} rows")
        self._rows = len(column)
        column._of_chunk = column._of_chunk or self._of_chunk
        self._columns[name] = column

    def set(self, name: str, values: Union[Column, Iterable[Any]], type: Optional[str] = None) -> "Batch":
        """Replaces or adds a column, of that type, and returns the batch."""
        if type is None:
            self[name] = values
        elif isinstance(values, Column):
            self[name] = self._cast(name, values, type)
        else:
            self[name] = self._column(name, values, type, self._of_chunk)
        return self

    @staticmethod
    def _cast(name: str, column: Column, type: str) -> Column:
        try:
            return column if column.type == type else column.cast(type)
        except ValueError as error:
            named = ValueError(f"column `{name}`, {error}")
            # The row that it is of.
            vars(named).update(vars(error))
            raise named from None

    @staticmethod
    def _column(name: str, values: Iterable[Any], like: Union[str, Column], of_chunk: bool = False) -> Column:
        """A column of a type, or of that of the column whose place it takes."""
        try:
            if isinstance(like, str):
                return Column(like, values)
            if not isinstance(values, array):
                values = Column._listed(values)
            return Column(like._type_for(values), values)
        except (TypeError, ValueError, OverflowError) as error:
            text = str(error)
            if of_chunk and text.startswith("entry "):
                # The host knows its key.
                text = f"{{row {text[6:].replace(':', '}:', 1)}"
            raise again(error, f"column `{name}`, {text}") from None

    def __delitem__(self, name: str) -> None:
        self[name]
        del self._columns[name]

    def rename(self, old: str, new: str) -> "Batch":
        """Gives a column another name, and returns the batch."""
        self[old]
        name_of(new, "a column")
        if new in self._columns and new != old:
            raise ValueError(f"the batch has a column `{new}` already")
        self._columns = {new if name == old else name: column for name, column in self._columns.items()}
        return self

    def select(self, names: Iterable[str]) -> "Batch":
        """A batch of these columns."""
        made = Batch({name: self[name] for name in names})
        made._rows = self._rows
        return made

    def row(self, index: int) -> Row:
        """One row."""
        return {name: column[index] for name, column in self._columns.items()}

    def rows(self) -> Iterator[Row]:
        """All rows, one after the other."""
        names = tuple(self._columns)
        if not names:
            return iter([{} for _ in range(self.row_count)])
        return _maker(names)([column.to_list() for column in self._columns.values()])

    def map_rows(self, function: Callable[[Row], Any], types: Optional[Mapping[str, str]] = None) -> "Batch":
        """A batch of what the function returns for each row.

        A dict is a row, and ``None`` stands for the given row with its changes; a list of dicts is several rows, and an empty
        list drops the row. ``types`` names the columns of the result, if they are others.
        """
        types = self.types if types is None else types
        made: list[Row] = []
        at, is_same = 0, True
        try:
            for at, row in enumerate(self.rows()):
                result = function(row)
                if result is None:
                    made.append(row)
                elif isinstance(result, dict):
                    made.append(result)
                elif isinstance(result, (list, tuple)) and all(isinstance(it, dict) for it in result):
                    is_same = False
                    made.extend(result)
                else:
                    refuse_async(result)
                    raise TypeError(f"the function returned {shown(result)} for a row: it returns a dict, None, or a list of dicts")
        except BaseException as error:
            self._failed(error, at)
            raise
        return Batch._of_rows(made, types, self._columns, is_same and self._of_chunk)

    def _failed(self, error: BaseException, row: int) -> None:
        if row < self.row_count:
            in_row(error, row, self._of_chunk, self.row(row))

    def filter_rows(self, function: Callable[[Row], Any]) -> "Batch":
        """A batch of the rows for which the function returns something true."""
        made: list[Row] = []
        at = 0
        try:
            for at, row in enumerate(self.rows()):
                kept = function(row)
                if kept:
                    if kept is not True:
                        refuse_async(kept)
                    made.append(row)
        except BaseException as error:
            self._failed(error, at)
            raise
        return Batch._of_rows(made, self.types, self._columns)

    def __repr__(self) -> str:
        columns = ", ".join(f"{name} {type}" for name, type in self.types.items())
        return f"<Batch of {self.row_count} rows: {columns}>"
