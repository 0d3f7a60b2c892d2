"""A regular expression and a date for each row: the same code in migrations, and in programs that use the language's usual driver."""

import hashlib
import sqlite3
from datetime import date, timedelta
from functools import lru_cache

from . import languages, on_servers, outside
from .core import Failure, Way
from .servers import Postgres

LABELS = {"javascript": "JavaScript", "python": "Python", "go": "Go", "rust": "Rust"}
COLUMNS = "id, phone, joined, due"
TABLE = "CREATE TABLE people (id {} NOT NULL PRIMARY KEY, phone TEXT NOT NULL, joined TEXT NOT NULL, due TEXT)"
# How people write a phone number, and at last something else.
WRITTEN = ["+41 {} {} {} {}", "0041 {} {} {} {}", "0{} {} {} {}", "0{}/{}.{}.{}", "+41 (0){} {}-{}-{}", "0{}{}{}{}", "+41{}{}{}{}", "ask {}{}{}{}"]


def measure(session):
    outside.copy()
    rows = 100_000 if session.quick else 1_000_000
    built = {language: languages.built(session, outside.PROJECTS / language) for language in LABELS if wanted(session, language)}
    return {"rows": rows, "places": [at(session, kind, rows, built) for kind in (Sqlite, People)]}


def wanted(session, language):
    return session.only is None or any(key.startswith(f"{language}_") for key in session.only)


def at(session, kind, rows, built):
    with kind(session) as place:
        ways = []
        for language, missing in built.items():
            ways.append(runner(session, place, language, rows, missing))
            ways += [other(place, rows, language, *way) for way in place.outside().get(language, [])]
        found = on_servers.in_turns(session, place, ways)
        version = "" if place.missing else f" {place.version()}"
        return {"label": place.label + version, "ways": list(found.values())}


def runner(session, place, language, rows, missing):
    config = outside.PROJECTS / language / "runner.toml"
    command = lambda url: [session.runner, "apply", "-c", config, "-D", url]
    return Way(f"{language}_runner", f"{LABELS[language]}: `runner`", command, rows, place.missing or missing, place.check_people)


def other(place, rows, language, key, label, program, *arguments):
    """One of the programs; those on SQLite take a file."""
    command = lambda url: [*program, url.removeprefix("sqlite://"), *arguments]
    missing = place.missing or outside.missing(program[0])
    return Way(f"{language}_{key}", f"{LABELS[language]}: {label}", command, rows, missing, place.check_people)


def script(program, language, name):
    return [program, outside.PLACE / language / name]


class Sqlite:
    """A database file in WAL mode, with the same interface as the server."""

    label, missing = "SQLite", ""

    def __init__(self, session):
        self.session = session
        self.path = session.work / "people.db"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.session.remove_database(self.path)

    def outside(self):
        node = f"Node.js {outside.version(outside.node)}, `node:sqlite`, prepared statements"
        cpython = f"CPython {outside.version(outside.python)}, `sqlite3`, `executemany`"
        return {
            "javascript": [("node", node, script(outside.node, "javascript", "sqlite.js"))],
            "python": [("cpython", cpython, script(outside.python, "python", "on_sqlite.py"))],
            "go": [("native", "a program, go-sqlite3, prepared statements", [outside.go])],
            "rust": [("native", "a program, `rusqlite`, prepared statements", [outside.rust])],
        }

    def version(self):
        return "in WAL mode"

    def url(self):
        return f"sqlite://{self.path}"

    def fresh(self, rows):
        base = self.session.work / f"people_{rows}.db"
        if not base.exists():
            db = sqlite3.connect(base)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(TABLE.format("INTEGER"))
            db.executemany("INSERT INTO people (id, phone, joined) VALUES (?, ?, ?)", (row[:3] for row in people(rows)))
            db.commit()
            db.close()
        self.session.fresh_copy(base, self.path.name)

    def check_people(self, rows):
        db = sqlite3.connect(self.path)
        check(rows, ("\t".join(map(str, row)) for row in db.execute(f"SELECT {COLUMNS} FROM people ORDER BY id")))
        db.close()


class People(Postgres):
    """PostgreSQL with the table of this job."""

    def outside(self):
        pg = f"Node.js {outside.version(outside.node)}, `pg`, arrays"
        cpython = f"CPython {outside.version(outside.python)}, psycopg 3"
        script_in_python = script(outside.python, "python", "on_postgres.py")
        return {
            "javascript": [("node", pg, script(outside.node, "javascript", "postgres.js"))],
            "python": [
                ("cpython", f"{cpython}, `executemany`", script_in_python),
                ("cpython_arrays", f"{cpython}, arrays", script_in_python, "--arrays"),
            ],
            "go": [
                ("native", "a program, pgx, batches", [outside.go]),
                ("native_arrays", "a program, pgx, arrays", [outside.go], "--arrays"),
            ],
            "rust": [
                ("native", "a program, `tokio-postgres`, pipelined", [outside.rust]),
                ("native_arrays", "a program, `tokio-postgres`, arrays", [outside.rust], "--arrays"),
            ],
        }

    def make(self, name, rows):
        self.sql(f"CREATE DATABASE {name}")
        self.sql(TABLE.format("bigint"), name)
        file = self.directory / "people.tsv"
        file.write_text("".join("\t".join(map(str, row[:3])) + "\n" for row in people(rows)))
        self.sql(f"\\copy people (id, phone, joined) FROM '{file}'", name)
        self.sql("VACUUM ANALYZE people", name)

    def check_people(self, rows):
        check(rows, self.sql(f"COPY (SELECT {COLUMNS} FROM people ORDER BY id) TO STDOUT", "job").splitlines())


def people(rows):
    """The rows of the table, each with what its phone number and its due date must be."""
    for id in range(1, rows + 1):
        digits = f"{id * 7919 % 10**7:07}"
        parts = (str(21 + id % 70), digits[:3], digits[3:5], digits[5:])
        joined = date(2015, 1, 1) + timedelta(id * 31 % 4000)
        due = joined + timedelta(30)
        due += timedelta({5: 2, 6: 1}.get(due.weekday(), 0))
        phone = WRITTEN[id % len(WRITTEN)].format(*parts)
        is_number = not phone.startswith("ask")
        yield id, phone, joined.isoformat(), WRITTEN[0].format(*parts) if is_number else phone, due.isoformat()


@lru_cache(maxsize=None)
def right(rows):
    return digest(f"{id}\t{phone}\t{joined}\t{due}" for id, _, joined, phone, due in people(rows))


def digest(lines):
    whole = hashlib.sha256()
    for line in lines:
        whole.update(line.encode() + b"\n")
    return whole.hexdigest()


def check(rows, lines):
    """Every method leaves the same bytes in the table."""
    if digest(lines) != right(rows):
        raise Failure(f"the {rows:,} rows are not what they must be")
