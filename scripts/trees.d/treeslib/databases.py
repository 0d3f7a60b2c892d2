"""Fresh databases, the clients that come with them, and what is in a database afterwards."""

import re
import sqlite3
import subprocess
from pathlib import Path

# The tables of runner are not a part of the comparison.
OWN = "runner_"

# Debian calls it through a script of its own, which takes longer than most trees.
PSQL = next(map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"), reverse=True)), "psql")


def call(argv, **options):
    return subprocess.run([str(it) for it in argv], capture_output=True, text=True, **options)


class Sqlite:
    key, label = "sqlite", "SQLite"

    def __init__(self, _url, directory, sqlite3):
        self.directory, self.sqlite3 = directory, sqlite3

    def create(self, name):
        path = self.directory / f"{name}.db"
        for end in ("", "-wal", "-shm", "-journal", ".runner-lock"):
            Path(f"{path}{end}").unlink(missing_ok=True)
        return path

    def drop(self, name):
        self.create(name)

    def url(self, name):
        return f"sqlite://{self.directory / name}.db"

    def client(self, name):
        return [self.sqlite3, "-bail", self.directory / f"{name}.db"]

    def script(self, files, keys):
        lines = [f"PRAGMA foreign_keys={'ON' if keys else 'OFF'};"]
        for path, whole in files:
            lines += [".print '@" + path.name + "'", *(["BEGIN;"] if whole else []), f".read '{path}'", *(["COMMIT;"] if whole else [])]
        return "\n".join(lines) + "\n"

    def schema(self, name):
        with sqlite3.connect(self.directory / f"{name}.db") as connection:
            rows = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2, 3").fetchall()
        shown = (f"{kind} {name}: {sql}" for kind, name, sql in rows if not name.startswith((OWN, f"sqlite_autoindex_{OWN}")))
        return list(shown)

    def counts(self, name):
        with sqlite3.connect(self.directory / f"{name}.db") as connection:
            tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'")
            names = sorted(name for (name,) in tables if not name.startswith(OWN) and name != "sqlite_sequence")
            return {it: connection.execute(f'SELECT count(*) FROM "{it}"').fetchone()[0] for it in names}


class Postgres:
    key, label = "postgres", "PostgreSQL"

    def __init__(self, url, directory, _sqlite3):
        self.base, self.directory = url.rsplit("/", 1)[0], directory

    def sql(self, name, text):
        done = call([PSQL, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", text, f"{self.base}/{name}"])
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout

    def create(self, name):
        self.drop(name)
        self.sql("postgres", f'CREATE DATABASE "{name}"')

    def drop(self, name):
        self.sql("postgres", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def url(self, name):
        return f"{self.base}/{name}"

    def client(self, name):
        return [PSQL, "-Xq", "-v", "ON_ERROR_STOP=1", f"{self.base}/{name}"]

    def script(self, files, _keys):
        lines = []
        for path, whole in files:
            lines += [f"\\echo @{path.name}", *(["BEGIN;"] if whole else []), f"\\i {path}", *(["COMMIT;"] if whole else [])]
        return "\n".join(lines) + "\n"

    def schema(self, name):
        done = call(["pg_dump", "--schema-only", "--no-comments", f"--exclude-table=*.{OWN}*", "--exclude-schema=runner", self.url(name)])
        if done.returncode:
            return [f"pg_dump failed: {done.stderr}"]
        lines = [line for line in done.stdout.splitlines() if line and not line.startswith(("--", "\\restrict", "\\unrestrict"))]
        return lines

    def counts(self, name):
        query = (
            "SELECT n.nspname || '.' || c.relname, (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM %I.%I', "
            "n.nspname, c.relname), false, true, '')))[1]::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'runner') "
            f"AND c.relname NOT LIKE '{OWN}%' ORDER BY 1"
        )
        return dict(line.rsplit("|", 1) for line in self.sql(name, query).splitlines())


class Mariadb:
    key, label = "mariadb", "MariaDB"

    def __init__(self, url, directory, _sqlite3):
        match = re.fullmatch(r"\w+://(\w+)(?::[^@]*)?@([^:/]+):(\d+)/.*", url)
        self.base, self.directory = url.rsplit("/", 1)[0], directory
        self.login = ["-u", match[1], "-h", match[2], "-P", match[3]]

    def sql(self, name, text):
        done = call(["mariadb", "--no-defaults", *self.login, "-N", "-B", "-e", text, *([name] if name else [])])
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout

    def create(self, name):
        self.drop(name)
        self.sql("", f"CREATE DATABASE `{name}`")

    def drop(self, name):
        self.sql("", f"DROP DATABASE IF EXISTS `{name}`")

    def url(self, name):
        return f"{self.base}/{name}".replace("mysql://", "mariadb://")

    def client(self, name):
        return ["mariadb", "--no-defaults", "--default-character-set=utf8mb4", "-N", "-B", *self.login, name]

    def script(self, files, keys):
        lines = [f"SET foreign_key_checks={int(keys)};"]
        for path, _ in files:
            text = path.read_text()
            # As a whole, as the tools send it: stored programs have semicolons. `source` would go on after an error.
            if "DELIMITER" not in text:
                text = f"DELIMITER $$$\n{text}\n$$$"
            lines += [f"SELECT '@{path.name}';", text, "DELIMITER ;"]
        return "\n".join(lines) + "\n"

    def schema(self, name):
        own = self.sql(name, f"SHOW TABLES LIKE '{OWN}%'").split()
        ignored = [f"--ignore-table={name}.{it}" for it in own]
        done = call(["mariadb-dump", "--no-defaults", *self.login, "--no-data", "--routines", "--events", "--skip-comments", *ignored, name])
        if done.returncode:
            return [f"mariadb-dump failed: {done.stderr}"]
        return [re.sub(r" AUTO_INCREMENT=\d+", "", line) for line in done.stdout.splitlines() if line]

    def counts(self, name):
        tables = self.sql(name, "SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'").splitlines()
        names = [line.split("\t")[0] for line in tables]
        names = sorted(it for it in names if not it.startswith(OWN))
        return {it: self.sql(name, f"SELECT count(*) FROM `{it}`").strip() for it in names}


ENGINES = {it.key: it for it in (Sqlite, Postgres, Mariadb)}
