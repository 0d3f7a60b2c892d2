"""Stepwise migrations: the cost of committing each chunk with its checkpoint, several workers, memory, and long journals."""

import sqlite3

from . import on_servers, transform
from .core import Failure, Way, say
from .on_servers import runner
from .servers import Postgres

ROWS = 1_000_000
MANY_ROWS = 10_000_000


def measure(session):
    result = {"sqlite": on_sqlite(session, "WAL"), "rollback": on_sqlite(session, "rollback")}
    with Postgres(session) as server:
        result["postgres"] = on_postgres(session, server)
        result["server"] = f"{server.label} {server.version()}" if not server.missing else server.label
        places = [Sqlite(session), server]
        result["sizes"] = [10_000, ROWS] + ([] if session.quick else [MANY_ROWS])
        result["rows"] = [by_rows(session, place, result["sizes"]) for place in places if session.wanted(f"{place.key}_rows")]
        result["steps"] = [by_steps(session, place) for place in places if session.wanted(f"{place.key}_steps")]
    return result


def on_sqlite(session, journal):
    """The transform in one transaction, and stepwise."""
    key = "sqlite" if journal == "WAL" else "rollback"
    ways = [
        runner(session, f"{key}_atomic", "`runner`, atomic", "project", ROWS),
        runner(session, f"{key}_stepwise", "`runner`, stepwise", "stepwise", ROWS),
    ]
    for way in ways:
        way.command = lambda db, command=way.command: command(f"sqlite://{db}")
    update = transform.sql_update(session, ROWS)
    update.key = f"{key}_update"
    return transform.in_turns(session, [*ways, update], journal)


def on_postgres(session, server):
    """The same, with one worker and with two, and the database's own `UPDATE`."""
    ways = [
        runner(session, "postgres_atomic", "`runner`, atomic", "project", ROWS, missing=server.missing),
        runner(session, "postgres_jobs_1", "`runner`, stepwise, `--jobs 1`", "stepwise", ROWS, "--jobs", "1", missing=server.missing),
        runner(session, "postgres_jobs_2", "`runner`, stepwise, `--jobs 2`", "stepwise", ROWS, "--jobs", "2", missing=server.missing),
        Way("postgres_update", "one SQL `UPDATE`", lambda _: server.in_transaction(server.update), ROWS, server.missing),
    ]
    for way in ways:
        way.check = lambda rows: server.check(rows)
    return list(on_servers.in_turns(session, server, ways).values())


class Sqlite:
    """A database file with the same interface as the servers."""

    key, label, missing = "sqlite", "SQLite", ""

    def __init__(self, session):
        self.session = session

    def fresh(self, rows):
        self.path = self.session.fresh_copy(self.session.table(rows, "WAL"))

    def empty(self):
        self.path = self.session.work / "empty.db"
        self.session.remove_database(self.path)

    def url(self):
        return f"sqlite://{self.path}"

    def source(self, _url, file):
        return ["sqlite3", "-bail", self.path, f".read {file}"]

    def check(self, rows):
        self.session.check_transformed(self.path, rows)
        self.session.remove_database(self.path)

    def sql(self, statement, _database):
        db = sqlite3.connect(self.path)
        (value,) = db.execute(statement).fetchone()
        db.close()
        return str(value)


def by_rows(session, place, sizes):
    """Peak memory and time of the stepwise transform at growing sizes, one run of each."""
    way = runner(session, f"{place.key}_rows", place.label, "stepwise", ROWS, missing=place.missing)
    return peaks(session, place, way, [(rows, rows, [], lambda rows=rows: place.check(rows)) for rows in sizes])


def by_steps(session, place):
    """The same for short and long journals."""
    way = runner(session, f"{place.key}_steps", place.label, "steps", ROWS, missing=place.missing)

    def check(steps):
        # Half of the steps read and half of them write.
        counted = float(place.sql("SELECT bal FROM t WHERE id = -1", "job"))
        if counted != steps / 2:
            raise Failure(f"{steps} steps counted to {counted:g}")

    sizes = [100, 1_000 if session.quick else 10_000]
    runs = [(steps, 0, ["-p", f"steps={steps}"], lambda steps=steps: check(steps)) for steps in sizes]
    return peaks(session, place, way, runs)


def peaks(session, place, way, runs):
    """`runs`: the name, the number of rows in the table, further options, and the check afterwards."""
    row = {"key": way.key, "label": way.label, "missing": way.missing, "peaks": {}}
    if way.missing:
        say(f"  {way.key}: not measured: {way.missing}")
        return row
    try:
        # The first run compiles the component, which takes more memory than everything else.
        _, rows, options, _ = runs[0]
        place.fresh(rows)
        session.run([*way.command(place.url()), *options])
        for size, rows, options, check in runs:
            place.fresh(rows)
            peak = session.peak_memory([*way.command(place.url()), *options])
            check()
            row["peaks"][str(size)] = peak._asdict()
            say(f"  {way.key}: {peak.kib / 1024:.1f} MiB, {peak.wall:.2f} s at {size:,}")
    except Failure as failure:
        session.fail(way.key, failure)
        row["missing"] = f"failed: {failure}"
    return row
