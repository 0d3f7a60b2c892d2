// What has to hold before the migration ends: it fails, and names the first flights, if something does not.
import { RunnerError, type TransformReport, db } from "runner-guest";

const NAMED = 5;

// An instant stands wherever one can be known, and nowhere else; where one cannot, an issue says so; and nobody arrives
// before they left.
const faults = {
  "arrived no later than it left": "SELECT id FROM flights WHERE arrived_at <= departed_at",
  "never left, but has an instant of departure": `
    SELECT id FROM flights WHERE departed_at IS NOT NULL AND (dep_time IS NULL OR dep_delay IS NULL)`,
  "never arrived, but has an instant of arrival": `
    SELECT id FROM flights WHERE arrived_at IS NOT NULL AND (arr_time IS NULL OR departed_at IS NULL)`,
  "left, but has neither an instant of departure nor an issue": `
    SELECT id FROM flights f WHERE departed_at IS NULL AND dep_time IS NOT NULL AND dep_delay IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM flight_issues i WHERE i.flight_id = f.id)`,
  "arrived, but has neither an instant of arrival nor an issue": `
    SELECT id FROM flights f WHERE arrived_at IS NULL AND arr_time IS NOT NULL AND departed_at IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM flight_issues i WHERE i.flight_id = f.id)`,
  "goes to or from an airport without a time zone, but has no issue": `
    SELECT id FROM flights f
    WHERE (NOT EXISTS (SELECT 1 FROM airports a WHERE a.faa = f.origin AND a.tzone IS NOT NULL)
        OR NOT EXISTS (SELECT 1 FROM airports a WHERE a.faa = f.dest AND a.tzone IS NOT NULL))
    AND NOT EXISTS (SELECT 1 FROM flight_issues i WHERE i.flight_id = f.id)`,
};

export function instants(): void {
  for (const [fault, query] of Object.entries(faults)) {
    const found = db.query<{ id: number }>(`${query} ORDER BY id LIMIT ${NAMED + 1}`);
    if (found.length > 0) {
      const named = found.slice(0, NAMED).map(({ id }) => id).join(", ");
      throw new RunnerError(`${fault}: flights ${named}${found.length > NAMED ? " and more" : ""}`);
    }
  }
}

/** Fails unless a transform has read every flight. */
export function allFlights(report: TransformReport): void {
  const flights = db.queryScalar<number>("SELECT count(*) FROM flights");
  if (report.rowsRead !== flights) throw new RunnerError(`${report.rowsRead} of ${flights} flights were read`);
}

export function hasColumn(name: string): boolean {
  const schema = db.dialect === "postgres" ? "current_schema()" : "DATABASE()";
  const columns = db.dialect === "sqlite"
    ? "pragma_table_info('flights') WHERE name"
    : `information_schema.columns WHERE table_schema = ${schema} AND table_name = 'flights' AND column_name`;
  return db.queryScalar<number>(`SELECT count(*) FROM ${columns} = '${name}'`) > 0;
}
