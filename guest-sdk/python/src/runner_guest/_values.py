"""Values of databases, and what they are in Python."""

from __future__ import annotations

import json as _json
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, Union
from uuid import UUID

#: The column types, in the contract's order.
TYPES = (
    "boolean", "int64", "float64", "text", "bytes", "decimal", "date", "time", "timestamp", "timestamptz", "uuid", "json",
    "native",
)

UTC = timezone.utc
EPOCH = datetime(1970, 1, 1)
EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
#: The ordinal of 1970-01-01.
DAY_ZERO = EPOCH.toordinal()
MICROSECOND = timedelta(microseconds=1)
DAY = 86_400_000_000


class Json:
    """JSON, kept as the text that the database has."""

    __slots__ = ("text",)
    text: str

    def __init__(self, value: Any) -> None:
        self.text = _json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> "Json":
        """JSON that is text already; it is checked, and kept as it is."""
        _json.loads(text)
        return cls._kept(text)

    @classmethod
    def _kept(cls, text: str) -> "Json":
        made = object.__new__(cls)
        made.text = text
        return made

    @property
    def value(self) -> Any:
        """The parsed value."""
        return _json.loads(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Json) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Json.from_text({self.text!r})"


class Native:
    """A value of a type that is the database's own, as text."""

    __slots__ = ("type_name", "text")
    type_name: str
    text: str

    def __init__(self, type_name: str, text: str) -> None:
        if not isinstance(type_name, str) or not type_name:
            raise TypeError(f"{shown(type_name)} is not the name of a type")
        if not isinstance(text, str):
            raise TypeError(f"{shown(text)} is not a text")
        utf8(type_name)
        self.type_name = type_name
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Native) and (self.type_name, self.text) == (other.type_name, other.text)

    def __hash__(self) -> int:
        return hash((self.type_name, self.text))

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Native({self.type_name!r}, {self.text!r})"


#: What a value of a database is in Python.
Value = Union[None, bool, int, float, str, bytes, Decimal, date, time, datetime, UUID, Json, Native]


def shown(value: Any) -> str:
    """A value in a message."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def wrong(value: Any, wanted: str) -> TypeError:
    """The error for a value of another type."""
    return TypeError(f"{shown(value)} is not {wanted}")


def again(error: BaseException, message: str) -> Exception:
    """An error of the same class with another message; subclasses such as UnicodeDecodeError take more than that."""
    return next(kind for kind in (OverflowError, TypeError, ValueError, Exception) if isinstance(error, kind))(message)


def _int64(value: Any) -> int:
    if not isinstance(value, int):
        raise wrong(value, "an int64")
    if not -(2**63) <= value < 2**63:
        raise OverflowError(f"{shown(value)} does not fit into 64 bits")
    return int(value)


def _float64(value: Any) -> float:
    if isinstance(value, int) and not isinstance(value, bool):
        number = float(value)
        if int(number) != value:
            raise OverflowError(f"{shown(value)} has no exact float64")
        return number
    if not isinstance(value, float):
        raise wrong(value, "a float64")
    return value


def utf8(text: str) -> bytes:
    """A text as the database gets it."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError("the string has half of a surrogate pair, which has no form in UTF-8") from None


def name_of(value: Any, what: str) -> str:
    """A name on its way to the host, checked; `what` says of what it is one."""
    if not isinstance(value, str):
        raise TypeError(f"{shown(value)} is not the name of {what}")
    utf8(value)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise wrong(value, "a text")
    if not value.isascii():
        utf8(value)
    return value


def _bytes(value: Any) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise wrong(value, "bytes")
    return bytes(value)


def _decimal(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (Decimal, int, str)):
        raise wrong(value, "a decimal: give it as a Decimal, a text or an int")
    # Python's own numbers may have underscores and spaces, which no database takes.
    if isinstance(value, str) and ("_" in value or not value.isascii() or value != value.strip()):
        raise ValueError(f"{shown(value)} is not a decimal such as '12.50'")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{shown(value)} is not a decimal such as '12.50'") from None
    return format(number, "f")


#: More digits of a second than there are microseconds; zeros change nothing.
_TOO_FINE = re.compile(r"[.,]\d{6}0*[1-9]")


def _in_micros(text: str) -> str:
    """A text of a time, which Python would cut after the microseconds."""
    if _TOO_FINE.search(text):
        raise ValueError(f"{shown(text)} is finer than a microsecond")
    return text


def _date(value: Any) -> int:
    if isinstance(value, str):
        value = date.fromisoformat(value)
    if not isinstance(value, date) or isinstance(value, datetime):
        raise wrong(value, "a date")
    return value.toordinal() - DAY_ZERO


def _time(value: Any) -> int:
    if isinstance(value, str):
        # Python 3.14 would take it for the midnight before.
        if value.removeprefix("T").startswith("24"):
            raise OverflowError(f"{shown(value)} is no time in Python; `values` has the microseconds since midnight")
        value = time.fromisoformat(_in_micros(value))
    if not isinstance(value, time):
        raise wrong(value, "a time of the day")
    if value.tzinfo is not None:
        raise ValueError(f"{shown(value)} has a time zone, and a time of the day has none")
    return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond


def _timestamp(value: Any) -> int:
    if isinstance(value, str):
        value = datetime.fromisoformat(_in_micros(value))
    if not isinstance(value, datetime):
        raise wrong(value, "a datetime")
    if value.tzinfo is not None:
        raise ValueError(f"{shown(value)} has a time zone, and a timestamp has none")
    return (value - EPOCH) // MICROSECOND


def _timestamptz(value: Any) -> int:
    if isinstance(value, str):
        value = datetime.fromisoformat(_in_micros(value))
    if not isinstance(value, datetime):
        raise wrong(value, "a datetime")
    if value.tzinfo is None:
        raise ValueError(f"{shown(value)} has no time zone, and a timestamptz needs one")
    return (value - EPOCH_UTC) // MICROSECOND


def _uuid(value: Any) -> int:
    if isinstance(value, str):
        value = UUID(value)
    if not isinstance(value, UUID):
        raise wrong(value, "a UUID")
    return value.int


def _json_text(value: Any) -> str:
    return _text(value.text if isinstance(value, Json) else Json(value).text)


#: What a value is made of, for each type: a number of a typed array, or a text.
ENTRIES: dict[str, Callable[[Any], Any]] = {
    "int64": _int64, "float64": _float64, "text": _text, "bytes": _bytes, "decimal": _decimal, "date": _date, "time": _time,
    "timestamp": _timestamp, "timestamptz": _timestamptz, "uuid": _uuid, "json": _json_text,
}


def date_of(days: int) -> date:
    """The date of that day since 1970-01-01."""
    try:
        return date.fromordinal(days + DAY_ZERO)
    except (ValueError, OverflowError):
        raise OverflowError(f"a date {days} days from 1970-01-01 is not in Python's years 1 to 9999; `values` has the days") from None


def time_of(micros: int) -> time:
    """The time of the day that many microseconds after midnight."""
    if not 0 <= micros < DAY:
        raise OverflowError("24:00:00 is no time in Python; `values` has the microseconds since midnight")
    seconds, micro = divmod(micros, 1_000_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return time(hour, minute, second, micro)


def _moment(epoch: datetime, micros: int) -> datetime:
    try:
        return epoch + timedelta(microseconds=micros)
    except OverflowError:
        raise OverflowError(
            f"a moment {micros} microseconds from 1970-01-01 is not in Python's years 1 to 9999; `values` has the microseconds"
        ) from None


def timestamp_of(micros: int) -> datetime:
    """The date and time that many microseconds after 1970-01-01T00:00:00."""
    return _moment(EPOCH, micros)


def timestamptz_of(micros: int) -> datetime:
    """The instant that many microseconds after 1970-01-01T00:00:00Z."""
    return _moment(EPOCH_UTC, micros)


def uuid_of(number: int) -> UUID:
    """The UUID of 128 bits."""
    return UUID(int=number)


#: A value of what it is made of, for each type that is not a value of Python itself.
OBJECTS: dict[str, Callable[[Any], Any]] = {
    "boolean": bool, "decimal": Decimal, "date": date_of, "time": time_of, "timestamp": timestamp_of,
    "timestamptz": timestamptz_of, "uuid": uuid_of, "json": Json._kept,
}


def kind_of(value: Any) -> str:
    """The type that a value has by itself; none, if it is not one of a database."""
    return (
        "boolean" if isinstance(value, bool)
        else "int64" if isinstance(value, int) else "float64" if isinstance(value, float) else "text" if isinstance(value, str)
        else "bytes" if isinstance(value, (bytes, bytearray, memoryview)) else "decimal" if isinstance(value, Decimal)
        else ("timestamp" if value.tzinfo is None else "timestamptz") if isinstance(value, datetime)
        else "date" if isinstance(value, date) else "time" if isinstance(value, time) else "uuid" if isinstance(value, UUID)
        else "json" if isinstance(value, (Json, dict, list)) else "native" if isinstance(value, Native) else ""
    )


def to_tagged(value: Any) -> tuple[str, Any]:
    """A parameter of a statement, on its way to the host."""
    if value is None:
        return ("null", None)
    kind = kind_of(value)
    if kind == "boolean":
        return ("boolean", value)
    if isinstance(value, Native):
        return ("native", (value.type_name, _text(value.text)))
    if not kind:
        raise wrong(value, "a value that a database has")
    return (kind, ENTRIES[kind](value))


def keep(owner: Any, *keys: str) -> None:
    """Lists what some attributes of a frozen dataclass yield, if that is possible only once: it is looked at several times."""
    for key in keys:
        value = getattr(owner, key)
        if isinstance(value, Iterator):
            object.__setattr__(owner, key, list(value))


def tagged_all(values: Any) -> list[tuple[str, Any]]:
    """The parameters of a statement, on their way to the host."""
    if isinstance(values, (str, bytes, dict)) or not hasattr(values, "__iter__"):
        raise TypeError(f"parameters are a list of values, and not {shown(values)}")
    tagged = []
    for index, value in enumerate(values, 1):
        try:
            tagged.append(to_tagged(value))
        except (TypeError, ValueError, OverflowError) as error:
            raise again(error, f"parameter {index}: {error}") from None
    return tagged


def of_tagged(tagged: tuple[str, Any]) -> Any:
    """A value from the host."""
    kind, inside = tagged
    if kind == "native":
        return Native(*inside)
    convert = OBJECTS.get(kind)
    return inside if convert is None or inside is None else convert(inside)
