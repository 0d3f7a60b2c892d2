"""One transform over 1,000,000 rows: three columns read, two written by key, one transaction."""

import shutil
import sqlite3
from statistics import median

from . import peers
from .core import HELPERS, Failure, Way, journal, say, shown

ROWS = 1_000_000
PROJECT = HELPERS / "project"
ARTIFACT = PROJECT / "migrations" / "20260101000001_transform.wasm"


def ways(session):
    return [
        runner(session, ROWS),
        granted(session, ROWS),
        example(session, "native", "native Rust, same data path", "native_transform", ROWS),
        sql_update(session, ROWS),
        example(session, "sqlx_loop", "`sqlx` row loop", "sqlx_row_loop", 100_000),
        alembic(session, "alembic_partitions", "Alembic, `partitions(1000)` + executemany", "transform_partitions", ROWS),
        alembic(session, "alembic_loop", "Alembic, row loop", "transform_rows", 50_000),
    ]


def runner(session, rows=0):
    missing = ""
    if not session.runner.exists():
        missing = "the `runner` binary is not built"
    elif not ARTIFACT.exists():
        missing = f"`{shown(ARTIFACT)}` is missing: `runner build` makes it"
    config = PROJECT / "runner.toml"
    return Way(
        "runner", "`runner`, Rust component", lambda db: [session.runner, "apply", "-D", f"sqlite://{db}", "-c", config], rows, missing
    )


def granted(session, rows=0):
    """The same component under grants."""
    plain = runner(session, rows)
    config = PROJECT / "granted.toml"
    command = lambda db: [session.runner, "apply", "-D", f"sqlite://{db}", "-c", config]
    return Way("granted", "`runner`, Rust component under grants", command, rows, plain.missing)


def example(session, key, label, name, rows=0):
    program = session.program(name)
    missing = "" if program.exists() else f"the example `{name}` is not built"
    return Way(key, label, lambda db: [program, db], rows, missing)


def sql_update(session, rows=0):
    if session.program("sql_update").exists():
        return example(session, "sql_update", "one SQL `UPDATE`", "sql_update", rows)
    label = f"one SQL `UPDATE` (stand-in: Python's SQLite {sqlite3.sqlite_version})"
    return Way("sql_update", label, lambda db: ["python3", HELPERS / "sql_update.py", db], rows)


def alembic(session, key, label, migration, rows=0):
    """The project is copied first: Alembic leaves compiled files next to the migration."""
    project = session.work / key
    if not project.exists():
        (project / "versions").mkdir(parents=True)
        for file in ("alembic.ini", "env.py"):
            shutil.copy(HELPERS / "alembic" / file, project)
        shutil.copy(HELPERS / "alembic" / f"{migration}.py", project / "versions" / "0001_transform.py")
    missing = "" if peers.alembic.exists() else "Alembic is not installed: `scripts/bench --setup`"
    command = lambda db: [peers.alembic, "-c", project / "alembic.ini", "-x", f"url=sqlite:///{db}", "upgrade", "head"]
    return Way(key, label, command, rows, missing)


def measure(session):
    return {"ways": in_turns(session, ways(session))}


def in_turns(session, ways, journal="rollback"):
    """Every method in turn, `runs` times, so that a slow minute of the machine affects all of them."""
    chosen = [way for way in ways if session.wanted(way.key)]
    rows = {way.key: {"key": way.key, "label": way.label, "rows": way.rows, "missing": way.missing} for way in chosen}
    alive = [way for way in chosen if not way.missing]
    for way in chosen:
        if way.missing:
            say(f"  {way.key}: not measured: {way.missing}")
    for way in list(alive):
        try:
            warm_up(session, way, rows[way.key], journal)
        except Failure as failure:
            give_up(session, way, rows[way.key], failure, alive)
    for _ in range(session.runs):
        for way in list(alive):
            try:
                empty, full = once(session, way, 0, journal), once(session, way, way.rows, journal)
                say(f"  {way.key}: {full.wall:.2f} s for {way.rows:,} rows, {empty.wall:.2f} s for none")
                rows[way.key].setdefault("startup", []).append(empty.wall)
                rows[way.key].setdefault("seconds", []).append(full.wall)
                rows[way.key].setdefault("cpu_seconds", []).append(full.cpu)
            except Failure as failure:
                give_up(session, way, rows[way.key], failure, alive)
    for row in rows.values():
        if not row["missing"]:
            row["startup_median"] = median(row["startup"])
            row["seconds_median"] = median(row["seconds"])
            row["cpu_median"] = median(row["cpu_seconds"])
            row["us_per_row"] = (row["seconds_median"] - row["startup_median"]) / row["rows"] * 1e6
    return list(rows.values())


def warm_up(session, way, row, mode):
    """One untimed run: fills caches, determines the journal mode and counts syncs."""
    db = session.fresh_copy(session.table(way.rows, mode))
    row["syncs"] = session.count_syncs(way.command(db))
    row["journal"] = journal(db)
    session.check_transformed(db, way.rows)


def once(session, way, rows, mode):
    db = session.fresh_copy(session.table(rows, mode))
    took = session.run_settled(way.command(db))
    session.check_transformed(db, rows)
    session.remove_database(db)
    return took


def give_up(session, way, row, failure, alive):
    session.fail(way.key, failure)
    row["missing"] = f"failed: {failure}"
    alive.remove(way)
