"""The run: log, parameters, assets, time and chance."""

from __future__ import annotations

import json as _json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Optional

from ._errors import RunnerError
from ._host import host
from ._values import name_of, of_tagged, shown, timestamptz_of, wrong


class Log:
    """Logs for the operator. ``log(…)`` is ``log.info(…)``; arguments are joined as by ``print``."""

    def __call__(self, *values: Any) -> None:
        self._lines("info", values)

    info = __call__

    def debug(self, *values: Any) -> None:
        """For debugging: shown with ``-v``."""
        self._lines("debug", values)

    def warning(self, *values: Any) -> None:
        """Something is wrong, but the migration goes on."""
        self._lines("warning", values)

    @staticmethod
    def _lines(level: str, values: tuple[Any, ...]) -> None:
        for line in " ".join(map(str, values)).split("\n"):
            host().log(level, line)


class Parameters(Mapping[str, Any]):
    """The operator's parameters."""

    def _known(self) -> dict[str, Any]:
        return {name: of_tagged(value) for name, value in host().parameters()}

    def __getitem__(self, name: str) -> Any:
        return self._known()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())

    def __len__(self) -> int:
        return len(self._known())

    def __repr__(self) -> str:
        return repr(self._known())


class Asset:
    """An open file of the script's directory: iterate over its chunks, or ``read``."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return self._handle.size()

    def read(self, limit: int = 262144) -> bytes:
        """The next bytes, ``limit`` at most; none at the end of the file."""
        return self._handle.read(limit)

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.read():
            yield chunk


class Assets:
    """The files of the directory with the script's name, by their relative paths."""

    def bytes(self, path: str) -> bytes:
        """A whole file."""
        return host().read_asset(path)

    def text(self, path: str) -> str:
        """A whole file of UTF-8."""
        try:
            return host().read_asset(path).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise RunnerError(f"asset `{path}` is not UTF-8 at byte {error.start}", kind="conversion") from None

    def json(self, path: str) -> Any:
        """A whole file of JSON, parsed."""
        text = self.text(path)
        try:
            return _json.loads(text)
        except _json.JSONDecodeError as error:
            raise RunnerError(f"asset `{path}` is not JSON: {error}", kind="conversion") from None

    def open(self, path: str) -> Asset:
        """Opens a file, to be read in chunks."""
        return Asset(host().open_asset(path))


#: Logs for the operator.
log = Log()
#: The operator's parameters by their names.
parameters = Parameters()
#: The files of the directory with the script's name.
assets = Assets()


def parameter(name: str) -> Any:
    """A parameter that has to be set."""
    if name not in parameters:
        raise RunnerError(f"parameter `{name}` is not set", kind="invalid-argument")
    return parameters[name]


def progress(done: int, total: Optional[int] = None, unit: str = "rows") -> None:
    """Reports progress of work that the host cannot see."""
    host().progress(_count(done, "done"), None if total is None else _count(total, "total"), name_of(unit, "a unit"))


def _count(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{shown(value)} is not a whole number, for `{what}` of `progress`")
    if not 0 <= value < 2**64:
        raise ValueError(f"{shown(value)} is out of range, for `{what}` of `progress`")
    return value


def run_timestamp() -> datetime:
    """The time of the run, with the time zone UTC."""
    return timestamptz_of(host().run_timestamp())


def seed() -> int:
    """The run's seed."""
    return host().seed()


_MASK = 2**64 - 1


def _mix(number: int) -> int:
    number &= _MASK
    number = ((number ^ number >> 30) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ number >> 27) * 0x94D049BB133111EB) & _MASK
    return number ^ number >> 31


def random(key: Any) -> float:
    """A number from 0 to 1 that depends on the run's seed and the key alone.

    Of a whole number, a text or a boolean it is the same as in the other languages.
    """
    if key is None:
        raise wrong(key, "a key, such as the row's id")
    kind = (
        "boolean" if isinstance(key, bool) else "number" if isinstance(key, (int, float))
        else "string" if isinstance(key, str) else "object"
    )
    if isinstance(key, float) and key.is_integer() and abs(key) < 2**53:
        # JavaScript has one kind of number.
        key = int(key)
    text = str(key).lower() if isinstance(key, bool) else str(key)
    number = 0xCBF29CE484222325 ^ host().seed()
    for byte in f"{kind}:{text}".encode():
        number = ((number ^ byte) * 0x100000001B3) & _MASK
    return (_mix(number + 0x9E3779B97F4A7C15) >> 11) / 2**53
