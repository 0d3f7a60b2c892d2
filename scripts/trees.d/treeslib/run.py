"""Runs one tree with runner and with the database's client, and compares."""

import collections
import dataclasses
import difflib
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from . import orders
from .databases import ENGINES, call

ROOT = Path(__file__).resolve().parents[3]


@dataclasses.dataclass
class Result:
    """What became of a tree."""

    case: object
    files: int = 0
    # Migrations in Go, TypeScript and the like, which were left out for both.
    code: int = 0
    # What runner refuses, each in one line.
    refused: list = dataclasses.field(default_factory=list)
    applied: int = 0
    failed: str = ""
    client_failed: str = ""
    # The migration at which both stop.
    both_stop: str = ""
    differences: list = dataclasses.field(default_factory=list)
    runner_seconds: float = None
    client_seconds: float = None
    downs: str = ""

    @property
    def is_good(self):
        return not self.differences and (bool(self.both_stop) or not (self.refused or self.failed))


def all_cases(cases, args):
    work = args.dir / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    engines = {}
    wanted = {case.engine for case in cases}
    urls = {}
    if wanted - {"sqlite"}:
        started = call([ROOT / "scripts/dev-db", args.dir / "servers"])
        if started.returncode:
            sys.exit(started.stderr)
        for line in started.stdout.split():
            urls["postgres" if line.startswith("postgres") else "mariadb"] = line
    results = []
    try:
        for key in wanted:
            engines[key] = ENGINES[key](urls.get(key), work, args.sqlite3)
        for case in cases:
            result = one(case, engines[case.engine], work, args)
            results.append(result)
            print(told(result), file=sys.stderr, flush=True)
    finally:
        if urls:
            call([ROOT / "scripts/dev-db", "stop", args.dir / "servers"])
    return results


def told(result):
    code = f", {result.code} in code left out" if result.code else ""
    parts = [f"{result.case.key}: {result.applied} of {result.files} applied{code}"]
    if result.runner_seconds is not None and result.client_seconds is not None:
        parts.append(f"{result.runner_seconds:.2f} s beside {result.client_seconds:.2f} s")
    parts += [f"  refused: {it}" for it in result.refused[:12]]
    if result.both_stop:
        parts.append("  both stop at " + result.both_stop)
    if result.failed:
        parts.append("  failed: " + result.failed)
    if result.client_failed:
        parts.append("  client failed: " + result.client_failed)
    parts += [f"  differs: {it}" for it in result.differences[:12]]
    if result.downs:
        parts.append("  downs: " + result.downs)
    return "\n".join(parts)


def one(case, engine, work, args):
    project = work / case.name.replace(".", "_") / case.engine
    project.mkdir(parents=True)
    shutil.copytree(case.files, project / "migrations")
    case = dataclasses.replace(case, files=project / "migrations")
    code = prepare(case)
    steps = list(orders.steps(case))
    result = Result(case, files=len(steps), code=code)
    names = {it: f"tree_{it}" for it in ("runner", "client")}
    keys = "foreign_keys = false\n" if case.without_keys else ""
    (project / "runner.toml").write_text(f'[database]\nurl = "{engine.url(names["runner"])}"\n{keys}')

    def runner(*arguments):
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(work)}
        return call([args.runner, *arguments], cwd=project, env=environment)

    def applied():
        status = runner("status", "--format", "json")
        try:
            return sum(it["state"] == "applied" for it in json.loads(status.stdout)["migrations"])
        except (ValueError, KeyError):
            return 0

    validated = runner("validate")
    if validated.returncode:
        result.refused = lines_of(validated.stderr)
    times = collections.defaultdict(list)
    prelude = ROOT / "scripts/trees.d/prelude" / f"{case.name}.{case.engine}.sql"

    def create(name):
        engine.create(name)
        if prelude.exists():
            script = engine.script([(prelude, False)], False)
            subprocess.run([str(it) for it in engine.client(name)], input=script, check=True, capture_output=True, text=True)

    # In turns, since a machine's disk is not equally quick all the time.
    for _ in range(args.times):
        create(names["runner"])
        began = time.monotonic()
        ran = runner("apply")
        times["runner"].append(time.monotonic() - began)
        create(names["client"])
        seconds, result.client_failed = client(engine, names["client"], steps, "up", project, not case.without_keys)
        times["client"].append(seconds)
    if ran.returncode:
        result.failed = reasons(ran.stderr)
    result.applied = applied()
    if ran.returncode and not result.client_failed:
        return result
    if ran.returncode:
        # The same place, and the same schema before it?
        at = next((at for at, step in enumerate(steps) if result.client_failed.startswith(step.name + ": ")), None)
        if at is not None and result.applied == at:
            create(names["client"])
            client(engine, names["client"], steps[:at], "up", project, not case.without_keys)
            result.both_stop = steps[at].name
            if engine.key != "mariadb":
                result.differences = compare(engine, names, "")
        return result
    result.runner_seconds, result.client_seconds = median(times["runner"]), median(times["client"])
    schema = engine.schema(names["runner"])
    if result.client_failed:
        return result
    result.differences = compare(engine, names, "")
    if not ran.returncode and any(it.down for it in steps):
        result.downs = down(engine, names, steps, project, case, runner, schema, result)
    return result


def prepare(case):
    """Leaves out what is not SQL, and fills in what the project's own program would: how many migrations are gone."""
    gone = 0
    for path in sorted(case.files.iterdir()):
        is_code = re.match(r"V?\d", path.name) and path.suffix in (".go", ".ts", ".js", ".kt", ".java")
        if path.is_dir() and path.name != "meta" and not list(path.glob("*.sql")):
            shutil.rmtree(path)
            gone += 1
        elif is_code and path.is_file():
            path.unlink()
            gone += ".down." not in path.name
            # What undoes it in SQL.
            for other in case.files.glob(re.match(r"V?\d+", path.name)[0] + "_*.down.sql"):
                other.unlink()
        elif case.tool == "flyway" and "${" in path.read_text():
            path.write_text(re.sub(r"\$\{[\w-]+\}", "1", path.read_text()))
    return gone


def down(engine, names, steps, project, case, runner, schema, result):
    """Rolls everything back and applies it again; a broken downgrade is broken for the client too."""
    _, failed = client(engine, names["client"], steps, "down", project, not case.without_keys)
    back = runner("rollback", "--all", "--yes")
    if back.returncode:
        why = reasons(back.stderr)
        return f"runner: {why}; client: {failed or 'no error'}"
    if failed:
        return f"rolled back; client failed: {failed}"
    result.differences += compare(engine, names, "after the downgrades: ")
    again = runner("apply")
    if again.returncode:
        return "second apply: " + reasons(again.stderr)
    return "rolled back, applied again" + ("" if engine.schema(names["runner"]) == schema else ", another schema")


def lines_of(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


def reasons(text):
    """Why a run stopped."""
    steps = ("applied", "applying", "rolled back", "rolling back")
    return " / ".join([it for it in lines_of(text) if not it.startswith(steps)][:8])


def client(engine, name, steps, direction, project, keys):
    """Runs all steps in one session of the client: the seconds, and why it failed."""
    directory = project / f"plain.{direction}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    files = []
    for number, step in enumerate(steps if direction == "up" else reversed(steps)):
        sql = step.up if direction == "up" else step.down
        if not re.sub(r"--[^\n]*|/\*[^!].*?\*/|;", "", sql or "", flags=re.DOTALL).strip():
            continue
        path = directory / f"{number:04}.sql"
        path.write_text(sql.rstrip() + "\n;\n" if not sql.rstrip().endswith(";") else sql)
        (directory / f"{number:04}.name").write_text(step.name)
        files.append((path, step.up_in_transaction if direction == "up" else step.down_in_transaction))
    script = engine.script(files, keys)
    began = time.monotonic()
    done = subprocess.run([str(it) for it in engine.client(name)], input=script, capture_output=True, text=True)
    seconds = time.monotonic() - began
    if not done.returncode:
        return seconds, ""
    errors = [line for line in lines_of(done.stderr) if "ERROR" in line or "rror" in line] or lines_of(done.stderr)
    at = ""
    last = [line[1:] for line in done.stdout.splitlines() if line.startswith("@")][-1:]
    for file in last:
        at = (directory / file).with_suffix(".name").read_text()
    return seconds, f"{at}: {errors[0] if errors else '?'}"


def compare(engine, names, when):
    schemas = [engine.schema(names[it]) for it in ("client", "runner")]
    found = [f"{when}{line}" for line in difflib.unified_diff(*schemas, lineterm="", n=0) if not line.startswith(("---", "+++", "@@"))]
    try:
        counts = [engine.counts(names[it]) for it in ("client", "runner")]
    except Exception as error:  # A table that cannot be counted is reported, not fatal.
        return [*found, f"{when}{error}"]
    for table in sorted(set(counts[0]) | set(counts[1])):
        rows = [it.get(table) for it in counts]
        if rows[0] != rows[1]:
            found.append(f"{when}rows of {table}: client {rows[0]}, runner {rows[1]}")
    return found
