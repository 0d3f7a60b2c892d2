#!/usr/bin/env python3
"""Checks a database of the demo project against the published files.

    tests/oracle/flights.py DATABASE            check every row of every table
    tests/oracle/flights.py --digest DATABASE   print a digest of each table's rows, to compare two databases by

DATABASE is the path of a SQLite file, or a URL: sqlite:, postgres:// or mysql://. Servers are asked by their own clients,
`psql` and `mariadb`.

The check shares nothing with the migrations but the files: it computes every expected row by itself, in the plainest
way (an arrival is found by watching the clock minute by minute), with Python's own time zones. How far the database has
been migrated is told by its tables and columns. Exit code 1 if anything differs.
"""

import argparse
import csv
import gzip
import pathlib
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import engines

ASSETS = pathlib.Path(__file__).resolve().parents[2] / "migrations/20260105100000_load_flights/assets"
TEXT = {"carrier", "name", "faa", "dst", "tzone", "tailnum", "type", "manufacturer", "model", "engine", "origin", "dest",
        "time_hour"}
REAL = {"lat", "lon"}
MINUTE = timedelta(minutes=1)


def value(column, text):
    """A cell of a file as the database should hold it."""
    if text == "NA":
        return None
    return text if column in TEXT else float(text) if column in REAL else int(text)


def published(table):
    """The rows of a file."""
    with gzip.open(ASSETS / f"{table}.csv.gz", "rt", encoding="utf-8", newline="") as lines:
        return [{column: value(column, text) for column, text in row.items()} for row in csv.DictReader(lines, strict=True)]


def departure(flight, zone):
    """The instant of departure: scheduled, plus delay."""
    if zone is None or flight["dep_time"] is None or flight["dep_delay"] is None:
        return None
    hour, minute = divmod(flight["sched_dep_time"], 100)
    midnight = datetime(flight["year"], flight["month"], flight["day"], tzinfo=zone)
    scheduled = midnight + timedelta(hours=hour, minutes=minute)  # on the wall clock
    instant = scheduled.astimezone(timezone.utc)
    # A second way to the same: the file has the scheduled hour in UTC.
    assert instant.replace(minute=0).strftime("%Y-%m-%dT%H:%M:%SZ") == flight["time_hour"], flight
    return instant + flight["dep_delay"] * MINUTE


def arrival(flight, departed, zone):
    """The instant of arrival: watch the clock at the destination."""
    if zone is None or departed is None or flight["arr_time"] is None:
        return None
    shown = divmod(flight["arr_time"] % 2400, 100)
    instant = departed + MINUTE
    while True:
        clock = instant.astimezone(zone)
        if (clock.hour, clock.minute) == shown:
            return instant
        instant += MINUTE


def clock_number(instant, zone):
    """What the file would say of an instant."""
    if instant is None or zone is None:
        return None
    clock = instant.astimezone(zone)
    return (clock.hour * 100 + clock.minute) or 2400


def text(instant):
    return instant and instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def expected_tables(has, loaded=True):
    """All tables as they should be; `has` says whether a column or table is there, `loaded` whether the data are."""
    if not loaded:
        return {name: [] for name in ("airlines", "airports", "planes", "flights")}
    tables = {name: published(name) for name in ("airlines", "airports", "planes")}
    tables["flights"] = [{"id": number, **flight} for number, flight in enumerate(published("flights"), start=1)]
    if not has("flights", "departed_at"):
        return tables
    zones = {row["faa"]: row["tzone"] and ZoneInfo(row["tzone"]) for row in tables["airports"]}
    issues, kept = [], []
    for flight in tables["flights"]:
        origin, destination = zones.get(flight["origin"]), zones.get(flight["dest"])
        departed = departure(flight, origin)
        arrived = arrival(flight, departed, destination)
        flight |= {"departed_at": text(departed), "arrived_at": text(arrived)}
        if origin is None or destination is None:
            issues.append({"flight_id": flight["id"], "issue": "unknown_time_zone"})
        for column, back in ("dep_time", clock_number(departed, origin)), ("arr_time", clock_number(arrived, destination)):
            if flight[column] != back:
                kept.append({"flight_id": flight["id"], "column_name": column, "original": flight[column]})
    tables["flight_issues"] = issues
    if has("flight_times_kept"):
        tables["flight_times_kept"] = kept
        for flight in tables["flights"]:
            del flight["dep_time"], flight["arr_time"]
    return tables


def cells(have, want):
    """The cells of a row that are not as they should be, in value or in type."""
    for column in want.keys() | have.keys():
        found, expected = have.get(column, "missing"), want.get(column, "no such column")
        if (type(found), found) != (type(expected), expected):
            yield f"{column} is {found!r} and should be {expected!r}"


def by_key(rows):
    """Rows by their first two columns: the keys of all tables are among them."""
    return {tuple(list(row.values())[:2]): row for row in rows}


def differences(have, want):
    """What is wrong with one table, a line each."""
    if len(have) != len(want):
        yield f"{len(have)} rows instead of {len(want)}"
    have, want = by_key(have), by_key(want)
    for key in want.keys() - have.keys():
        yield f"no row {key}"
    for key in have.keys() - want.keys():
        yield f"an unexpected row {key}"
    for key in want.keys() & have.keys():
        wrong = sorted(cells(have[key], want[key]))
        if wrong:
            yield f"row {key}: {'; '.join(wrong)}"


def check(database):
    tables, others = engines.read(database)
    have = {name: rows for name, (_, rows) in tables.items()}
    want = expected_tables(
        lambda table, column=None: table in tables and (column is None or column in tables[table][0]),
        loaded=any(have.values()),
    )
    problems = [f"left behind: {other}" for other in others]
    problems += [f"{name}: there should be no such table" for name in have.keys() - want.keys()]
    for name, rows in want.items():
        wrong = list(differences(have.get(name, []), rows))
        problems += [f"{name}: {line}" for line in wrong[:5]]
        problems += [f"{name}: … and {len(wrong) - 5} more"] if len(wrong) > 5 else []
        print(f"{name}: {len(rows)} rows{', as expected' if not wrong else ''}")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--digest", action="store_true", help="print digests instead of checking")
    parser.add_argument("database", metavar="DATABASE")
    options = parser.parse_args()
    if options.digest:
        return engines.digest(options.database)
    problems = check(options.database)
    for problem in problems:
        print(f"oracle: {problem}", file=sys.stderr)
    return sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
