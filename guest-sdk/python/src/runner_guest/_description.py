"""What a migration says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Optional, Union

from ._values import keep, name_of, shown, utf8

MODES = ("auto", "atomic", "stepwise")
DIALECTS = ("sqlite", "postgres", "mysql", "mariadb")


VERBS = ("read", "insert", "update", "delete", "alter", "create", "drop")
LIMITS = (
    "guest_memory", "fuel", "stack", "handles", "host_call_bytes", "host_calls", "statement_bytes", "query_rows", "query_bytes",
    "cell_bytes",
)


@dataclass(frozen=True)
class TableNeed:
    """A table that a migration needs, or some of its columns. The name alone will do for the whole table."""

    #: The name; a trailing ``*`` matches any suffix.
    table: str
    #: The columns, for ``read``, ``insert`` and ``update``; all by default.
    columns: Iterable[str] = ()
    #: The schema; the one in which the migration works by default.
    schema: Optional[str] = None

    def __post_init__(self) -> None:
        keep(self, "columns")


@dataclass(frozen=True)
class Needs:
    """What a migration needs: ``runner plan`` shows it, and compares it with what the operator grants. A dict will do."""

    #: SQLite: tables are rebuilt, so foreign keys are checked at the end.
    table_rebuild: bool = False
    #: The tables whose rows it reads, also in a condition.
    read: Iterable[Union[str, TableNeed]] = ()
    #: The tables that it inserts into.
    insert: Iterable[Union[str, TableNeed]] = ()
    #: The tables whose rows it changes.
    update: Iterable[Union[str, TableNeed]] = ()
    #: The tables whose rows it deletes.
    delete: Iterable[Union[str, TableNeed]] = ()
    #: The tables whose columns, constraints or indexes it changes.
    alter: Iterable[Union[str, TableNeed]] = ()
    #: The tables and views that it creates.
    create: Iterable[Union[str, TableNeed]] = ()
    #: The tables and views that it drops.
    drop: Iterable[Union[str, TableNeed]] = ()
    #: Whether it runs statements of its own.
    raw_sql: bool = False
    #: Functions that do more than compute with their arguments.
    functions: Iterable[str] = ()
    #: The least values of limits with which it works, by their names in the settings.
    limits: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        keep(self, *VERBS, "functions")


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
    #: What it needs.
    needs: Union[Needs, Mapping[str, Any]] = Needs()

    def __post_init__(self) -> None:
        keep(self, "depends_on", "dialects")


def _names(what: str, names: Any) -> list[str]:
    if isinstance(names, str) or not hasattr(names, "__iter__") or not all(isinstance(name, str) for name in names):
        raise TypeError(f"{shown(names)} is not a list of texts, for {what}")
    for name in names:
        utf8(name)
    return list(names)


def _made(kind: type, what: str, given: Mapping[str, Any]) -> Any:
    """What a dict says, as an object of a class."""
    known = [each.name for each in fields(kind)]
    for key in given:
        if key not in known:
            raise TypeError(f"{what} has no key `{key}`; its keys are {', '.join(f'`{name}`' for name in known)}")
    if known[0] in ("summary", "table") and known[0] not in given:
        raise TypeError(f"{what} has no `{known[0]}`")
    return kind(**given)


def _table_needs(verb: str, needs: Any) -> list[TableNeed]:
    what = f"`{verb}` of `needs`"
    if isinstance(needs, (str, Mapping, TableNeed)) or not hasattr(needs, "__iter__"):
        raise TypeError(f"{shown(needs)} is not a list of tables, for {what}")
    made = []
    for need in needs:
        if isinstance(need, str):
            need = TableNeed(need)
        elif isinstance(need, Mapping):
            need = _made(TableNeed, f"a table of {what}", need)
        elif not isinstance(need, TableNeed):
            raise TypeError(f"{shown(need)} is no table, for {what}: it is its name, a `TableNeed` or a dict")
        name_of(need.table, f"a table, for {what}")
        if need.schema is not None:
            name_of(need.schema, f"a schema, for {what}")
        made.append(TableNeed(need.table, _names(f"`columns` of {what}", need.columns), need.schema))
    return made


def _needs(needs: Any) -> Needs:
    if isinstance(needs, Mapping):
        needs = _made(Needs, "`needs` of the description", needs)
    elif not isinstance(needs, Needs):
        raise TypeError(f"{shown(needs)} is not what a migration needs: it is a `Needs` or a dict")
    if not isinstance(needs.limits, Mapping):
        raise TypeError(f"{shown(needs.limits)} is not a dict of limits and their least values, for `limits` of `needs`")
    for name, least in needs.limits.items():
        if name not in LIMITS:
            raise TypeError(f"{shown(name)} is not a limit that can be needed; limits are {', '.join(LIMITS)}")
        if not isinstance(least, int) or isinstance(least, bool) or not 0 <= least < 1 << 64:
            raise TypeError(f"{shown(least)} is not a whole number, for `{name}` of `limits`")
    return Needs(
        table_rebuild=bool(needs.table_rebuild),
        raw_sql=bool(needs.raw_sql),
        functions=_names("`functions` of `needs`", needs.functions),
        limits=dict(needs.limits),
        **{verb: _table_needs(verb, getattr(needs, verb)) for verb in VERBS},
    )


def described(value: Any) -> Description:
    """A description of what a script gives for one, checked."""
    if isinstance(value, str):
        value = Description(value)
    elif isinstance(value, Mapping):
        value = _made(Description, "the description", value)
    elif not isinstance(value, Description):
        raise TypeError(f"{shown(value)} is no description: it is a `Description`, a dict or the summary alone")
    if not isinstance(value.summary, str) or not value.summary:
        raise TypeError(f"{shown(value.summary)} is not a summary of one line, for the description")
    utf8(value.summary)
    if value.mode not in MODES:
        raise TypeError(f"{shown(value.mode)} is not a value of `mode`; values are {', '.join(MODES)}")
    for dialect in _names("`dialects` of the description", value.dialects):
        if dialect not in DIALECTS:
            raise TypeError(f"{shown(dialect)} is not a value of `dialects`; values are {', '.join(DIALECTS)}")
    _names("`depends_on` of the description", value.depends_on)
    return replace(value, needs=_needs(value.needs))
