"""The transform in each language: speed, sizes, the first run, the start of the others, and peak memory."""

import shutil
import subprocess
from statistics import median

from . import transform
from .core import HELPERS, Failure, Way, say

PROJECTS = HELPERS / "languages"
LABELS = {
    "rust": "Rust",
    "c": "C",
    "cpp": "C++",
    "zig": "Zig",
    "go": "Go",
    "javascript": "JavaScript, columns",
    "javascript_rows": "JavaScript, row by row",
    "typescript": "TypeScript, columns",
    "python": "Python, columns",
    "python_rows": "Python, row by row",
    "sql": "an `UPDATE` in SQL",
}


def measure(session):
    ways = [way(session, key) for key in LABELS if session.wanted(key)]
    found = transform.in_turns(session, ways)
    second_starts(session, ways, found)
    for row, one in zip(found, ways):
        if not row["missing"] and row["key"] != "sql":
            row |= sizes(one.project)
            try:
                row |= apart(session, one)
            except Failure as failure:
                session.fail(row["key"], failure)
                row["missing"] = f"failed: {failure}"
    return {"ways": found}


def way(session, key):
    """`runner apply` of the project of a language, which is built first: scripts are locked to the runtime of this `runner`."""
    project = {"rust": transform.PROJECT, "sql": session.work / "sql"}.get(key, PROJECTS / key)
    if key == "sql":
        write_sql(project)
    command = [session.runner, "apply", "-c", project / "runner.toml", "-D"]
    missing = built(session, project)
    return Way(key, LABELS[key], lambda db: [*command, f"sqlite://{db}"], transform.ROWS, missing, project=project)


def write_sql(project):
    (project / "migrations").mkdir(parents=True, exist_ok=True)
    (project / "runner.toml").write_text("")
    update = "UPDATE t SET name = upper(name), bal = bal * 1.1;\n"
    (project / "migrations" / "20260101000001_transform.up.sql").write_text("-- runner:irreversible\n" + update)


def built(session, project):
    """Why a project cannot be measured; empty if it is built."""
    if not session.runner.exists():
        return "the `runner` binary is not built"
    # What another build of `runner` left.
    (project / "runner.lock").unlink(missing_ok=True)
    shutil.rmtree(project / "migrations" / "runtimes", ignore_errors=True)
    say(f"  building {project.name}")
    done = subprocess.run([session.runner, "build", "--all", "-c", project / "runner.toml"], capture_output=True, text=True, env=session.environment())
    if done.returncode == 0:
        return ""
    errors = [line for line in done.stderr.splitlines() if line.startswith(("error", "hint"))]
    return "`runner build` failed: " + ("; ".join(errors) or "no output").replace("|", "/")


def sizes(project):
    """The bytes of what is committed: the component, or the script and its runtime."""
    files = [file for file in (project / "migrations").iterdir() if file.is_file()]
    runtimes = project / "migrations" / "runtimes"
    sizes = {"artifact": sum(file.stat().st_size for file in files)}
    return sizes | ({"runtime": sum(file.stat().st_size for file in runtimes.iterdir())} if runtimes.is_dir() else {})


def second_starts(session, ways, found):
    """The start of the second migration of a project: what it shares with the first, as a runtime, is in the database already."""
    rows = {row["key"]: row for row in found}
    alive = []
    for way in ways:
        if not rows[way.key]["missing"]:
            try:
                alive.append((rows[way.key], of_two(session, way)))
            except Failure as failure:
                session.fail(way.key, failure)
    # The first turn is a warm-up.
    for turn in range(session.runs + 1):
        for row, command in list(alive):
            try:
                db = session.fresh_copy(session.table(0))
                session.run([*command(db), "--target", FIRST])
                took = session.run_settled(command(db)).wall
                session.remove_database(db)
                if turn:
                    row.setdefault("second", []).append(took)
            except Failure as failure:
                session.fail(row["key"], failure)
                alive.remove((row, command))
    for row, _ in alive:
        row["second_median"] = median(row["second"])
        say(f"  {row['key']}: {row['second_median'] * 1e3:.1f} ms for the second migration")


FIRST, SECOND = "20260101000001", "20260101000002"


def of_two(session, way):
    """`runner apply` of a copy of the project, in which the migration is there twice."""
    project = session.work / f"two_{way.key}"
    shutil.rmtree(project, ignore_errors=True)
    (project / "migrations").mkdir(parents=True)
    shutil.copy(way.project / "runner.toml", project)
    for file in (way.project / "migrations").iterdir():
        if file.is_file() and file.name.startswith(FIRST):
            shutil.copy(file, project / "migrations")
            shutil.copy(file, project / "migrations" / file.name.replace(FIRST, SECOND))
    session.run([session.runner, "build", "-c", project / "runner.toml"])
    return lambda db: [session.runner, "apply", "-c", project / "runner.toml", "-D", f"sqlite://{db}"]


def apart(session, way):
    """One run with an empty table and an empty compile cache, and the peak memory of one with all rows."""
    shutil.rmtree(session.work / "cache", ignore_errors=True)
    cold = transform.once(session, way, 0, "rollback").wall
    db = session.fresh_copy(session.table(way.rows))
    peak = session.peak_memory(way.command(db)).kib
    session.check_transformed(db, way.rows)
    session.remove_database(db)
    say(f"  {way.key}: {cold:.2f} s with an empty cache, {peak / 1024:.1f} MiB")
    return {"cold": cold, "kib": peak}
