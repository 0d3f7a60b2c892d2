"""The transform, the copy into a new table, status and memory on PostgreSQL and MariaDB; the transform on MySQL."""

import shutil
from statistics import median

from . import migrations, peers
from .core import HELPERS, Failure, Way, say, shown
from .servers import FetchedMariadb, Mariadb, Mysql, Postgres

ROWS = 1_000_000


def measure_postgres(session):
    with Postgres(session) as server:
        peer = lambda *way: alembic(session, server, "postgresql+psycopg", *way)
        alembics = [
            peer("alembic_partitions", "Alembic, psycopg 3, `partitions(1000)` + executemany", "transform_partitions", ROWS),
            peer("alembic_loop", "Alembic, psycopg 3, row loop", "transform_rows", 50_000),
        ]
        result = measure(session, server, alembics)
        result["status"] = status(session, server)
        return result


def measure_mariadb(session):
    with Mariadb(session) as server:
        peer = lambda driver, *way: alembic(session, server, f"mysql+{driver}", *way)
        partitions = "`partitions(1000)` + executemany"
        alembics = [
            peer("pymysql", "alembic_pymysql", f"Alembic, PyMySQL, {partitions}", "transform_partitions", 100_000),
            peer("mysqldb", "alembic_mysqlclient", f"Alembic, mysqlclient, {partitions}", "transform_partitions", 100_000),
            peer("mysqldb", "alembic_loop", "Alembic, mysqlclient, row loop", "transform_rows", 50_000),
        ]
        return measure(session, server, alembics)


def measure_mysql(session):
    """MySQL beside the MariaDB of the same time: the transform, relative to each server's own `UPDATE`."""
    servers = []
    for kind in (FetchedMariadb, Mysql):
        with kind(session) as server:
            say(f"  {server.label}:")
            ways = [
                runner(session, "runner", "`runner`, Rust component", "project", ROWS, missing=server.missing),
                update(server),
            ]
            for way in ways:
                way.check = lambda rows, server=server: server.check(rows)
            rows = in_turns(session, server, ways)
            version = "" if server.missing else f" {server.version()}"
            servers.append({"server": server.label + version, "transform": list(rows.values())})
    return {"servers": servers}


def update(server):
    return Way("sql_update", "one SQL `UPDATE`", lambda _: server.in_transaction(server.update), ROWS, server.missing)


def runner(session, key, label, project, rows, *options, missing="", settings="runner.toml"):
    """`runner apply` of one of the projects."""
    directory = HELPERS / project
    if not session.runner.exists():
        missing = "the `runner` binary is not built"
    elif not any((directory / "migrations").glob("*.wasm")):
        missing = f"`{shown(directory)}` has no artifact: `runner build` makes it"
    command = lambda db: [session.runner, "apply", "-D", db, "-c", directory / settings, *options]
    return Way(key, label, command, rows, missing)


def granted(session, server):
    """The same component under grants: its statements run in a second session, with a login of its own."""
    label = "`runner`, Rust component under grants"
    way = runner(session, "granted", label, "project", ROWS, missing=server.missing, settings="granted.toml")
    way.prepare = lambda db: [session.runner, "grants", "sync", "-D", db, "-c", HELPERS / "project" / "granted.toml"]
    return way


def alembic(session, server, driver, key, label, migration, rows):
    project = session.work / f"{server.key}_{key}"
    if not project.exists():
        (project / "versions").mkdir(parents=True)
        for file in ("alembic.ini", "env.py"):
            shutil.copy(HELPERS / "alembic" / file, project)
        shutil.copy(HELPERS / "alembic" / f"{migration}.py", project / "versions" / "0001_transform.py")
    missing = server.missing or ("" if peers.alembic.exists() else "Alembic is not installed: `scripts/bench --setup`")
    url = lambda url: f"{driver}{url[url.index(':'):]}"
    command = lambda db: [peers.alembic, "-c", project / "alembic.ini", "-x", f"url={url(db)}", "upgrade", "head"]
    return Way(key, label, command, rows, missing)


def measure(session, server, alembics):
    """Every method in turn, `runs` times, each on a fresh copy of the table."""
    transforms = [
        runner(session, "runner", "`runner`, Rust component", "project", ROWS, missing=server.missing),
        granted(session, server),
        update(server),
        *alembics,
    ]
    inserts = [
        runner(session, "insert_runner", "`runner`, Rust component", "insert", ROWS, missing=server.missing),
        Way("insert_select", "`CREATE TABLE`, `INSERT … SELECT`", lambda _: server.in_transaction(server.fill), ROWS, server.missing),
        Way("insert_ctas", "`CREATE TABLE AS`", lambda _: server.in_transaction(server.ctas), ROWS, server.missing),
    ]
    for way in transforms:
        way.check = lambda rows: server.check(rows)
    for way in inserts:
        way.check = lambda rows: server.check(rows, "u")
    rows = in_turns(session, server, transforms + inserts)
    return {
        "server": f"{server.label} {server.version()}" if not server.missing else server.label,
        "transform": [rows[way.key] for way in transforms if way.key in rows],
        "insert": [rows[way.key] for way in inserts if way.key in rows],
        "memory": memory(session, server, transforms[0]),
    }


def in_turns(session, server, ways):
    """The selected methods, one after the other, repeatedly."""
    chosen = [way for way in ways if session.wanted(way.key)]
    rows = {way.key: {"key": way.key, "label": way.label, "rows": way.rows, "missing": way.missing} for way in chosen}
    alive = [way for way in chosen if not way.missing]
    for way in chosen:
        if way.missing:
            say(f"  {way.key}: not measured: {way.missing}")
    # The first turn is a warm-up: it fills caches and is not counted.
    for turn in range(session.runs + 1):
        for way in list(alive):
            try:
                empty, full = once(session, server, way, 0), once(session, server, way, way.rows)
            except Failure as failure:
                session.fail(way.key, failure)
                rows[way.key]["missing"] = f"failed: {failure}"
                alive.remove(way)
                continue
            say(f"  {way.key}: {full.wall:.2f} s for {way.rows:,} rows, {empty.wall:.2f} s for none")
            if turn:
                rows[way.key].setdefault("startup", []).append(empty.wall)
                rows[way.key].setdefault("seconds", []).append(full.wall)
                rows[way.key].setdefault("cpu_seconds", []).append(full.cpu)
    for row in rows.values():
        if not row["missing"]:
            row["startup_median"] = median(row["startup"])
            row["seconds_median"] = median(row["seconds"])
            row["cpu_median"] = median(row["cpu_seconds"])
            row["us_per_row"] = (row["seconds_median"] - row["startup_median"]) / row["rows"] * 1e6
    return rows


def once(session, server, way, rows):
    server.fresh(rows)
    if way.prepare:
        session.run(way.prepare(server.url()))
    took = session.run(way.command(server.url()))
    way.check(rows)
    return took


def memory(session, server, way):
    """Peak resident memory of the transform at growing sizes, in KiB."""
    sizes = [10_000, 1_000_000] + ([] if session.quick else [10_000_000])
    row = {"label": way.label, "missing": way.missing, "sizes": sizes, "kib": {}}
    if way.missing or not session.wanted("memory"):
        return {**row, "missing": way.missing or "not asked for"}
    try:
        for size in sizes:
            server.fresh(size)
            row["kib"][str(size)] = session.peak_memory(way.command(server.url())).kib
            server.check(size)
            say(f"  memory: {row['kib'][str(size)] / 1024:.1f} MiB at {size:,} rows")
    except Failure as failure:
        session.fail("memory", failure)
        row["missing"] = f"failed: {failure}"
    return row


def status(session, server):
    """The status of 1,000 applied migrations, whole processes in turn."""
    tools = [tool for tool in (migrations.Runner(session), migrations.Sqlx(session)) if session.wanted("status")]
    calls = []
    for tool in tools:
        label, command = tool.statuses[0]
        call = {"label": label, "missing": tool.missing or server.missing, "seconds": []}
        calls.append(call)
        database = f"status_{tool.key}"
        url = server.url(database)
        if call["missing"]:
            continue
        try:
            tool.write()
            server.sql(f"CREATE DATABASE {database}")
            session.run(tool.apply(url))
            call["argv"] = command(url)
            session.run(call["argv"])
        except Failure as failure:
            session.fail("status", failure)
            call["missing"] = f"failed: {failure}"
    for _ in range(session.status_runs):
        for call in calls:
            if not call["missing"]:
                call["seconds"].append(session.run(call["argv"]).wall)
    for call in calls:
        call.pop("argv", None)
        if call["seconds"]:
            call["median_ms"] = median(call["seconds"]) * 1e3
            say(f"  {call['label']}: {call['median_ms']:.1f} ms")
    return calls
