// Expand: gives every flight the instants at which it left and arrived, beside the local times that it has.
import { Batch, Column, type Description, RunnerError, db, log } from "runner-guest";
import * as checks from "./checks.ts";
import { type Times, arrival, departure } from "./flight_times.ts";
import { zone } from "./zones.ts";

export const description: Description = {
  summary: "add the instants of departure and arrival, by the airports' time zones",
  needs: {
    read: ["flights", "airports", "flights_with_zones"],
    insert: ["flight_issues"],
    update: [{ table: "flights", columns: ["departed_at", "arrived_at"] }],
    alter: ["flights"],
    create: ["flights_with_zones", "flight_issues"],
    drop: ["flights_with_zones", "flight_issues"],
    rawSql: true,
  },
};

// A view that lasts for one migration: a batch function sees nothing but its own rows, so the zones have to be in them.
const view = `
  CREATE VIEW flights_with_zones AS
  SELECT f.id, f.year, f.month, f.day, f.sched_dep_time, f.dep_time, f.dep_delay, f.arr_time,
      o.tzone AS origin_zone, d.tzone AS dest_zone
  FROM flights f
  LEFT JOIN airports o ON o.faa = f.origin
  LEFT JOIN airports d ON d.faa = f.dest`;
const issuesTable = `
  CREATE TABLE flight_issues (
      flight_id INTEGER NOT NULL,
      issue VARCHAR(40) NOT NULL,
      PRIMARY KEY (flight_id, issue),
      FOREIGN KEY (flight_id) REFERENCES flights (id))`;

export function upgrade(): void {
  const instant = { sqlite: "TEXT", postgres: "TIMESTAMPTZ", mysql: "DATETIME", mariadb: "DATETIME" }[db.dialect];
  db.executeAll([
    `ALTER TABLE flights ADD COLUMN departed_at ${instant}`,
    `ALTER TABLE flights ADD COLUMN arrived_at ${instant}`,
    issuesTable,
    view,
  ]);
  const flights = { table: "flights_with_zones", key: ["id"] };
  const turned = db.transform(instants, flights, { table: "flights", mode: "update" });
  const zones = { ...flights, columns: ["origin_zone", "dest_zone"] };
  const found = db.transform(issues, zones, { table: "flight_issues", mode: "insert" });
  db.execute("DROP VIEW flights_with_zones");
  checks.allFlights(turned);
  checks.allFlights(found);
  checks.instants();
  log.info(`${turned.rowsWritten} flights turned, ${found.rowsWritten} issues`);
}

export function downgrade(): void {
  // Where the server commits every schema change, an upgrade that failed may have left any part of this.
  db.executeAll(["DROP VIEW IF EXISTS flights_with_zones", "DROP TABLE IF EXISTS flight_issues"]);
  for (const column of ["arrived_at", "departed_at"]) {
    if (checks.hasColumn(column)) db.execute(`ALTER TABLE flights DROP COLUMN ${column}`);
  }
}

/** The instants of each flight. */
export function instants(batch: Batch): Batch {
  const departed = new Column("timestamptz", new BigInt64Array(batch.rowCount));
  const arrived = new Column("timestamptz", new BigInt64Array(batch.rowCount));
  const put = (column: Column, row: number, seconds: number | null): void => {
    if (seconds === null) column.setNull(row);
    else column.values[row] = BigInt(seconds) * 1_000_000n;
  };
  let row = 0;
  for (const times of batch.rows<Times & { id: number }>()) {
    try {
      const left = departure(times);
      put(departed, row, left);
      put(arrived, row, left === null ? null : arrival(left, times));
    } catch (error) {
      throw error instanceof RangeError ? new RunnerError(`flight ${times.id}: ${error.message}`) : error;
    }
    row += 1;
  }
  return batch.select(["id"]).set("departed_at", departed).set("arrived_at", arrived);
}

/** An issue for each flight between airports of which one has no known time zone. */
export function issues(batch: Batch): Batch {
  const found = batch.filterRows((row) => !zone(row.origin_zone) || !zone(row.dest_zone)).select(["id"]).rename("id", "flight_id");
  return found.set("issue", Array(found.rowCount).fill("unknown_time_zone"), "text");
}
