"""Batches: some thousands of rows, as columns."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Optional, Union

from ._column import Column, type_of
from ._host import RawBatch
from ._values import again, name_of, shown

#: A row: the values of its columns by their names.
Row = dict[str, Any]


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
    def _of_rows(cls, rows: list[Row], types: Mapping[str, str], old: Optional[Mapping[str, Column]] = None) -> "Batch":
        if any(length != len(types) for length in set(map(len, rows))):
            for row, values in enumerate(rows):
                for name in values:
                    if name not in types:
                        raise KeyError(_Text(f"row {row} has the key `{name}`, which is no column: give its type in `types`"))
        made = cls()
        for name, type in types.items():
            name_of(name, "a column")
            try:
                values = [row[name] for row in rows]
            except KeyError:
                row = next(index for index, values in enumerate(rows) if name not in values)
                raise KeyError(_Text(f"row {row} has no value for the column `{name}`; use None for NULL")) from None
            column = (old or {}).get(name)
            # Types that are given are often those of the batch with some more.
            made._columns[name] = cls._column(name, values, type if column is None or column.type != type else column)
        made._rows = len(rows)
        return made

    @classmethod
    def _raw(cls, raw: RawBatch) -> "Batch":
        made = cls()
        made._rows = raw[0]
        made._columns = {name: Column._raw(rest) for name, *rest in raw[1]}  # type: ignore[arg-type]
        return made

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
            raise KeyError(_Text(f"the batch has no column `{name}`; it has {', '.join(self._columns) or 'none'}"))
        return column

    def __setitem__(self, name: str, values: Union[Column, Iterable[Any]]) -> None:
        name_of(name, "a column")
        old = self._columns.get(name)
        if isinstance(values, Column):
            column = values
        elif old is None:
            raise TypeError(f"the type of the new column `{name}` is not known: use `Column(type, values)`, or `set` with a type")
        else:
            column = self._column(name, values, old)
            if isinstance(values, array) and len(column) == len(old) and column.type == old.type:
                # The numbers are changed, and what is NULL stays so.
                column._nulls = old._nulls
        if self._rows is not None and len(column) != self._rows:
            raise ValueError(f"column `{name}` has {len(column)} entries, and the batch {self._rows} rows")
        self._rows = len(column)
        self._columns[name] = column

    def set(self, name: str, values: Union[Column, Iterable[Any]], type: Optional[str] = None) -> "Batch":
        """Replaces or adds a column, of that type, and returns the batch."""
        if type is None:
            self[name] = values
        elif isinstance(values, Column):
            self[name] = self._cast(name, values, type)
        else:
            self[name] = self._column(name, values, type)
        return self

    @staticmethod
    def _cast(name: str, column: Column, type: str) -> Column:
        try:
            return column if column.type == type else column.cast(type)
        except ValueError as error:
            raise ValueError(f"column `{name}`, {error}") from None

    @staticmethod
    def _column(name: str, values: Iterable[Any], like: Union[str, Column]) -> Column:
        """A column of a type, or of that of the column whose place it takes."""
        try:
            if isinstance(like, str):
                return Column(like, values)
            if not isinstance(values, array):
                values = Column._listed(values)
            return Column(like._type_for(values), values)
        except (TypeError, ValueError, OverflowError) as error:
            raise again(error, f"column `{name}`, {error}") from None

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
        return (dict(zip(names, row)) for row in zip(*[column.to_list() for column in self._columns.values()]))

    def map_rows(self, function: Callable[[Row], Any], types: Optional[Mapping[str, str]] = None) -> "Batch":
        """A batch of what the function returns for each row.

        A dict is a row, and ``None`` stands for the given row with its changes; a list of dicts is several rows, and an empty
        list drops the row. ``types`` names the columns of the result, if they are others.
        """
        types = self.types if types is None else types
        made: list[Row] = []
        for row in self.rows():
            result = function(row)
            if result is None:
                made.append(row)
            elif isinstance(result, dict):
                made.append(result)
            elif isinstance(result, (list, tuple)) and all(isinstance(it, dict) for it in result):
                made.extend(result)
            else:
                raise TypeError(f"the function returned {shown(result)} for a row: it returns a dict, None, or a list of dicts")
        return Batch._of_rows(made, types, self._columns)

    def filter_rows(self, function: Callable[[Row], Any]) -> "Batch":
        """A batch of the rows for which the function returns something true."""
        return Batch._of_rows([row for row in self.rows() if function(row)], self.types, self._columns)

    def __repr__(self) -> str:
        columns = ", ".join(f"{name} {type}" for name, type in self.types.items())
        return f"<Batch of {self.row_count} rows: {columns}>"


class _Text(str):
    """A text that `KeyError` shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)
