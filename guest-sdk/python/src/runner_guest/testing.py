"""A stand-in for the runtime, for unit tests of a migration's functions."""

from __future__ import annotations

import importlib.util
import os
import sqlite3
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, Optional, Union

from ._errors import RunnerError
from ._host import connect
from ._values import EPOCH_UTC, MICROSECOND, of_tagged, to_tagged
from .schema import CURRENT_TIMESTAMP, Column, ForeignKey, NewIndex, NewTable, TableName


class FakeHost:
    """What `fake_host` sets; `lines` has what was logged."""

    def __init__(self, **given: Any) -> None:
        self.given = given
        self.lines: list[tuple[str, str]] = []

    def _missing(self, what: str) -> RunnerError:
        return RunnerError(f"{what}: a unit test has no database; give `fake_host` one, or try the migration with `runner test`")

    def dialect(self) -> str:
        return self.given["dialect"]

    def server_version(self) -> str:
        return self.given["server_version"]

    def _run(self, what: str, sql: str, values: list[Any]) -> Any:
        plain = [of_tagged(value) for value in values]
        handler = self.given[what]
        if handler is not None:
            return handler(sql, plain)
        database = self.given["database"]
        if database is None:
            raise self._missing(f"`{what}`")
        plain = [it if isinstance(it, (type(None), int, float, str, bytes)) else str(it) for it in plain]
        try:
            return database.execute(sql, plain)
        except sqlite3.Error as error:
            kind = "constraint" if isinstance(error, sqlite3.IntegrityError) else "syntax"
            raise RunnerError(str(error), kind=kind, code=getattr(error, "sqlite_errorname", "")) from None

    def execute(self, sql: str, values: list[Any]) -> int:
        done = self._run("execute", sql, values)
        return max(done.rowcount, 0) if isinstance(done, sqlite3.Cursor) else done

    def query(self, sql: str, values: list[Any]) -> tuple[list[str], list[list[Any]]]:
        found = self._run("query", sql, values)
        if isinstance(found, sqlite3.Cursor):
            columns = [column[0] for column in found.description or ()]
            rows = [list(row) for row in found]
        else:
            found = list(found)
            columns = list(found[0]) if found else []
            rows = [[row[name] for name in columns] for row in found]
        return columns, [[to_tagged(value) for value in row] for row in rows]

    def read(self, *_: Any) -> Any:
        raise self._missing("`read`")

    read_table = write = transform = read

    def change_schema(self, call: str, *arguments: Any) -> None:
        self.execute(_STATEMENTS[call](*arguments), [])

    def function_name(self, function: Any) -> Optional[str]:
        return function if isinstance(function, str) else getattr(function, "__name__", None)

    def parameters(self) -> list[tuple[str, Any]]:
        return [(name, to_tagged(value)) for name, value in self.given["parameters"].items()]

    def run_timestamp(self) -> int:
        return (self.given["run_timestamp"] - EPOCH_UTC) // MICROSECOND

    def seed(self) -> int:
        return self.given["seed"]

    def log(self, level: str, message: str) -> None:
        self.lines.append((level, message))

    def progress(self, done: int, total: Optional[int], unit: str) -> None:
        pass

    def read_asset(self, path: str) -> bytes:
        found = self.given["assets"].get(path)
        if found is None:
            raise RunnerError(f"there is no file `{path}` in the directory of the script", kind="invalid-argument")
        return found.encode() if isinstance(found, str) else bytes(found)

    def open_asset(self, path: str) -> Any:
        return _FakeAsset(self.read_asset(path))


class _FakeAsset:
    def __init__(self, content: bytes) -> None:
        self.content, self.position = content, 0

    def size(self) -> int:
        return len(self.content)

    def read(self, limit: int) -> bytes:
        chunk = self.content[self.position : self.position + limit]
        self.position += len(chunk)
        return chunk


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _beside(table: TableName, name: str) -> str:
    return _quoted(name) if table.schema is None else f"{_quoted(table.schema)}.{_quoted(name)}"


def _named(table: TableName) -> str:
    return _beside(table, table.table)


def _listed(names: Iterable[str]) -> str:
    return f"({', '.join(map(_quoted, names))})"


def _literal(kind: str, inside: Any) -> str:
    if kind in ("boolean", "int64"):
        return str(int(inside))
    if kind in ("float64", "decimal"):
        return str(inside)
    if kind == "bytes":
        return f"X'{inside.hex()}'"
    return "'" + str(of_tagged((kind, inside))).replace("'", "''") + "'"


_TYPES = {"boolean": "BOOLEAN", "int32": "INTEGER", "int64": "INTEGER", "float64": "REAL", "bytes": "BLOB", "json": "JSON"}


def _defined(column: Column, in_key: bool = False) -> str:
    if column.identity:
        return f"{_quoted(column.name)} INTEGER NOT NULL PRIMARY KEY"
    type, literal = column._parts()
    spelled = str(type).upper() if type.size else _TYPES.get(type.name, "TEXT")
    default = f" DEFAULT {_literal(*literal)}" if literal is not None else ""
    if column.default is CURRENT_TIMESTAMP:
        default = " DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))"
    return f"{_quoted(column.name)} {spelled} {'NOT NULL' if column.not_null or in_key else 'NULL'}{default}"


def _foreign(key: ForeignKey) -> str:
    action = {"cascade": " ON DELETE CASCADE", "set-null": " ON DELETE SET NULL"}.get(key.on_delete, "")
    return f"FOREIGN KEY {_listed(key.columns)} REFERENCES {_quoted(key.references)} {_listed(key.referenced)}{action}"


def _create_table(new: NewTable) -> str:
    parts = [_defined(column, column.name in new.primary_key) for column in new.columns]
    if new.primary_key and not any(column.identity for column in new.columns):
        parts.append(f"PRIMARY KEY {_listed(new.primary_key)}")
    parts += [f"UNIQUE {_listed(names)}" for names in new.unique]
    parts += map(_foreign, new.foreign_keys)
    return f"CREATE TABLE {_named(new.table)} ({', '.join(parts)})"


def _create_index(new: NewIndex) -> str:
    kind = "UNIQUE INDEX" if new.unique else "INDEX"
    return f"CREATE {kind} {_beside(new.table, new.name)} ON {_quoted(new.table.table)} {_listed(new.columns)}"


#: Changes of the schema as SQLite gets them.
_STATEMENTS: dict[str, Callable[..., str]] = {
    "create_table": _create_table,
    "drop_table": lambda table: f"DROP TABLE {_named(table)}",
    "rename_table": lambda table, to: f"ALTER TABLE {_named(table)} RENAME TO {_quoted(to)}",
    "add_column": lambda table, column: f"ALTER TABLE {_named(table)} ADD COLUMN {_defined(column)}",
    "drop_column": lambda table, column: f"ALTER TABLE {_named(table)} DROP COLUMN {_quoted(column)}",
    "rename_column": lambda table, column, to: f"ALTER TABLE {_named(table)} RENAME COLUMN {_quoted(column)} TO {_quoted(to)}",
    "create_index": _create_index,
    "drop_index": lambda table, index: f"DROP INDEX {_beside(table, index)}",
}


def fake_host(
    *,
    database: Optional[sqlite3.Connection] = None,
    parameters: Optional[Mapping[str, Union[str, int, float, bool]]] = None,
    assets: Optional[Mapping[str, Union[str, bytes]]] = None,
    execute: Optional[Callable[[str, Sequence[Any]], int]] = None,
    query: Optional[Callable[[str, Sequence[Any]], Sequence[Mapping[str, Any]]]] = None,
    dialect: str = "sqlite",
    server_version: str = sqlite3.sqlite_version,
    run_timestamp: datetime = datetime(1970, 1, 1, tzinfo=timezone.utc),
    seed: int = 0,
) -> FakeHost:
    """Sets what `db`, `parameters`, `assets` and the rest do in the tests that follow, and returns it.

    Statements go to `database`, a connection of `sqlite3`, or to the functions `execute` and `query`; changes of the schema go
    there as statements of SQLite. Readers, writers and transforms need a whole database: try them with ``runner test``.
    """
    host = FakeHost(
        database=database, parameters=parameters or {}, assets=assets or {}, execute=execute, query=query, dialect=dialect,
        server_version=server_version, run_timestamp=run_timestamp, seed=seed,
    )
    connect(host)
    return host


class _Companions:
    """Finds modules in the directory with the script's name, behind the standard library and before everything else."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Optional[ModuleSpec]:
        if path is not None or name in sys.stdlib_module_names:
            return None
        return PathFinder.find_spec(name, [self.directory])

    def forget(self) -> None:
        """Forgets its modules: another script may have some with the same names."""
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) or ""
            if file.startswith(os.path.join(self.directory, "")):
                del sys.modules[name]


_companions: Optional[_Companions] = None


def load(script: Union[str, "os.PathLike[str]"]) -> ModuleType:
    """A script as a module: ``load("migrations/20260301100000_tidy_names.py").tidy(batch)``.

    It imports the modules of the directory with its name as under `runner`, until another script is loaded.
    """
    global _companions
    path = os.path.abspath(script)
    base, end = os.path.splitext(path)
    if end != ".py" or not os.path.isfile(path):
        raise FileNotFoundError(f"there is no script `{os.fspath(script)}`")
    if _companions is not None:
        _companions.forget()
    _companions = _Companions(base)
    sys.meta_path.insert(0, _companions)  # type: ignore[arg-type]
    spec = importlib.util.spec_from_file_location(os.path.basename(base), path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Classes of the script look for their module.
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module
