"""Expand: gives every flight the instants at which it left and arrived, beside the local times that it has."""

import checks
import flight_times
from runner_guest import Batch, Description, Needs, RunnerError, Source, TableNeed, Target, db, log

description = Description(
    "add the instants of departure and arrival, by the airports' time zones",
    needs=Needs(
        read=["flights", "airports", "flights_with_zones"],
        insert=["flight_issues"],
        update=[TableNeed("flights", ["departed_at", "arrived_at"])],
        alter=["flights"],
        create=["flights_with_zones", "flight_issues"],
        drop=["flights_with_zones", "flight_issues"],
        raw_sql=True,
    ),
)

# A view that lasts for one migration: a batch function sees nothing but its own rows, so the zones have to be in them.
VIEW = """
CREATE VIEW flights_with_zones AS
SELECT f.id, f.year, f.month, f.day, f.sched_dep_time, f.dep_time, f.dep_delay, f.arr_time,
    o.tzone AS origin_zone, d.tzone AS dest_zone
FROM flights f
LEFT JOIN airports o ON o.faa = f.origin
LEFT JOIN airports d ON d.faa = f.dest
"""
ISSUES = """
CREATE TABLE flight_issues (
    flight_id INTEGER NOT NULL,
    issue VARCHAR(40) NOT NULL,
    PRIMARY KEY (flight_id, issue),
    FOREIGN KEY (flight_id) REFERENCES flights (id))
"""


def upgrade():
    instant = {"sqlite": "TEXT", "postgres": "TIMESTAMPTZ"}.get(db.dialect, "DATETIME")
    db.execute(f"ALTER TABLE flights ADD COLUMN departed_at {instant}")
    db.execute(f"ALTER TABLE flights ADD COLUMN arrived_at {instant}")
    db.execute(ISSUES)
    db.execute(VIEW)
    flights = Source("flights_with_zones", key=["id"])
    turned = db.transform(instants, flights, Target("flights", "update"))
    zones = Source("flights_with_zones", columns=["origin_zone", "dest_zone"], key=["id"])
    found = db.transform(issues, zones, Target("flight_issues", "insert"))
    db.execute("DROP VIEW flights_with_zones")
    checks.all_flights(turned)
    checks.all_flights(found)
    checks.instants()
    log.info(f"{turned.rows_written} flights turned, {found.rows_written} issues")


def downgrade():
    # Where the server commits every schema change, an upgrade that failed may have left any part of this.
    db.execute("DROP VIEW IF EXISTS flights_with_zones")
    db.execute("DROP TABLE IF EXISTS flight_issues")
    for column in ("arrived_at", "departed_at"):
        if checks.has_column(column):
            db.execute(f"ALTER TABLE flights DROP COLUMN {column}")


def instants(batch: Batch) -> Batch:
    """The instants of each flight."""

    def turned(row):
        try:
            departed, arrived = flight_times.instants(row)
        except ValueError as error:
            raise RunnerError(f"flight {row['id']}: {error}") from None
        return {"id": row["id"], "departed_at": departed, "arrived_at": arrived}

    return batch.map_rows(turned, {"id": "int64", "departed_at": "timestamptz", "arrived_at": "timestamptz"})


def issues(batch: Batch) -> Batch:
    """An issue for each flight between airports of which one has no known time zone."""

    def found(row):
        if flight_times.zone(row["origin_zone"]) and flight_times.zone(row["dest_zone"]):
            return []
        return {"flight_id": row["id"], "issue": "unknown_time_zone"}

    return batch.map_rows(found, {"flight_id": "int64", "issue": "text"})
