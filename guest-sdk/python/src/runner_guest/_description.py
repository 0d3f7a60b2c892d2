"""What a migration says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ._values import shown

MODES = ("auto", "atomic", "stepwise")
DIALECTS = ("sqlite", "postgres", "mysql", "mariadb")


@dataclass(frozen=True)
class Description:
    """The description of a migration. A dict with the same keys will do, and so will the summary alone."""

    #: What it does, in one line.
    summary: str
    #: Earlier revisions that must be applied.
    depends_on: Iterable[str] = ()
    #: How its work is committed: ``"auto"``, ``"atomic"`` or ``"stepwise"``.
    mode: str = "auto"
    #: The databases it works on; all by default.
    dialects: Iterable[str] = ()
    #: Whether there is no way back; by default it is so if there is no ``downgrade``.
    irreversible: bool = False
    #: SQLite: tables are rebuilt, so foreign keys are checked at the end.
    table_rebuild: bool = False
    #: It changes the schema.
    schema_changes: bool = False
    #: The tables that it reads; a trailing ``*`` matches any suffix.
    read_tables: Iterable[str] = ()
    #: The tables whose rows it changes.
    write_tables: Iterable[str] = ()


def _names(what: str, names: Any) -> list[str]:
    if isinstance(names, str) or not hasattr(names, "__iter__") or not all(isinstance(name, str) for name in names):
        raise TypeError(f"{shown(names)} is not a list of texts, for `{what}` of the description")
    return list(names)


def described(value: Any) -> Description:
    """A description of what a script gives for one, checked."""
    if isinstance(value, str):
        value = Description(value)
    elif isinstance(value, Mapping):
        known = [field.name for field in fields(Description)]
        for key in value:
            if key not in known:
                raise TypeError(f"the description has no key `{key}`; its keys are {', '.join(f'`{name}`' for name in known)}")
        if "summary" not in value:
            raise TypeError("the description has no `summary`")
        value = Description(**value)
    elif not isinstance(value, Description):
        raise TypeError(f"{shown(value)} is no description: it is a `Description`, a dict or the summary alone")
    if not isinstance(value.summary, str) or not value.summary:
        raise TypeError(f"{shown(value.summary)} is not a summary of one line, for the description")
    if value.mode not in MODES:
        raise TypeError(f"{shown(value.mode)} is not a value of `mode`; values are {', '.join(MODES)}")
    for dialect in _names("dialects", value.dialects):
        if dialect not in DIALECTS:
            raise TypeError(f"{shown(dialect)} is not a value of `dialects`; values are {', '.join(DIALECTS)}")
    for what in ("depends_on", "read_tables", "write_tables"):
        _names(what, getattr(value, what))
    return value
