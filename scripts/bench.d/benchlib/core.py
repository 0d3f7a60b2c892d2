"""Processes, database files, and the state shared by one sitting of measurements."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
HELPERS = ROOT / "scripts" / "bench.d"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()
RELEASE = TARGET / "release"
PEERS = TARGET / "bench" / "peers"


class Failure(Exception):
    """A command failed, or a result is wrong."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def shown(path):
    """A path relative to the repository, if it is inside."""
    path = Path(path)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def load():
    return round(os.getloadavg()[0], 2)


class Took(NamedTuple):
    """Elapsed seconds, and CPU seconds of the process and its children."""

    wall: float
    cpu: float


class Peak(NamedTuple):
    """The peak resident memory of a process in KiB, and its elapsed seconds."""

    kib: int
    wall: float


@dataclass
class Way:
    """One way to do a job. `command` returns the command line for a database file."""

    key: str
    label: str
    command: object
    rows: int = 0
    missing: str = ""  # why it cannot be measured here
    check: object = None  # called with the database after each run
    project: object = None  # the directory of its project, if it has one
    prepare: object = None  # the command line of what is done before each run, and not timed


class Session:
    """One sitting: the settings, the working directory, and what failed."""

    def __init__(self, args):
        self.dir = args.dir.resolve()
        self.work = self.dir / "work"
        # A selection is only for a quick look: it never replaces the results behind the tables in the docs.
        self.results_file = self.dir / ("results-only.json" if args.only else "results.json")
        self.quick = args.quick
        self.runs = args.runs or (1 if args.quick else 5)
        self.status_runs = args.runs or (3 if args.quick else 20)
        self.keep = args.keep
        self.only = args.only.split(",") if args.only else None
        self.runner = (args.runner or RELEASE / "runner").resolve()
        self.failed = []
        self.strace = shutil.which("strace")

    # ---- the working directory ----

    def prepare(self):
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)

    def clean(self):
        if not self.keep:
            shutil.rmtree(self.work, ignore_errors=True)

    def build(self):
        """Builds the host in release mode, the programs it is compared with, and the guests."""
        if (ROOT / "host" / "runner" / "Cargo.toml").exists():
            self._cargo("--bins")
            if (ROOT / "host" / "runner" / "examples").is_dir():
                self._cargo("--examples")
        for name in ("project", "insert", "components", "stepwise", "steps"):
            directory = HELPERS / name
            if self.runner.exists():
                # All: their own sources are the same after a change of the contract or the SDK.
                subprocess.run([self.runner, "build", "--all", "-c", directory / "runner.toml"], cwd=ROOT)

    def _cargo(self, what):
        say(f"building the host: cargo build --release {what}")
        argv = ["nice", "-n", "10", "cargo", "build", "--release", "--quiet", "-p", "runner", what]
        if subprocess.run(argv, cwd=ROOT).returncode:
            raise Failure("the release build failed; --no-build measures what is there")

    def program(self, name):
        return RELEASE / "examples" / name

    def wanted(self, key):
        return self.only is None or key in self.only

    def facts(self):
        """Where and when, in enough detail to judge the numbers."""
        return {
            "date": time.strftime("%Y-%m-%d"),
            "machine": machine(self.dir),
            "runs": self.runs,
            "load_before": load(),
        }

    def warn_if_busy(self):
        if load() > 0.5:
            say(f"warning: the load average is {load()}: other work will show in the numbers")

    # ---- processes ----

    def environment(self):
        """The caller's environment without anything that configures the tools; caches go into the working directory."""
        steering = ("RUNNER_", "DATABASE_", "DBMATE_", "ALEMBIC_", "PYTHON")
        env = {k: v for k, v in os.environ.items() if not k.startswith(steering)}
        env["XDG_CACHE_HOME"] = str(self.work / "cache")
        # The tables that transforms work on are made before the first run.
        env["RUNNER_ON_EXISTING"] = "apply"
        return env

    def run(self, argv, inside=()):
        """Runs a command, optionally wrapped in another one, and returns how long it took."""
        log = self.work / "last.log"
        with open(log, "wb") as out:
            start = time.perf_counter()
            process = subprocess.Popen(
                [str(a) for a in (*inside, *argv)],
                cwd=self.work,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            _, status, used = os.wait4(process.pid, 0)
            wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise Failure(f"{Path(argv[0]).name}: exit code {process.returncode}: {complaint(log)}")
        return Took(wall, used.ru_utime + used.ru_stime)

    def run_settled(self, argv):
        """The same, after all pending writes are on disk, so that no run pays for another's writes."""
        os.sync()
        return self.run(argv)

    def count_syncs(self, argv):
        """Runs a command and counts how often it syncs to disk; None without strace."""
        if not self.strace:
            self.run(argv)
            return None
        trace = self.work / "syncs"
        options = ["-f", "--seccomp-bpf", "-qq", "-e", "trace=fsync,fdatasync", "-o", trace]
        self.run(argv, inside=[self.strace, *options, "--"])
        # A call interrupted by another thread takes two lines; only the first contains the parenthesis.
        return sum("fsync(" in line or "fdatasync(" in line for line in trace.read_text().splitlines())

    def peak_memory(self, argv):
        """Runs a command and returns the peak resident memory of the process, and how long it took.

        GNU time is the process in between: a child started straight from Python would inherit Python's own peak.
        """
        gnu_time = shutil.which("time")
        if not gnu_time:
            raise Failure("GNU time is needed to measure memory")
        out = self.work / "peak"
        took = self.run(argv, inside=[gnu_time, "-f", "%M", "-o", out])
        return Peak(int(out.read_text().split()[-1]), took.wall)

    def fail(self, key, failure):
        say(f"  {key}: FAILED: {failure}")
        self.failed.append(key)

    # ---- database files ----

    def remove_database(self, path):
        for file in path.parent.glob(path.name + "*"):
            file.unlink()

    def fresh_copy(self, base, name="job.db"):
        """A copy that is already on disk, so that the run does not pay for the copying."""
        path = self.work / name
        self.remove_database(path)
        shutil.copyfile(base, path)
        with open(path, "rb+") as file:
            os.fsync(file.fileno())
        return path

    def table(self, rows, journal="rollback"):
        """The base database with `t(id, name, bal)` with that many rows, created once per journal mode."""
        path = self.work / f"base_{rows}_{journal}.db"
        if not path.exists():
            db = sqlite3.connect(path)
            if journal == "WAL":
                db.execute("PRAGMA journal_mode = WAL")
            db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, bal REAL)")
            db.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)"
                " INSERT INTO t SELECT i, 'customer number ' || i, (i * 7919 % 1000003) / 100.0 FROM n WHERE ?1 > 0",
                (rows,),
            )
            db.commit()
            db.close()
        return path

    def check_transformed(self, path, rows):
        """Every row must be exactly as the job requires."""
        db = sqlite3.connect(path)
        db.execute("ATTACH ? AS base", (str(self.table(rows)),))
        (right,) = db.execute(
            "SELECT count(*) FROM main.t AS new JOIN base.t AS old USING (id)"
            " WHERE new.name = upper(old.name) AND new.bal = old.bal * 1.1"
        ).fetchone()
        db.close()
        if right != rows:
            raise Failure(f"only {right} of {rows} rows came out right")


def complaint(log):
    """The line of a command's output that most likely explains the failure."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines[-1:] or ["no output"])[-1].replace("|", "/")


def journal(path):
    """The journal mode that the file's header asks for (bytes 18 and 19: 2 is WAL)."""
    with open(path, "rb") as file:
        return "WAL" if file.read(20)[18:20] == b"\x02\x02" else "rollback"


def machine(directory):
    """The machine on which the numbers were measured."""
    facts = {"system": "", "cpu": "", "cores": os.cpu_count(), "memory_gib": 0, "file_system": ""}
    try:
        os_release = Path("/etc/os-release").read_text()
        facts["system"] = next(l.split("=")[1].strip('"') for l in os_release.splitlines() if l.startswith("PRETTY_NAME="))
        cpuinfo = Path("/proc/cpuinfo").read_text()
        facts["cpu"] = next(l.split(":")[1].strip() for l in cpuinfo.splitlines() if l.startswith("model name"))
        facts["memory_gib"] = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
        mounts = [l.split()[1:3] for l in Path("/proc/mounts").read_text().splitlines()]
        inside = [m for m in mounts if Path(directory).is_relative_to(m[0])]
        facts["file_system"] = max(inside, key=lambda m: len(m[0]))[1]
    except (OSError, StopIteration, ValueError):
        pass  # not Linux: the fields stay empty
    return facts
