"""Columns: the values of many rows at once."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from itertools import accumulate, repeat
from math import isinf
from operator import length_hint
from typing import Any, Optional, Union

from ._errors import in_row, refuse_async
from ._values import ENTRIES, OBJECTS, TYPES, Json, Native, again, kind_of, shown, utf8, wrong

#: The typed array of each type of fixed width. A UUID is two numbers.
CODES = {
    "boolean": "B", "int64": "q", "float64": "d", "date": "i", "time": "q", "timestamp": "q", "timestamptz": "q", "uuid": "Q",
}
#: The types whose entries are texts.
TEXTS = ("text", "decimal", "json", "native")
_LOW = 2**64 - 1


def type_of(name: Any) -> tuple[str, str]:
    """A type, and the name of a native one: ``native:inet``."""
    if isinstance(name, str):
        if name.startswith("native:") and len(name) > 7:
            utf8(name)
            return "native", name[7:]
        if name in TYPES and name != "native":
            return name, ""
    raise TypeError(f"{shown(name)} is not a type; types are {', '.join(TYPES[:-1])}, and native:NAME")


class Column:
    """One column of a batch.

    ``Column("text", ["a", None])`` makes one of values. It is a sequence: ``len(column)``, ``column[3]``, iteration, and
    ``column[3] = value`` unless the type has entries of variable length. ``column[1:3]`` is a column of these rows.
    """

    __slots__ = ("_type", "_type_name", "_nulls", "_data", "_array", "_offsets", "_bounds", "_of_chunk")

    def __init__(self, type: str, values: Iterable[Any]) -> None:
        kind, name = type_of(type)
        self._type, self._type_name = kind, name
        self._array: Any = None
        self._bounds: Any = None
        # Whether its rows are those of the chunk that the host has passed, which knows their keys.
        self._of_chunk = False
        self._offsets = b""
        self._data: bytes = b""
        self._nulls: Any = b""
        if isinstance(values, array) and CODES.get(kind) == values.typecode:
            self._array = array(values.typecode, values)
        else:
            self._fill(self._listed(values))

    @staticmethod
    def _listed(values: Any) -> list[Any]:
        if isinstance(values, (str, bytes, dict)) or not hasattr(values, "__iter__"):
            raise wrong(values, "a list of values")
        return values if isinstance(values, list) else list(values)

    @classmethod
    def _raw(cls, raw: tuple[str, str, Any, Any, Any], of_chunk: bool = False) -> "Column":
        made = object.__new__(cls)
        made._of_chunk = of_chunk
        made._type, made._type_name, made._nulls, made._offsets, made._data = raw
        made._array = made._bounds = None
        return made

    def _dump(self) -> tuple[str, str, bytes, bytes, bytes]:
        data = self._data if self._array is None else self._array.tobytes()
        return self._type, self._type_name, bytes(self._nulls), self._offsets, data

    def _of_texts(self, values: list[str]) -> "Column":
        """A column of texts; those of NULLs have no meaning."""
        made = Column._raw(("text", "", self._nulls, b"", b""), self._of_chunk)
        made._join(values)
        return made

    def _join(self, values: list[Any]) -> None:
        if self._type != "bytes":
            whole = "".join(values)
            if whole.isascii():
                self._data, lengths = whole.encode(), map(len, values)
                self._offsets = array("I", accumulate(lengths, initial=0)).tobytes()
                return
            values = list(map(utf8, values))
        self._data = b"".join(values)
        self._offsets = array("I", accumulate(map(len, values), initial=0)).tobytes()

    def _fill(self, values: list[Any]) -> None:
        kind = self._type
        kinds = set(map(type, values))
        if type(None) in kinds:
            self._nulls = bytes([value is None for value in values])
            kinds.discard(type(None))
        # Values of the very type cross as they are; others are looked at one by one.
        plain = _PLAIN.get(kind)
        if kinds and kinds != {plain}:
            values = [None if value is None else self._entry(row, value) for row, value in enumerate(values)]
        if kind in CODES:
            if self._nulls:
                values = [0 if value is None else value for value in values]
            if kind == "uuid":
                values = [half for value in values for half in (value >> 64, value & _LOW)]
            try:
                self._array = array(CODES[kind], values)
            except OverflowError:
                for row, value in enumerate(values):
                    self._entry(row, value)
                raise
        else:
            empty: Any = b"" if kind == "bytes" else ""
            try:
                self._join([empty if value is None else value for value in values] if self._nulls else values)
            except ValueError:
                for row, value in enumerate(values):
                    if value is not None:
                        self._entry(row, value)
                raise

    def _entry(self, row: int, value: Any) -> Any:
        """What a value that is not NULL is made of."""
        try:
            if self._type == "boolean":
                if not isinstance(value, bool):
                    raise wrong(value, "a boolean")
                return int(value)
            if self._type == "native":
                if isinstance(value, Native):
                    if value.type_name != self._type_name:
                        raise TypeError(f"the value is of the type `{value.type_name}`, the column of `{self._type_name}`")
                    value = value.text
                return ENTRIES["text"](value)
            return ENTRIES[self._type](value)
        except (TypeError, ValueError, OverflowError) as error:
            raise again(error, f"entry {row}: {error}") from None

    # What it is.

    @property
    def type(self) -> str:
        """The type of its entries; of a native type, ``native:NAME``."""
        return f"native:{self._type_name}" if self._type == "native" else self._type

    def __len__(self) -> int:
        if self._type in CODES:
            size = len(self._data) // array(CODES[self._type]).itemsize if self._array is None else len(self._array)
            return size // 2 if self._type == "uuid" else size
        return max(len(self._offsets) // 4 - 1, 0)

    @property
    def null_count(self) -> int:
        """The number of NULLs."""
        return sum(self._nulls)

    def is_null(self, row: int) -> bool:
        """Whether that entry is NULL."""
        row = self._row(row)
        return bool(self._nulls) and self._nulls[row] != 0

    @property
    def values(self) -> Any:
        """The entries without conversion.

        An ``array.array`` of the numbers, to be changed in place: microseconds of times, days of dates, two numbers for a
        UUID. Of types of variable length, the ``bytes`` of all entries end to end.
        """
        code = CODES.get(self._type)
        if code is None:
            return self._data
        if self._array is None:
            self._array = array(code, self._data)
            self._data = b""
        return self._array

    @property
    def offsets(self) -> Optional[memoryview]:
        """Of types of variable length: entry ``i`` is ``values[offsets[i]:offsets[i + 1]]``."""
        if self._type in CODES:
            return None
        if self._bounds is None:
            self._bounds = memoryview(self._offsets).cast("I")
        return self._bounds

    def _row(self, row: int) -> int:
        count = len(self)
        if not isinstance(row, int):
            raise TypeError(f"{shown(row)} is not a row: rows of a column are numbers, from 0")
        if not -count <= row < count:
            raise IndexError(f"there is no entry {row} in a column of {count}")
        return row % count if count else 0

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return self._part(row)
        row = self._row(row)
        if self._nulls and self._nulls[row]:
            return None
        if self._type == "uuid":
            entry: Any = self.values[2 * row] << 64 | self.values[2 * row + 1]
        elif self._type in CODES:
            entry = self.values[row]
        else:
            bounds = self.offsets
            assert bounds is not None
            entry = self._data[bounds[row] : bounds[row + 1]]
            if self._type != "bytes":
                entry = entry.decode()
        if self._type == "native":
            return Native(self._type_name, entry)
        convert = OBJECTS.get(self._type)
        return entry if convert is None else convert(entry)

    def _part(self, rows: Any) -> "Column":
        """A column of some of the rows, in the order of a slice."""
        nulls = bytes(self._nulls)[rows]
        made = Column._raw((self._type, self._type_name, nulls, b"", b""))
        if self._type not in CODES:
            made._join(self._texts()[rows])
        elif self._type == "uuid":
            made._array = array("Q", [self.values[2 * row + half] for row in range(len(self))[rows] for half in (0, 1)])
        else:
            made._array = self.values[rows]
        return made

    def __setitem__(self, row: int, value: Any) -> None:
        row = self._row(row)
        kind = self._type_for([value])
        if kind != self._type and kind in CODES:
            self._type, self._offsets, self._bounds, self._data = kind, b"", None, b""
            self._array = array(CODES[kind], [0]) * (len(self._nulls) * (2 if kind == "uuid" else 1))
        if self._type not in CODES:
            raise TypeError(f"single entries of the type {self.type} cannot be replaced; make a column with `map`")
        if value is None or self._nulls:
            nulls = bytearray(self._nulls) or bytearray(len(self))
            nulls[row] = value is None
            self._nulls = nulls
        entry = 0 if value is None else self._entry(row, value)
        if self._type == "uuid":
            self.values[2 * row], self.values[2 * row + 1] = entry >> 64, entry & _LOW
        else:
            self.values[row] = entry

    def __iter__(self) -> Iterator[Any]:
        return iter(self.to_list())

    def __repr__(self) -> str:
        head = [self[row] for row in range(min(len(self), 5))]
        return f"<Column {self.type} of {len(self)} rows: {head!r}{'…' if len(self) > 5 else ''}>"

    def _texts(self) -> list[Any]:
        """All entries of a type of variable length; those of NULLs have no meaning."""
        data: Any = self._data
        if self._type != "bytes" and data.isascii():
            data = data.decode()
        bounds = memoryview(self._offsets).cast("I").tolist()
        entries = [data[start:end] for start, end in zip(bounds, bounds[1:])]
        return entries if self._type == "bytes" or isinstance(data, str) else list(map(str, entries, repeat("utf-8")))

    def to_list(self) -> list[Any]:
        """All values; NULL is ``None``."""
        kind, nulls = self._type, self._nulls
        if nulls and 0 not in nulls:
            return [None] * len(nulls)
        if kind not in CODES:
            entries = self._texts()
        elif kind == "uuid":
            numbers = self.values.tolist()
            entries = [high << 64 | low for high, low in zip(numbers[::2], numbers[1::2])]
        else:
            entries = self.values.tolist()
        convert: Any = (lambda text: Native(self._type_name, text)) if kind == "native" else OBJECTS.get(kind)
        if not nulls:
            return entries if convert is None else list(map(convert, entries))
        if convert is None:
            return [None if null else entry for null, entry in zip(nulls, entries)]
        return [None if null else convert(entry) for null, entry in zip(nulls, entries)]

    # Other columns.

    def copy(self) -> "Column":
        """A column of its own with the same entries."""
        return Column._raw(self._dump(), self._of_chunk)

    def map(self, function: Callable[[Any], Any], type: Optional[str] = None) -> "Column":
        """A column of what the function makes of each value; NULLs stay NULL without a call."""
        values = self.to_list()
        rest = iter(values)
        try:
            if self._nulls:
                results = [None if value is None else function(value) for value in rest]
            else:
                results = [function(value) for value in rest]
        except BaseException as error:
            row = len(values) - length_hint(rest) - 1
            in_row(error, row, self._of_chunk, values[row])
            raise
        return self._mapped(values, results, self.type if type is None else type)

    def _mapped(self, values: list[Any], results: list[Any], type: str) -> "Column":
        """A column of what the values have become."""
        try:
            made = Column(type, results)
        except (TypeError, ValueError, OverflowError) as error:
            for result in results:
                refuse_async(result)
            number, found, text = str(error).removeprefix("entry ").partition(": ")
            if not self._of_chunk or not found or not number.isdecimal():
                raise
            named = again(error, text)
            in_row(named, int(number), True, values[int(number)])
            raise named from None
        made._of_chunk = self._of_chunk
        return made

    def fill_nulls(self, value: Any) -> "Column":
        """A column with that value instead of NULL."""
        if not self._nulls:
            return self.copy()
        return Column(self._type_for([value]), [value if entry is None else entry for entry in self.to_list()])

    def cast(self, type: str) -> "Column":
        """The values as another type; one that does not fit is an error."""
        kind = type_of(type)[0]
        values = self.to_list()
        results = list(values)
        for row, value in enumerate(values):
            if value is not None:
                try:
                    results[row] = _cast(value, kind)
                except (TypeError, ValueError, OverflowError, ArithmeticError) as error:
                    named = ValueError(str(error) if self._of_chunk else f"entry {row}: {error}")
                    if self._of_chunk:
                        in_row(named, row, True, value)
                    raise named from None
        return self._mapped(values, results, type)

    def _is_null(self) -> bool:
        """Whether there is nothing but NULLs, which have any type: a database may not know theirs."""
        return sum(self._nulls) == len(self)

    def _type_for(self, values: Iterable[Any]) -> str:
        """The type of values that take the place of these: the same, or what they are by themselves in the place of NULLs
        whose type the database does not know. It says `text` then."""
        if self._type != "text" or not self._is_null():
            return self.type
        # One value of each type.
        given = list({type(value): value for value in values if value is not None}.values())
        kinds = set(map(kind_of, given))
        if not given or not all(kinds):
            return "text"
        if kinds == {"int64", "float64"}:
            return "float64"
        kind = kind_of(given[0])
        return f"native:{given[0].type_name}" if kind == "native" else kind

    # Texts.

    def _text(self, method: str) -> list[Any]:
        if self._type == "text":
            return self._texts()
        if self._is_null():
            return [""] * len(self)
        raise TypeError(f"`{method}` is for text, and the column is of the type {self.type}")

    def _each(self, method: str, *arguments: Any) -> "Column":
        function = getattr(str, method)
        return self._of_texts([function(text, *arguments) for text in self._text(method)])

    def _letters(self, method: str) -> "Column":
        if self._type == "text" and self._data.isascii():
            # Each letter keeps its place.
            return Column._raw((self._type, "", self._nulls, self._offsets, getattr(self._data, method)()), self._of_chunk)
        return self._of_texts(list(map(getattr(str, method), self._text(method))))

    def upper(self) -> "Column":
        """``str.upper`` of every text."""
        return self._letters("upper")

    def lower(self) -> "Column":
        """``str.lower`` of every text."""
        return self._letters("lower")

    def title(self) -> "Column":
        """``str.title`` of every text."""
        return self._each("title")

    def capitalize(self) -> "Column":
        """``str.capitalize`` of every text."""
        return self._each("capitalize")

    def casefold(self) -> "Column":
        """``str.casefold`` of every text."""
        return self._each("casefold")

    def strip(self, characters: Optional[str] = None) -> "Column":
        """``str.strip`` of every text."""
        return self._each("strip", characters)

    def lstrip(self, characters: Optional[str] = None) -> "Column":
        """``str.lstrip`` of every text."""
        return self._each("lstrip", characters)

    def rstrip(self, characters: Optional[str] = None) -> "Column":
        """``str.rstrip`` of every text."""
        return self._each("rstrip", characters)

    def replace(self, old: str, new: str) -> "Column":
        """``str.replace`` of every text."""
        return self._each("replace", old, new)

    def ljust(self, width: int, fill: str = " ") -> "Column":
        """``str.ljust`` of every text."""
        return self._each("ljust", width, fill)

    def rjust(self, width: int, fill: str = " ") -> "Column":
        """``str.rjust`` of every text."""
        return self._each("rjust", width, fill)

    def removeprefix(self, prefix: str) -> "Column":
        """``str.removeprefix`` of every text."""
        return self._each("removeprefix", prefix)

    def removesuffix(self, suffix: str) -> "Column":
        """``str.removesuffix`` of every text."""
        return self._each("removesuffix", suffix)

    def slice(self, start: Optional[int] = None, stop: Optional[int] = None) -> "Column":
        """``text[start:stop]`` of every text."""
        part = slice(start, stop)
        return self._of_texts([text[part] for text in self._text("slice")])

    def normalize(self, form: str = "NFC") -> "Column":
        """``unicodedata.normalize`` of every text."""
        return self._of_texts(list(map(unicodedata.normalize, repeat(form), self._text("normalize"))))

    def prepend(self, text: str) -> "Column":
        """The text and then every text."""
        return self._of_texts([text + entry for entry in self._text("prepend")])

    def append(self, text: str) -> "Column":
        """Every text and then the text."""
        return self._of_texts([entry + text for entry in self._text("append")])

    # Numbers.

    def _number(self, method: str, results: Callable[[Any], list[Any]]) -> "Column":
        if self._type not in ("int64", "float64"):
            if self._is_null():
                return self.copy()
            raise TypeError(f"`{method}` is for int64 and float64, and the column is of the type {self.type}")
        made = self._raw((self._type, "", self._nulls, b"", b""), self._of_chunk)
        try:
            made._array = array(CODES[self._type], results(self.values))
        except OverflowError:
            raise OverflowError(f"a result of `{method}` does not fit into 64 bits") from None
        return made

    def _operand(self, number: Union[int, float]) -> Union[int, float]:
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise wrong(number, "a number")
        if self._type == "int64" and not isinstance(number, int):
            raise TypeError(f"{number!r} is not a whole number, and the column is of the type int64; use `map` or `cast`")
        return number

    def multiply(self, number: Union[int, float]) -> "Column":
        """Every number times that one."""
        factor = self._operand(number)
        return self._number("multiply", lambda values: [value * factor for value in values])

    def add(self, number: Union[int, float]) -> "Column":
        """Every number plus that one."""
        summand = self._operand(number)
        return self._number("add", lambda values: [value + summand for value in values])

    def round(self, digits: int = 0) -> "Column":
        """``round`` of every number."""
        return self._number("round", lambda values: [round(value, digits) for value in values])


#: The type of values that need no look, for each type of columns.
_PLAIN: dict[str, Any] = {"boolean": bool, "int64": int, "float64": float, "text": str, "bytes": bytes}


#: Numbers as databases write them; Python's own also have underscores, spaces and the digits of other scripts.
_WHOLE = re.compile(r"[+-]?[0-9]+(\.0+)?")
_REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?Infinity|NaN")


def _cast(value: Any, kind: str) -> Any:
    if isinstance(value, bytes):
        if kind == "text":
            return value.decode()
        raise TypeError(f"bytes are not {kind}")
    if kind in ("text", "native"):
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, datetime) or isinstance(value, time):
            return value.isoformat()
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    if kind == "bytes":
        return utf8(str(value))
    if kind == "float64":
        if isinstance(value, int):
            return ENTRIES["float64"](int(value))
        if isinstance(value, (float, Decimal)) or isinstance(value, str) and _REAL.fullmatch(value):
            number = float(value)
            if isinf(number) and Decimal(value).is_finite():
                raise OverflowError(f"{shown(value)} is too large for a float64")
            return number
    elif kind == "int64":
        if isinstance(value, (float, Decimal)) and value == int(value):
            return int(value)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            return int(value.partition(".")[0])
    elif kind == "boolean":
        if isinstance(value, (bool, int, float)):
            known = {0: False, 1: True}.get(value)
        else:
            known = {"0": False, "1": True, "false": False, "true": True}.get(str(value))
        if known is not None:
            return known
    elif kind == "json":
        return Json.from_text(value) if isinstance(value, str) else value
    elif kind == "timestamp" and isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    elif kind == "decimal" and isinstance(value, float):
        return Decimal(repr(value))
    else:
        return value
    raise wrong(value, f"of the type {kind}")
