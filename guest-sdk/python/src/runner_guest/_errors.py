"""Errors: those of the host, and what an exception says to the operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

#: The kinds of errors.
KINDS = (
    "denied", "syntax", "constraint", "conversion", "invalid-argument", "timeout", "busy", "limit", "connection", "failed",
    "other",
)


class RunnerError(Exception):
    """What a failed call raises.

    ``kind`` says what to do about it, ``code`` is the database's own, and ``detail`` has more, if there is more.
    """

    kind: str
    code: str
    detail: Optional[str]

    def __init__(self, message: str, *, kind: str = "failed", code: str = "", detail: Optional[str] = None) -> None:
        super().__init__(message)
        if kind not in KINDS:
            raise TypeError(f"{kind!r} is not a kind of error; kinds are {', '.join(KINDS)}")
        self.kind = kind
        self.code = code
        self.detail = detail


#: The most frames of the script that are told.
FRAMES = 6
#: The most characters of a line of the script.
LINE = 160


def message_of(error: BaseException) -> str:
    """The message of an exception, with those of its causes."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    text = str(error)
    if isinstance(error, KeyError) and len(error.args) == 1:
        # Its own text is only the key.
        text = error.args[0] if type(error) is not KeyError and isinstance(error.args[0], str) else f"no key {error.args[0]!r}"
    name = type(error).__name__
    shown = text if type(error) in (RunnerError, Exception) and text else f"{name}: {text}" if text else name
    notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    cause = error.__cause__
    return f"{shown}{notes}" + (f": {message_of(cause)}" if cause is not None else "")


def _frames(error: BaseException) -> list[tuple[str, int, int, str]]:
    """File, line, column and function of each frame, the innermost first."""
    found = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        column = 0
        for at, position in enumerate(code.co_positions()):
            if at == trace.tb_lasti // 2:
                column = (position[2] or 0) + 1
                break
        found.append((code.co_filename, trace.tb_lineno, column, code.co_name))
        trace = trace.tb_next
    return found[::-1]


def place_of(error: BaseException, line_of: Callable[[str, int], Optional[str]]) -> Optional[str]:
    """Where an exception was raised in the script, and who called that. `line_of` has the lines of the script's files."""
    at = lambda file, line, column, name: f"{'' if name.startswith('<') else name + ', '}{file}:{line}:{column}"  # noqa: E731
    frames = []
    for frame in _frames(error):
        # A recursion shows once.
        if line_of(frame[0], frame[1]) is not None and frame not in frames:
            frames.append(frame)
    if isinstance(error, SyntaxError) and error.filename and line_of(error.filename, error.lineno or 0) is not None:
        frames.insert(0, (error.filename, error.lineno or 0, error.offset or 0, "<module>"))
    if not frames:
        return None
    file, line, *_ = frames[0]
    text = (line_of(file, line) or "").strip()
    source = f": `{text if len(text) <= LINE else text[:LINE] + '…'}`" if text else ""
    more = "".join(f", called from {at(*frame)}" for frame in frames[1:FRAMES])
    return f"at {at(*frames[0])}{source}{more}"


def describe_error(
    error: BaseException, line_of: Callable[[str, int], Optional[str]]
) -> tuple[str, str, str, Optional[str]]:
    """Kind, code, message and detail of an exception."""
    own = isinstance(error, RunnerError)
    detail = [str(error.detail)] if isinstance(error, RunnerError) and error.detail else []
    place = place_of(error, line_of)
    if place is not None:
        detail.append(place)
    return (
        error.kind if own else "failed",  # type: ignore[attr-defined]
        str(error.code) if own else "",  # type: ignore[attr-defined]
        message_of(error),
        "; ".join(detail) or None,
    )
