"""Errors: those of the host, and what an exception says to the operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

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
#: The most characters of a row.
ROW = 200


class Text(str):
    """A text that `KeyError` shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def in_row(error: BaseException, row: int, of_chunk: bool, holds: Any) -> None:
    """Notes for which row an exception was raised. The host knows the key of a row of the chunk; of another one, what it holds is said."""
    try:
        if of_chunk or not hasattr(error, "_runner_row"):
            text = repr(holds)
            kind = "row" if isinstance(holds, dict) else "the value"
            error._runner_row = f"{{row {row}}}" if of_chunk else f"{kind} {text[:ROW]}{'…' if len(text) > ROW else ''}"  # type: ignore[attr-defined]
            if type(error) is KeyError and isinstance(holds, dict):
                error._runner_columns = list(holds)  # type: ignore[attr-defined]
    except Exception:
        # An exception of the script may take no attributes, and one of its values may have no text.
        pass


def refuse_async(result: Any) -> None:
    """Fails if a function for rows is `async`."""
    if hasattr(result, "__await__"):
        if hasattr(result, "close"):
            result.close()
        raise TypeError("the function for rows is `async`, and nothing awaits it: write it with `def` alone")


def _said(value: Any, how: Callable[[Any], str] = str) -> str:
    """A text of the script's, which may fail to be made."""
    try:
        return how(value)
    except BaseException:
        return "(its message cannot be shown)"


def _text_of(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return str(error.msg)
    if isinstance(error, KeyError) and len(error.args) == 1:
        # Its own text is only the key.
        key = error.args[0]
        if isinstance(key, Text) or type(error) is not KeyError and isinstance(key, str):
            return str(key)
        columns = getattr(error, "_runner_columns", None)
        return f"no key {key!r}" + (f"; the columns of the row are {', '.join(columns)}" if columns else "")
    return str(error)


def _own_message(error: BaseException) -> str:
    text, name = _said(error, _text_of), type(error).__name__
    shown = text if type(error) in (RunnerError, Exception) and text else f"{name}: {text}" if text else name
    notes = getattr(error, "__notes__", ())
    row = getattr(error, "_runner_row", None)
    return (f"{row}: " if row else "") + shown + "".join(f" ({_said(note)})" for note in (notes if isinstance(notes, (list, tuple)) else [notes]))


def message_of(error: BaseException) -> str:
    """The message of an exception, with those of its causes."""
    # A cause may be the exception itself, or have it as its own cause.
    told: dict[int, BaseException] = {}
    cause: Optional[BaseException] = error
    while cause is not None and id(cause) not in told:
        told[id(cause)] = cause
        cause = cause.__cause__
    return ": ".join(map(_own_message, told.values()))


def _frames(error: BaseException, line_of: Callable[[str, int], Optional[str]]) -> list[tuple[str, int, int, str]]:
    """File, line, column and function of each frame, the innermost first."""
    found = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        column = 0
        for at, position in enumerate(code.co_positions()):
            if at == trace.tb_lasti // 2:
                # The interpreter counts the bytes of the line.
                line = (line_of(code.co_filename, position[0] or 0) or "").encode(errors="replace")
                column = len(line[: position[2] or 0].decode(errors="ignore")) + 1
                break
        found.append((code.co_filename, trace.tb_lineno, column, code.co_name))
        trace = trace.tb_next
    return found[::-1]


def place_of(error: BaseException, line_of: Callable[[str, int], Optional[str]]) -> Optional[str]:
    """Where an exception was raised in the script, and who called that. `line_of` has the lines of the script's files."""
    at = lambda file, line, column, name: f"{'' if name.startswith('<') else name + ', '}{file}:{line}:{column}"  # noqa: E731
    frames = []
    for frame in _frames(error, line_of):
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
    # A script may have set the attributes of its own error to anything, or not at all.
    kind, code, detail = (
        getattr(error, name, None) if isinstance(error, RunnerError) else None for name in ("kind", "code", "detail")
    )
    more = ["" if detail is None else _said(detail), place_of(error, line_of)]
    return (
        kind if kind in KINDS else "failed",
        "" if code is None else _said(code),
        message_of(error),
        "; ".join(text for text in more if text) or None,
    )
