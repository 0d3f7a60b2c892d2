// The database: statements, readers, writers, transforms.

function keysOf(object, known, what) {
  if (!isKeyed(object)) throw wrong(object, `an object, for ${what}`);
  for (const key of Object.keys(object)) {
    if (!known.includes(key)) throw new TypeError(`${what} has no key \`${key}\`; its keys are ${listed(known)}`);
  }
  return object;
}

function namesOf(value, what) {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.some((name) => typeof name !== "string")) throw wrong(value, `an array of names, for ${what}`);
  return value;
}

function tableOf(value, what) {
  if (typeof value === "string") return { table: value };
  if (value === null || typeof value !== "object") throw wrong(value, `${what}: the name of a table, or { table: "name", … }`);
  if (typeof value.table !== "string") throw wrong(value.table, `the name of a table, for \`table\` of ${what}`);
  return value;
}

function sourceOf(value) {
  const known = ["table", "schema", "columns", "key", "filter", "parameters", "descending"];
  const source = keysOf(tableOf(value, "the source"), known, "a source");
  const columns = source.columns ?? [];
  if (!Array.isArray(columns) && !isKeyed(columns)) throw wrong(columns, "an array of names or an object of types, for columns");
  const listedColumns = Array.isArray(columns) ? namesOf(columns, "columns") : Object.keys(columns);
  const types = Array.isArray(columns) ? columns.map(() => -1) : Object.values(columns).map((type) => {
    if (type === null || type === undefined) return -1;
    const index = TYPES.indexOf(String(type).startsWith("native:") ? "native" : type);
    if (index < 0) throw wrong(type, `a type; types are ${TYPES.join(", ")}`);
    return index;
  });
  return { ...source, columns: listedColumns, types, key: namesOf(source.key, "key"), descending: !!source.descending };
}

const MODES = ["insert", "update", "upsert", "delete"];

function targetOf(value) {
  const target = keysOf(tableOf(value, "the target"), ["table", "schema", "mode", "key"], "a target");
  const mode = MODES.indexOf(target.mode);
  if (mode < 0) throw wrong(target.mode, `a mode; the target's \`mode\` is one of ${listed(MODES)}`);
  return { ...target, mode, key: namesOf(target.key, "key") };
}

/** Reads a result one batch at a time. */
export class Reader {
  #handle;
  constructor(handle) { this.#handle = handle; }
  next() { return this.#handle === null ? null : native.next(this.#handle) ?? this.close(); }
  close() {
    if (this.#handle !== null) native.close(this.#handle);
    this.#handle = null;
    return null;
  }
  *[Symbol.iterator]() {
    try {
      for (let batch; (batch = this.next()) !== null;) yield batch;
    } finally {
      this.close();
    }
  }
  *rows() { for (const batch of this) yield* batch.rows(); }
}

/** Writes rows one batch at a time. */
export class Writer {
  #handle;
  constructor(handle) { this.#handle = handle; }
  write(batch) { return native.writeBatch(this.#handle, batch); }
  finish() { return native.finish(this.#handle); }
}

function exportedName(f) {
  const exports = native.exports();
  const name = typeof f === "function" ? Object.keys(exports).find((key) => exports[key] === f) : f;
  if (name !== undefined && typeof exports[name] === "function") return name;
  const called = typeof f === "function" ? f.name || "the function" : String(f);
  throw new TypeError(`\`${called}\` is not exported: a batch function is an exported function of the script`);
}

function only(rows, sql) {
  if (rows.length > 1) throw new RunnerError(`the query returned ${rows.length} rows, but one was expected`, { detail: sql });
  return rows.length ? rows[0] : null;
}

export const db = Object.freeze({
  get dialect() { return native.dialect(); },
  get serverVersion() { return native.serverVersion(); },
  execute(sql, parameters = []) { return native.execute(sql, parameters); },
  executeAll(statements) {
    if (typeof statements === "string") throw wrong(statements, "a list of statements: `execute` runs one");
    for (const sql of statements) native.execute(sql, []);
  },
  query(sql, parameters = []) { return native.query(sql, parameters, false); },
  queryArrays(sql, parameters = []) { return native.query(sql, parameters, true); },
  queryOptional(sql, parameters = []) { return only(native.query(sql, parameters, false), sql); },
  queryOne(sql, parameters = []) {
    const row = only(native.query(sql, parameters, false), sql);
    if (row === null) throw new RunnerError("the query returned no rows, but one was expected", { detail: sql });
    return row;
  },
  queryScalar(sql, parameters = []) {
    const row = only(native.query(sql, parameters, true), sql);
    if (row === null) throw new RunnerError("the query returned no rows, but one was expected", { detail: sql });
    if (row.length !== 1) throw new RunnerError(`the query returned ${row.length} columns, but one was expected`, { detail: sql });
    return row[0];
  },
  read(sql, parameters = []) { return new Reader(native.read(sql, parameters)); },
  readTable(source) { return new Reader(native.readTable(sourceOf(source))); },
  write(target) { return new Writer(native.write(targetOf(target))); },
  transform(f, source, target) {
    const from = sourceOf(source);
    const to = targetOf(target ?? { table: from.table, schema: from.schema, mode: "update", key: from.key });
    return native.transform(exportedName(f), from, to);
  },
});
