"""Peak memory of the transform at growing sizes; sizes of the binary and of the guests."""

import shutil
import subprocess

from . import transform
from .core import HELPERS, Failure, say, shown


def measure(session):
    sizes = [10_000, 1_000_000] + ([] if session.quick else [10_000_000])
    return {"sizes": sizes, "ways": peaks(session, sizes), "files": files(session)}


def peaks(session, sizes):
    ways = [
        transform.runner(session),
        transform.example(session, "native", "native Rust, same data path", "native_transform"),
        transform.sql_update(session),
        transform.alembic(session, "alembic_partitions", "Alembic, `partitions(1000)` + executemany", "transform_partitions"),
    ]
    rows = []
    for way in ways:
        if not session.wanted(way.key):
            continue
        row = {"key": way.key, "label": way.label, "missing": way.missing, "kib": {}}
        rows.append(row)
        if way.missing:
            say(f"  {way.key}: not measured: {way.missing}")
            continue
        try:
            # The first run compiles the component, which takes more memory than everything else.
            db = session.fresh_copy(session.table(sizes[0]))
            session.run(way.command(db))
            session.remove_database(db)
            for size in sizes:
                db = session.fresh_copy(session.table(size))
                row["kib"][str(size)] = session.peak_memory(way.command(db)).kib
                session.check_transformed(db, size)
                session.remove_database(db)
                say(f"  {way.key}: {row['kib'][str(size)] / 1024:.1f} MiB at {size:,} rows")
        except Failure as failure:
            session.fail(way.key, failure)
            row["missing"] = f"failed: {failure}"
    return rows


def files(session):
    """The release binary, the same one stripped, and every guest that is built."""
    found = []
    if session.runner.exists():
        found.append({"file": "`runner`, release", "bytes": session.runner.stat().st_size})
        if shutil.which("strip"):
            copy = session.work / "runner.stripped"
            shutil.copy(session.runner, copy)
            if subprocess.run(["strip", copy]).returncode == 0:
                found.append({"file": "`runner`, release, stripped", "bytes": copy.stat().st_size})
    else:
        found.append({"file": "`runner`, release", "missing": "not built"})
    guests = sorted(HELPERS.glob("*/migrations/*.wasm"))
    found += [{"file": f"`{shown(guest)}`", "bytes": guest.stat().st_size} for guest in guests]
    if not guests:
        found.append({"file": "guests", "missing": "not built"})
    return found
