"""What has to hold before the migration ends: it fails, and names the first flights, if something does not."""

from runner_guest import RunnerError, db

NAMED = 5

# An instant stands wherever one can be known, and nowhere else; where one cannot, an issue says so; and nobody arrives
# before they left.
FAULTS = {
    "arrived no later than it left": "SELECT id FROM flights WHERE arrived_at <= departed_at",
    "never left, but has an instant of departure": """
        SELECT id FROM flights WHERE departed_at IS NOT NULL AND (dep_time IS NULL OR dep_delay IS NULL)""",
    "never arrived, but has an instant of arrival": """
        SELECT id FROM flights WHERE arrived_at IS NOT NULL AND (arr_time IS NULL OR departed_at IS NULL)""",
    "left, but has neither an instant of departure nor an issue": """
        SELECT id FROM flights f WHERE departed_at IS NULL AND dep_time IS NOT NULL AND dep_delay IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM flight_issues i WHERE i.flight_id = f.id)""",
    "arrived, but has neither an instant of arrival nor an issue": """
        SELECT id FROM flights f WHERE arrived_at IS NULL AND arr_time IS NOT NULL AND departed_at IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM flight_issues i WHERE i.flight_id = f.id)""",
    "goes to or from an airport without a time zone, but has no issue": """
        SELECT id FROM flights f
        WHERE (NOT EXISTS (SELECT 1 FROM airports a WHERE a.faa = f.origin AND a.tzone IS NOT NULL)
            OR NOT EXISTS (SELECT 1 FROM airports a WHERE a.faa = f.dest AND a.tzone IS NOT NULL))
        AND NOT EXISTS (SELECT 1 FROM flight_issues i WHERE i.flight_id = f.id)""",
}


def instants():
    for fault, query in FAULTS.items():
        found = db.query_tuples(f"{query} ORDER BY id LIMIT {NAMED + 1}")
        if found:
            named = ", ".join(str(id) for (id,) in found[:NAMED])
            raise RunnerError(f"{fault}: flights {named}{' and more' if len(found) > NAMED else ''}")


def all_flights(report):
    """Fails unless a transform has read every flight."""
    flights = db.query_scalar("SELECT count(*) FROM flights")
    if report.rows_read != flights:
        raise RunnerError(f"{report.rows_read} of {flights} flights were read")


def has_column(name):
    if db.dialect == "sqlite":
        columns = "pragma_table_info('flights') WHERE name"
    else:
        schema = "current_schema()" if db.dialect == "postgres" else "DATABASE()"
        columns = f"information_schema.columns WHERE table_schema = {schema} AND table_name = 'flights' AND column_name"
    return db.query_scalar(f"SELECT count(*) FROM {columns} = '{name}'") > 0
