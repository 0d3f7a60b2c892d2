"""1,000 migrations into a fresh database, and the status of 1,000 applied ones."""

import shutil
import sqlite3
from datetime import datetime, timedelta
from statistics import median

from . import peers
from .core import HELPERS, Failure, journal, say

COUNT = 1_000
# The journal mode of the existing database: none, so that the tool creates its own; or an empty file in that mode.
FILES = ("own", "rollback", "WAL")


def up(i):
    return f"CREATE TABLE m{i:04} (id INTEGER PRIMARY KEY, name TEXT NOT NULL)"


def down(i):
    return f"DROP TABLE m{i:04}"


def stamp(i):
    return (datetime(2026, 1, 1) + timedelta(seconds=i)).strftime("%Y%m%d%H%M%S")


def url(db):
    """A database as a URL: a server's already is one, an SQLite file is turned into one."""
    return db if "://" in str(db) else f"sqlite://{db}"


class Tool:
    """A tool with its own directory. Subclasses define its input and its command line."""

    key = label = ""
    statuses = ()  # (label, function of the database)

    def __init__(self, session):
        self.session = session
        self.directory = session.work / self.key
        self.missing = self.why_missing()

    def why_missing(self):
        return "" if self.binary().exists() else "not installed: `scripts/bench --setup`"

    def facts(self):
        return {"key": self.key, "label": self.label, "sqlite": "" if self.missing else peers.sqlite_of(self.binary())}

    def write(self):
        """Writes the migrations, once."""
        if not self.directory.exists():
            (self.directory / "migrations").mkdir(parents=True)
            for i in range(1, COUNT + 1):
                for name, text in self.files(i).items():
                    (self.directory / "migrations" / name).write_text(text)
            self.finish()

    def finish(self):
        pass

    def create(self, db):
        """Creates the database if the tool does not do so itself."""

    def check(self, db):
        connection = sqlite3.connect(db)
        (made,) = connection.execute(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name GLOB 'm[0-9][0-9][0-9][0-9]'"
        ).fetchone()
        connection.close()
        if made != COUNT:
            raise Failure(f"{made} of {COUNT} migrations were applied")


class Runner(Tool):
    key, label = "runner", "`runner`"

    def binary(self):
        return self.session.runner

    def why_missing(self):
        return "" if self.binary().exists() else "the `runner` binary is not built"

    def files(self, i):
        return {f"{stamp(i)}_m{i:04}.up.sql": up(i) + ";\n"}

    def finish(self):
        shutil.copy(HELPERS / "project" / "runner.toml", self.directory)

    def call(self, verb, db):
        return [self.binary(), verb, "-D", url(db), "-c", self.directory / "runner.toml"]

    def apply(self, db):
        return self.call("apply", db)

    @property
    def statuses(self):
        return [("`runner status`", lambda db: self.call("status", db))]


class Pairs(Runner):
    """With downgrades, and a lockfile that lists everything: twice the files, and a thousand digests to compare."""

    key, label = "runner_pairs", "`runner`, pairs and lockfile"

    def files(self, i):
        return super().files(i) | {f"{stamp(i)}_m{i:04}.down.sql": down(i) + ";\n"}

    def finish(self):
        super().finish()
        self.session.run([self.binary(), "build", "-c", self.directory / "runner.toml"])

    @property
    def statuses(self):
        return [("`runner status`, pairs and lockfile", lambda db: self.call("status", db))]


class Components(Runner):
    """1,000 distinct components derived from one by appending a custom section: same code, different bytes, different digest."""

    key, label = "runner_components", "`runner`, components"

    def source(self):
        found = sorted((HELPERS / "components" / "migrations").glob("*.wasm"))
        return found[0] if found else None

    def why_missing(self):
        if super().why_missing():
            return super().why_missing()
        return "" if self.source() else "`scripts/bench.d/components/migrations/` holds no component: `runner build` makes it"

    def write(self):
        if not self.directory.exists():
            (self.directory / "migrations").mkdir(parents=True)
            component = self.source().read_bytes()
            for i in range(1, COUNT + 1):
                file = self.directory / "migrations" / f"{stamp(i)}_m{i:04}.wasm"
                file.write_bytes(component + custom_section("bench", f"{i:04}".encode()))
            self.finish()

    def finish(self):
        super().finish()
        self.session.run([self.binary(), "build", "-c", self.directory / "runner.toml"])

    def check(self, db):
        connection = sqlite3.connect(db)
        (applied,) = connection.execute("SELECT count(*) FROM runner_history").fetchone()
        connection.close()
        if applied != COUNT:
            raise Failure(f"{applied} of {COUNT} components were applied")

    @property
    def statuses(self):
        return [("`runner status`, components", lambda db: self.call("status", db))]


class Sqlx(Tool):
    key, label = "sqlx", f"sqlx-cli {peers.SQLX}"

    def binary(self):
        return peers.sqlx

    def files(self, i):
        return {f"{stamp(i)}_m{i:04}.up.sql": up(i) + ";\n", f"{stamp(i)}_m{i:04}.down.sql": down(i) + ";\n"}

    def create(self, db):
        self.session.run([self.binary(), "database", "create", "--no-dotenv", "-D", f"sqlite://{db}"])

    def call(self, verb, db):
        return [self.binary(), "migrate", verb, "--no-dotenv", "--source", self.directory / "migrations", "-D", url(db)]

    def apply(self, db):
        return self.call("run", db)

    @property
    def statuses(self):
        return [("`sqlx migrate info`", lambda db: self.call("info", db))]


class Dbmate(Tool):
    key, label = "dbmate", f"dbmate {peers.DBMATE}"

    def binary(self):
        return peers.dbmate()

    def files(self, i):
        return {f"{stamp(i)}_m{i:04}.sql": f"-- migrate:up\n{up(i)};\n\n-- migrate:down\n{down(i)};\n"}

    def call(self, verb, db):
        directory = self.directory / "migrations"
        return [self.binary(), "--url", f"sqlite:{db}", "--migrations-dir", directory, "--no-dump-schema", verb]

    def apply(self, db):
        return self.call("up", db)

    @property
    def statuses(self):
        return [("`dbmate status`", lambda db: self.call("status", db))]


class Refinery(Tool):
    key, label = "refinery", f"refinery_cli {peers.REFINERY}"

    def binary(self):
        return peers.refinery

    def files(self, i):
        return {f"V{i}__m{i:04}.sql": up(i) + ";\n"}

    def create(self, db):
        db.touch()

    def apply(self, db):
        config = self.directory / "refinery.toml"
        config.write_text(f'[main]\ndb_type = "Sqlite"\ndb_path = "{db}"\n')
        return [self.binary(), "migrate", "-c", config, "-p", self.directory / "migrations"]

    @property
    def statuses(self):
        return [("`refinery migrate`, nothing to do (it has no status)", self.apply)]


class Alembic(Tool):
    key, label = "alembic", f"Alembic {peers.ALEMBIC}, SQLAlchemy {peers.SQLALCHEMY}"

    def binary(self):
        return peers.alembic

    def facts(self):
        return {"key": self.key, "label": self.label, "sqlite": sqlite3.sqlite_version}

    def files(self, i):
        before = f'"m{i - 1:04}"' if i > 1 else "None"
        return {
            f"m{i:04}.py": f'"""m{i:04}"""\n\nfrom alembic import op\n\nrevision = "m{i:04}"\ndown_revision = {before}\n\n\n'
            f'def upgrade() -> None:\n    op.execute("{up(i)}")\n\n\ndef downgrade() -> None:\n    op.execute("{down(i)}")\n'
        }

    def finish(self):
        for file in ("alembic.ini", "env.py"):
            shutil.copy(HELPERS / "alembic" / file, self.directory)
        (self.directory / "migrations").rename(self.directory / "versions")

    def call(self, db, *verb):
        return [self.binary(), "-c", self.directory / "alembic.ini", "-x", f"url=sqlite:///{db}", *verb]

    def apply(self, db):
        return self.call(db, "upgrade", "head")

    @property
    def statuses(self):
        return [
            ("`alembic current`", lambda db: self.call(db, "current")),
            ("`alembic history -i`", lambda db: self.call(db, "history", "-i")),
        ]


TOOLS = (Runner, Pairs, Components, Sqlx, Dbmate, Refinery, Alembic)


def tools(session):
    chosen = [tool for tool in (kind(session) for kind in TOOLS) if session.wanted(tool.key)]
    for tool in chosen:
        if tool.missing:
            say(f"  {tool.key}: not measured: {tool.missing}")
    return chosen


def measure(session):
    chosen = tools(session)
    rows = {t.key: {**t.facts(), "syncs": {}, "journals": {}, "seconds": empty(), "cpu_seconds": empty()} for t in chosen}
    each(session, chosen, lambda tool: warm_up(session, tool, rows[tool.key]))
    for _ in range(session.runs):
        each(session, chosen, lambda tool: measure_once(session, tool, rows[tool.key]))
    for tool in chosen:
        row = rows[tool.key]
        row["missing"] = tool.missing
        if not tool.missing:
            row["medians"] = {file: median(seconds) for file, seconds in row["seconds"].items()}
            row["cpu_median"] = median(row["cpu_seconds"]["own"])
    return {"count": COUNT, "tools": list(rows.values())}


def measure_status(session):
    chosen = tools(session)
    calls = {tool.key: [] for tool in chosen}
    each(session, chosen, lambda tool: calls.update({tool.key: prepare_status(session, tool)}))
    for _ in range(session.status_runs):
        each(session, chosen, lambda tool: [c["seconds"].append(session.run(c["argv"]).wall) for c in calls[tool.key]])
    rows = []
    for tool in chosen:
        if tool.missing:
            rows.append({"key": tool.key, "label": tool.label, "missing": tool.missing})
            continue
        for call in calls[tool.key]:
            milliseconds = median(call["seconds"]) * 1e3
            say(f"  {call['label']}: {milliseconds:.1f} ms")
            rows.append({"key": tool.key, "label": call["label"], "seconds": call["seconds"], "median_ms": milliseconds})
    return {"count": COUNT, "runs": session.status_runs, "calls": rows}


def prepare_status(session, tool):
    """A database with everything applied, and the tool's calls, each run once untimed."""
    tool.write()
    db = session.work / f"status_{tool.key}.db"
    session.remove_database(db)
    tool.create(db)
    session.run(tool.apply(db))
    tool.check(db)
    calls = [{"label": label, "argv": command(db), "seconds": []} for label, command in tool.statuses]
    for call in calls:
        session.run(call["argv"])
    return calls


def each(session, chosen, act):
    """Runs a function for every tool that has not failed so far."""
    for tool in chosen:
        if not tool.missing:
            try:
                act(tool)
            except Failure as failure:
                session.fail(tool.key, failure)
                tool.missing = f"failed: {failure}"


def empty():
    return {file: [] for file in FILES}


def measure_once(session, tool, row):
    for file in FILES:
        took = once(session, tool, file)
        row["seconds"][file].append(took.wall)
        row["cpu_seconds"][file].append(took.cpu)
    say(f"  {tool.key}: " + ", ".join(f"{file} {seconds[-1]:.2f} s" for file, seconds in row["seconds"].items()))


def warm_up(session, tool, row):
    """One untimed run each: fills caches, determines the journal mode and counts syncs."""
    tool.write()
    for file in FILES:
        db = prepared(session, tool, file)
        if file == "own":
            row["first_seconds"] = session.run(tool.apply(db)).wall
            tool.check(db)
            db = prepared(session, tool, file)
        row["syncs"][file] = session.count_syncs(tool.apply(db))
        tool.check(db)
        row["journals"][file] = journal(db)


def once(session, tool, file):
    db = prepared(session, tool, file)
    took = session.run_settled(tool.apply(db))
    tool.check(db)
    session.remove_database(db)
    return took


def prepared(session, tool, file):
    db = session.work / f"{tool.key}.db"
    session.remove_database(db)
    if file == "own":
        tool.create(db)
    else:
        connection = sqlite3.connect(db)
        connection.execute(f"PRAGMA journal_mode = {'WAL' if file == 'WAL' else 'DELETE'}")
        connection.execute("PRAGMA user_version = 0")
        connection.close()
    return db


def custom_section(name, payload):
    """A WebAssembly custom section: id 0, then the length of what follows, the name and the payload."""
    body = leb128(len(name)) + name.encode() + payload
    return b"\0" + leb128(len(body)) + body


def leb128(number):
    out = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)
