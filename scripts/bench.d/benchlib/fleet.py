"""Many databases of one project: one command, the same one after another, and loops in a shell."""

import sqlite3
from statistics import median

from . import peers
from .core import Failure, Way, say
from .migrations import stamp, up

# A database for each customer, of an application with some migrations.
TENANTS, MANY, FILES = 200, 2_000, 10


def measure(session):
    project = write(session)
    config = ["-c", project / "runner.toml"]
    source = project / "migrations"
    sqlx = [peers.sqlx, "migrate", "run", "--no-dotenv", "--source", source, "-D"]
    missing_sqlx = "" if peers.sqlx.exists() else "not installed: `scripts/bench --setup`"
    ways = [
        Way("fleet", "`runner apply --all`", lambda _: [session.runner, "apply", "--all", *config]),
        Way("fleet_one", "… `--parallel 1`: one after another", lambda _: [session.runner, "apply", "--all", "--parallel", "1", *config]),
        Way("runner_loop", "a shell loop over `runner apply`", lambda names: loop([session.runner, "apply", *config, "-D"], project, names)),
        Way("sqlx_loop", f"a shell loop over sqlx-cli {peers.SQLX}", lambda names: loop(sqlx, project, names), missing=missing_sqlx),
    ]
    ways = [way for way in ways if session.wanted(way.key)]
    rows = {way.key: {"key": way.key, "label": way.label, "missing": way.missing, "seconds": [], "cpu": []} for way in ways}
    for turn in range(session.runs + 1):
        for way in (way for way in ways if not way.missing):
            try:
                took = once(session, project, way, TENANTS)
            except Failure as failure:
                session.fail(way.key, failure)
                way.missing = rows[way.key]["missing"] = f"failed: {failure}"
                continue
            # The first turn fills caches.
            if turn:
                rows[way.key]["seconds"].append(took.wall)
                rows[way.key]["cpu"].append(took.cpu)
                say(f"  {way.key}: {took.wall:.2f} s")
    for row in rows.values():
        if not row["missing"]:
            row["median"], row["cpu_median"] = median(row["seconds"]), median(row["cpu"])
    found = {"tenants": TENANTS, "files": FILES, "ways": list(rows.values())}
    if session.wanted("fleet"):
        took = once(session, project, ways[0], MANY)
        say(f"  fleet, {MANY} tenants: {took.wall:.2f} s")
        found["many"] = {"tenants": MANY, "seconds": took.wall}
        again = session.run(ways[0].command(None))
        found["again"] = {"tenants": MANY, "seconds": again.wall}
    return found


def write(session):
    project = session.work / "fleet"
    (project / "migrations").mkdir(parents=True)
    (project / "tenants").mkdir()
    for i in range(1, FILES + 1):
        (project / "migrations" / f"{stamp(i)}_m{i:04}.up.sql").write_text(up(i) + ";\n")
        (project / "migrations" / f"{stamp(i)}_m{i:04}.down.sql").write_text(f"DROP TABLE m{i:04};\n")
    (project / "runner.toml").write_text("[tenants]\nurl = 'sqlite:tenants/{tenant}.db?mode=rwc'\nfile = 'list'\n")
    return project


def loop(argv, project, names):
    """A script that runs a command for each database."""
    command = " ".join(f"'{part}'" for part in argv)
    script = f"for name in {' '.join(names)}; do {command} 'sqlite://{project}/tenants/'$name.db || exit 1; done"
    return ["sh", "-c", script]


def once(session, project, way, number):
    """A run on fresh databases: empty files in WAL mode, as each of the tools would create them."""
    names = [f"t{i:04}" for i in range(number)]
    for file in (project / "tenants").iterdir():
        file.unlink()
    (project / "list").write_text("\n".join(names) + "\n")
    for name in names:
        db = sqlite3.connect(project / "tenants" / f"{name}.db")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA user_version = 0")
        db.close()
    took = session.run_settled(way.command(names))
    for name in names[:: max(1, number // 20)]:
        db = sqlite3.connect(project / "tenants" / f"{name}.db")
        (made,) = db.execute("SELECT count(*) FROM sqlite_schema WHERE name GLOB 'm[0-9]*'").fetchone()
        db.close()
        if made != FILES:
            raise Failure(f"{name} has {made} of {FILES} tables")
    return took
