#!/usr/bin/env python3
"""Reads a database's own tables, whatever the engine: SQLite by Python's module, servers by the clients that come with
them, so that nothing of what is being checked stands between.

    tests/oracle/engines.py DATABASE   print a digest of each table's rows, to compare two databases by

Digests say nothing of the engine, nor of the order of rows and columns: the same rows have the same digest.

Cells arrive as int, float, str or None; an instant, of whatever type, as text such as 2013-01-01T10:17:00Z.
"""

import hashlib
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import urllib.parse
from datetime import datetime, timezone

# Types whose cells are instants in UTC.
INSTANTS = {"timestamp with time zone", "datetime"}
REALS = {"double precision", "double", "real", "float"}


def read(database):
    """A database, by its URL or the path of a SQLite file.

    Answers its tables but the tool's own, name → (columns, rows), each row a dict; and what else is in its schema.
    """
    scheme = database.partition(":")[0]
    if scheme in ("postgres", "postgresql"):
        return postgres(database)
    if scheme in ("mysql", "mariadb"):
        return mysql(database)
    return sqlite(database.removeprefix("sqlite:").removeprefix("//"))


def digest(database):
    """Prints each table's columns and rows as one number."""
    tables, _ = read(database)
    for name, (columns, rows) in sorted(tables.items()):
        columns = sorted(columns)
        content = hashlib.sha256(repr(columns).encode())
        for line in sorted(repr([row[column] for column in columns]) for row in rows):
            content.update(line.encode())
        print(f"{content.hexdigest()}  {name}")


def sqlite(path):
    database = sqlite3.connect(f"{pathlib.Path(path).resolve().as_uri()}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    schema = [row for row in database.execute("SELECT type, name, tbl_name FROM sqlite_master")
              if not row["tbl_name"].startswith(("runner_", "sqlite_")) and not row["name"].startswith("sqlite_autoindex_")]
    tables = {}
    for table in (row["name"] for row in schema if row["type"] == "table"):
        cursor = database.execute(f'SELECT * FROM "{table}"')
        tables[table] = [column[0] for column in cursor.description], [dict(row) for row in cursor]
    return tables, sorted(f'{row["type"]} {row["name"]}' for row in schema if row["type"] != "table")


def postgres(url):
    command = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", url]

    def query(sql):
        # What was set on the database does not change what is read.
        options = "-c extra_float_digits=1 -c datestyle=ISO -c row_security=off"
        return lines(command, sql, PGTZ="UTC", PGCLIENTENCODING="UTF8", PGOPTIONS=options)

    # What stands behind a constraint is part of its table.
    objects = query("""
        SELECT json_build_object('kind', relkind, 'name', relname, 'columns', (
            SELECT json_agg(json_build_array(attname, format_type(atttypid, NULL)) ORDER BY attnum)
            FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped))
        FROM pg_class c WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid) ORDER BY relname""")
    tables = {found["name"]: typed(found["columns"], query(f'SELECT row_to_json(t) FROM "{found["name"]}" t'))
              for found in objects if found["kind"] == "r"}
    return tables, [f'{found["kind"]} {found["name"]}' for found in objects if found["kind"] != "r"]


def mysql(url):
    parts = urllib.parse.urlsplit(url)
    options = dict(urllib.parse.parse_qsl(parts.query))
    client = shutil.which("mariadb") or "mysql"
    command = [client, "--no-defaults", "--batch", "--raw", "--skip-column-names", "--default-character-set=utf8mb4",
               "--init-command=SET time_zone = '+00:00'", f"--user={urllib.parse.unquote(parts.username or 'root')}"]
    if "socket" in options:
        command += [f"--socket={options['socket']}"]
    else:
        command += ["--protocol=tcp", f"--host={parts.hostname}", f"--port={parts.port or 3306}"]
    command.append(parts.path.strip("/"))

    def query(sql):
        return lines(command, sql, MYSQL_PWD=urllib.parse.unquote(parts.password or ""))

    columns = {}
    for table, column, kind in query(
        "SELECT JSON_ARRAY(table_name, column_name, data_type) FROM information_schema.columns "
        "WHERE table_schema = database() ORDER BY table_name, ordinal_position"):
        columns.setdefault(table, []).append((column, kind))
    kinds = query("SELECT JSON_ARRAY(table_name, table_type) FROM information_schema.tables WHERE table_schema = database()")
    kinds += query("SELECT JSON_ARRAY(trigger_name, 'TRIGGER') FROM information_schema.triggers WHERE trigger_schema = database()")
    kinds += query("SELECT JSON_ARRAY(routine_name, routine_type) FROM information_schema.routines WHERE routine_schema = database()")
    tables, others = {}, []
    for name, kind in sorted(kinds):
        if kind != "BASE TABLE":
            others.append(f"{kind} {name}")
        elif not name.startswith("runner_"):
            cells = ", ".join(f"'{column}', `{column}`" for column, _ in columns[name])
            tables[name] = typed(columns[name], query(f"SELECT JSON_OBJECT({cells}) FROM `{name}`"))
    return tables, others


def lines(command, sql, **environment):
    """What a client answers to a statement, a JSON value each line."""
    environment = {name: value for name, value in environment.items() if value} | {"PATH": os.environ["PATH"]}
    answer = subprocess.run(command, input=sql, env=environment, stdout=subprocess.PIPE, encoding="utf-8", check=True)
    return [json.loads(line) for line in answer.stdout.split("\n") if line]


def typed(columns, rows):
    """Columns and rows, with the cells that JSON has no type for in the form that this module promises."""
    names = [name for name, _ in columns]
    instants = [name for name, kind in columns if kind in INSTANTS]
    reals = [name for name, kind in columns if kind in REALS]
    # MySQL has an order of its own for the keys of an object.
    rows = [{name: row[name] for name in names} for row in rows]
    for row in rows:
        for name in instants:
            row[name] = row[name] and instant(row[name])
        for name in reals:
            row[name] = row[name] if row[name] is None else float(row[name])
    return names, rows


def instant(text):
    """A server's text of an instant; one without an offset is in UTC."""
    read = datetime.fromisoformat(text)
    read = read if read.tzinfo else read.replace(tzinfo=timezone.utc)
    return read.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


if __name__ == "__main__":
    digest(*sys.argv[1:])
