"""Rows in SQL files, a large file, dry runs, and chunks by their size, beside what the database's own client does."""

import shutil
from contextlib import nullcontext
from statistics import median

from .core import HELPERS, Failure, say
from .on_servers import runner
from .servers import Mariadb, Postgres
from .stepwise import Sqlite
from .trips import Proxy

# Far away, where each is a round trip of the client, a tenth of them.
ROWS = {0: 100_000, 2: 10_000}
# As many as make a file of 172 MB.
LARGE = 841_193
DRY = (100, 1_000, 10_000)
CHUNKS = (None, 1_000, 200)
CHUNKED = 1_000_000


def measure(session):
    places = [Sqlite(session), Postgres(session), Mariadb(session)]
    result = {"rows": [], "chunks": []}
    for place in places:
        with place if place.key != "sqlite" else nullcontext():
            result["rows"].append(measured(session, place, rows))
            result["chunks"].append(measured(session, place, chunks))
            if place.key == "postgres":
                result["dry"] = measured(session, place, dry_runs)
                if not session.quick:
                    result["large"] = measured(session, place, large)
    return result


def measured(session, place, measure):
    found = {"label": place.label, "missing": place.missing, "ways": []}
    if not place.missing:
        say(f"  {place.label}: {measure.__name__}")
        try:
            found["ways"] = measure(session, place)
        except Failure as failure:
            session.fail(f"{place.key}_{measure.__name__}", failure)
            found["missing"] = f"failed: {failure}"
    return found


def project(session, name, texts):
    """A project with these files, and all of them in one, as a client gets it: the first statement, and the others in a transaction."""
    directory = session.work / name
    shutil.rmtree(directory, ignore_errors=True)
    (directory / "migrations").mkdir(parents=True)
    settings = (HELPERS / "project" / "runner.toml").read_text()
    (directory / "runner.toml").write_text(f"{settings}\n[limits]\nartifact_bytes = {256 << 20}\n")
    with open(directory / "whole.sql", "w") as whole:
        begin = "BEGIN;\n"
        for number, lines in enumerate(texts, 1):
            with open(directory / "migrations" / f"{number:05}_step.up.sql", "w") as file:
                for line in lines:
                    file.write(line)
                    whole.write(line + begin)
                    begin = ""
        whole.write("COMMIT;\n")
    return directory


def inserts(count, text):
    yield "CREATE TABLE item (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL, price DECIMAL(10, 2), note TEXT);\n"
    for n in range(count):
        yield f"INSERT INTO item (id, name, price, note) VALUES ({n}, 'item number {n}', {n % 1000}.50, '{text}');\n"


def apply(session, directory, url, *options):
    return [session.runner, "apply", "-D", url, "-c", directory / "runner.toml", *options]


def check(place, count):
    found = place.sql("SELECT count(*) FROM item", "job")
    if int(found) != count:
        raise Failure(f"{found} of {count} rows")


def rows(session, place):
    found = []
    for delay in ROWS if place.key != "sqlite" else (0,):
        directory = project(session, "rows", [inserts(ROWS[delay], "a short note")])
        ways = {"runner": "`runner apply`", "client": "the client, in one transaction"}
        seconds = {way: [] for way in ways}
        for _ in range(session.runs + 1):
            for way in ways:
                place.empty()
                proxy = Proxy(place.port, delay) if delay else None
                url = place.url().replace(f":{place.port}/", f":{proxy.port}/") if proxy else place.url()
                command = apply(session, directory, url) if way == "runner" else place.source(url, directory / "whole.sql")
                try:
                    seconds[way].append(session.run(command).wall)
                finally:
                    if proxy:
                        proxy.stop()
                check(place, ROWS[delay])
        for way, label in ways.items():
            found.append({"key": way, "label": label, "rows": ROWS[delay], "delay_ms": delay, "seconds": seconds[way][1:], "median": median(seconds[way][1:])})
        say(f"    {delay} ms: {found[-2]['median']:.2f} s, client {found[-1]['median']:.2f} s")
    return found


def chunks(session, place):
    """Rows per second of the stepwise transform by the size of its chunks, with the default's workers, and with one."""
    transform = runner(session, "chunks", "", "stepwise", CHUNKED)
    if transform.missing:
        raise Failure(transform.missing)
    # The first run compiles the component, and is not counted.
    place.fresh(CHUNKED)
    session.run(transform.command(place.url()))
    found = []
    for jobs in (None, 1) if place.key != "sqlite" else (None,):
        for size in CHUNKS:
            options = ["--jobs", str(jobs)] if jobs else []
            options += ["--chunk-rows", str(size)] if size else []
            speeds = []
            for _ in range(session.runs):
                place.fresh(CHUNKED)
                speeds.append(CHUNKED / session.run([*transform.command(place.url()), *options]).wall)
                place.check(CHUNKED)
            found.append({"jobs": jobs, "size": size, "rows_per_second": median(speeds)})
            say(f"    {' '.join(options) or 'by default'}: {found[-1]['rows_per_second']:,.0f} rows/s")
    return found


def dry_runs(session, place):
    """One run of each: a table, and files with a row each."""
    found = []
    for count in DRY[:2] if session.quick else DRY:
        texts = ([line] for line in inserts(count - 1, "a short note"))
        directory = project(session, "dry", texts)
        place.empty()
        tried = session.run(apply(session, directory, place.url(), "--dry-run")).wall
        applied = session.run(apply(session, directory, place.url())).wall
        check(place, count - 1)
        found.append({"count": count, "dry": tried, "apply": applied})
        say(f"    {count:,}: {tried:.2f} s, apply {applied:.2f} s")
    return found


def large(session, place):
    """One run of each, and what follows behind it."""
    directory = project(session, "large", [inserts(LARGE, "a note; it is as long as notes in dumps are, and has a semicolon, as notes have" + " and so on" * 4)])
    bytes_of_it = (directory / "whole.sql").stat().st_size
    place.empty()
    plain = session.run(place.source(place.url(), directory / "whole.sql")).wall
    place.empty()
    peak = session.peak_memory(apply(session, directory, place.url()))
    check(place, LARGE)
    after = {}
    for name, command in {"status": [session.runner, "status", "-D", place.url(), "-c", directory / "runner.toml"],
                          "apply": apply(session, directory, place.url())}.items():
        # The first is not counted.
        after[name] = median([session.run(command).wall for _ in range(session.runs + 1)][1:])
        after[f"{name}_kib"] = session.peak_memory(command).kib
    say(f"    {bytes_of_it:,} bytes: {peak.wall:.1f} s, {peak.kib / 1024:.0f} MiB, client {plain:.1f} s")
    return [{"bytes": bytes_of_it, "apply": peak.wall, "kib": peak.kib, "client": plain, "after": after}]
