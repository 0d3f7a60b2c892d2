// The module `runner-guest`, in parts that the build joins. This one: values that JavaScript has no type for.

const native = globalThis.__runner;
delete globalThis.__runner;

// The contract's column types, in its order.
const TYPES = [
  "boolean", "int64", "float64", "text", "bytes", "decimal", "date",
  "time", "timestamp", "timestamptz", "uuid", "json", "native",
];
const TYPE = Symbol("type");

function payload(object, name, value) {
  Object.defineProperty(object, name, { value, enumerable: true });
}

function shown(value) {
  if (typeof value === "string") return value.length > 60 ? `"${value.slice(0, 60)}…"` : `"${value}"`;
  if (value === null || typeof value !== "object") return typeof value === "bigint" ? `${value}n` : String(value);
  return Array.isArray(value) ? "an array" : `an object of ${value.constructor?.name ?? "no class"}`;
}

function wrong(value, wanted) {
  return new TypeError(`${shown(value)} is not ${wanted}`);
}

function whole(value, wanted) {
  if (typeof value === "bigint" && BigInt.asIntN(64, value) === value) return value;
  if (Number.isSafeInteger(value)) return BigInt(value);
  throw wrong(value, wanted);
}

/** A float64, also where the number is whole. */
export class Float64 {
  constructor(value) {
    if (typeof value !== "number") throw wrong(value, "a number");
    payload(this, "value", value);
  }
  valueOf() { return this.value; }
  toString() { return String(this.value); }
  toJSON() { return this.value; }
}

export function float64(value) { return new Float64(value); }

/** An exact decimal number. */
export class Decimal {
  constructor(value) {
    if (typeof value === "bigint" || Number.isSafeInteger(value)) value = String(value);
    if (typeof value !== "string" || !/^-?[0-9]+(\.[0-9]+)?$/.test(value)) {
      throw wrong(value, "a decimal such as \"12.50\"; give numbers with digits after the point as text");
    }
    payload(this, "text", value);
  }
  toNumber() { return Number(this.text); }
  toString() { return this.text; }
  toJSON() { return this.text; }
  valueOf() { throw new TypeError("there is no arithmetic on decimals: use toNumber() or toString()"); }
}

// Days since 1970-01-01 and back, in the proleptic Gregorian calendar.
function daysOf(year, month, day) {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719468;
}

function civilOf(days) {
  const z = days + 719468;
  const era = Math.floor(z / 146097);
  const dayOfEra = z - era * 146097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36524) - Math.floor(dayOfEra / 146096)) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return { year, month, day: dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1 };
}

const digits = (number, count) => String(number).padStart(count, "0");

function dateText(days) {
  const { year, month, day } = civilOf(days);
  const long = year < 0 || year > 9999;
  const yearText = long ? `${year < 0 ? "-" : "+"}${digits(Math.abs(year), 6)}` : digits(year, 4);
  return `${yearText}-${digits(month, 2)}-${digits(day, 2)}`;
}

function timeText(microseconds) {
  const total = Number(microseconds);
  const seconds = Math.floor(total / 1e6), rest = total % 1e6;
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map((n) => digits(n, 2)).join(":");
  return rest ? `${clock}.${digits(rest, 6).replace(/0+$/, "")}` : clock;
}

const DATE = "([+-]\\d{6}|\\d{4})-(\\d{2})-(\\d{2})";
const CLOCK = "(\\d{2}):(\\d{2})(?::(\\d{2})(?:\\.(\\d{1,6})0*)?)?";
const DATE_ONLY = new RegExp(`^${DATE}$`);
const CLOCK_ONLY = new RegExp(`^${CLOCK}$`);
const BOTH = new RegExp(`^${DATE}[T ]${CLOCK}$`);
const MOMENT = new RegExp(`^${DATE}[T ]${CLOCK} ?(Z|[+-]\\d{2}(?::?\\d{2})?)$`);

function daysIn(match, text) {
  const [year, month, day] = match.slice(1, 4).map(Number);
  const days = daysOf(year, month, day);
  const back = civilOf(days);
  if (back.month !== month || back.day !== day) throw wrong(text, "a date of the calendar");
  return days;
}

function microsecondsIn(parts, text) {
  const [hour, minute, second] = parts.slice(0, 3).map((part) => Number(part ?? 0));
  const total = BigInt((hour * 60 + minute) * 60 + second) * 1000000n + BigInt((parts[3] ?? "").padEnd(6, "0") || 0);
  if (hour > 24 || minute > 59 || second > 59 || total > 86400000000n) throw wrong(text, "a time of the day");
  return total;
}

function parsed(pattern, text, wanted) {
  const match = typeof text === "string" ? pattern.exec(text) : null;
  if (!match) throw wrong(text, wanted);
  return match;
}

const DAY = 86400000000n;
const floorDay = (microseconds) => (microseconds - (((microseconds % DAY) + DAY) % DAY)) / DAY;

/** A calendar date. */
export class PlainDate {
  constructor(days) {
    if (!Number.isInteger(days) || days !== (days | 0)) throw wrong(days, "a number of days since 1970-01-01");
    payload(this, "days", days);
  }
  static from(text) {
    if (text instanceof PlainDate) return text;
    return new PlainDate(daysIn(parsed(DATE_ONLY, text, "a date such as \"2026-03-01\""), text));
  }
  get year() { return civilOf(this.days).year; }
  get month() { return civilOf(this.days).month; }
  get day() { return civilOf(this.days).day; }
  valueOf() { return this.days; }
  toString() { return dateText(this.days); }
  toJSON() { return this.toString(); }
}

/** A time of day. */
export class PlainTime {
  constructor(microseconds) {
    const value = whole(microseconds, "a number of microseconds since midnight");
    if (value < 0n || value > DAY) throw wrong(microseconds, "a number of microseconds since midnight");
    payload(this, "microseconds", value);
  }
  static from(text) {
    if (text instanceof PlainTime) return text;
    return new PlainTime(microsecondsIn(parsed(CLOCK_ONLY, text, "a time such as \"09:30:00\"").slice(1), text));
  }
  valueOf() { return this.microseconds; }
  toString() { return timeText(this.microseconds); }
  toJSON() { return this.toString(); }
}

/** A date and time without a time zone. */
export class PlainDateTime {
  constructor(epochMicroseconds) {
    payload(this, "epochMicroseconds", whole(epochMicroseconds, "a number of microseconds since 1970-01-01T00:00:00"));
  }
  static from(text) {
    if (text instanceof PlainDateTime) return text;
    const match = parsed(BOTH, text, "a date and time such as \"2026-03-01T09:30:00\"");
    return new PlainDateTime(BigInt(daysIn(match, text)) * DAY + microsecondsIn(match.slice(4), text));
  }
  get date() { return new PlainDate(Number(floorDay(this.epochMicroseconds))); }
  get time() { return new PlainTime(this.epochMicroseconds - floorDay(this.epochMicroseconds) * DAY); }
  valueOf() { return this.epochMicroseconds; }
  toString() { return `${this.date}T${this.time}`; }
  toJSON() { return this.toString(); }
}

/** An instant. */
export class Instant {
  constructor(epochMicroseconds) {
    payload(this, "epochMicroseconds", whole(epochMicroseconds, "a number of microseconds since 1970-01-01T00:00:00Z"));
  }
  static from(value) {
    if (value instanceof Instant) return value;
    if (value instanceof Date) {
      if (Number.isNaN(value.getTime())) throw wrong(value, "a valid Date");
      return new Instant(BigInt(value.getTime()) * 1000n);
    }
    const match = parsed(MOMENT, value, "an instant such as \"2026-03-01T09:30:00Z\"");
    const local = BigInt(daysIn(match, value)) * DAY + microsecondsIn(match.slice(4, 8), value);
    if (match[8] === "Z") return new Instant(local);
    const minutes = Number(match[8].slice(1, 3)) * 60 + Number(match[8].slice(3).replace(":", ""));
    return new Instant(local - BigInt(match[8][0] === "-" ? -minutes : minutes) * 60000000n);
  }
  get epochMilliseconds() { return Number((this.epochMicroseconds - (((this.epochMicroseconds % 1000n) + 1000n) % 1000n)) / 1000n); }
  toDate() { return new Date(this.epochMilliseconds); }
  valueOf() { return this.epochMicroseconds; }
  toString() { return `${new PlainDateTime(this.epochMicroseconds)}Z`; }
  toJSON() { return this.toString(); }
}

/** A UUID. */
export class Uuid {
  constructor(text) {
    if (typeof text !== "string" || !/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(text)) {
      throw wrong(text, "a UUID such as \"9b2f3c1e-6d0a-4f58-8a77-1c2d3e4f5a6b\"");
    }
    payload(this, "text", text.toLowerCase());
  }
  toString() { return this.text; }
  toJSON() { return this.text; }
}

/** JSON, kept as the text that the database has. */
export class Json {
  constructor(value) {
    const text = JSON.stringify(value);
    if (text === undefined) throw wrong(value, "a value that JSON has");
    payload(this, "text", text);
  }
  static fromText(text) {
    if (typeof text !== "string") throw wrong(text, "a string of JSON");
    JSON.parse(text);
    const json = Object.create(Json.prototype);
    payload(json, "text", text);
    return json;
  }
  get value() { return JSON.parse(this.text); }
  toString() { return this.text; }
  toJSON() { return this.value; }
}

/** A value of a type that is the database's own, as text. */
export class Native {
  constructor(typeName, text) {
    if (typeof typeName !== "string" || !typeName) throw wrong(typeName, "the name of a type");
    if (typeof text !== "string") throw wrong(text, "a text");
    payload(this, "text", text);
    payload(this, "typeName", typeName);
  }
  toString() { return this.text; }
  toJSON() { return this.text; }
}

const CLASSES = [
  undefined, undefined, Float64, undefined, undefined, Decimal, PlainDate,
  PlainTime, PlainDateTime, Instant, Uuid, Json, Native,
];
CLASSES.forEach((type, index) => type && Object.defineProperty(type.prototype, TYPE, { value: index }));

// What the entry of a column of this type is made of, for a value of another class.
function coerce(type, value) {
  const text = typeof value === "string";
  switch (TYPES[type]) {
    case "decimal": return new Decimal(value).text;
    case "date": return PlainDate.from(value).days;
    case "time": return PlainTime.from(value).microseconds;
    case "timestamp": return PlainDateTime.from(value).epochMicroseconds;
    case "timestamptz": return Instant.from(value).epochMicroseconds;
    case "uuid": return new Uuid(value).text;
    case "json": return new Json(value).text;
    case "native": if (text) return value;
  }
  throw wrong(value, `of the type ${TYPES[type]}`);
}

function isPlain(value) {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function coerceParameter(value) {
  if (value instanceof Date) return Instant.from(value);
  if (value !== null && typeof value === "object" && (Array.isArray(value) || isPlain(value))) return new Json(value);
  if (value === undefined) throw new TypeError("the value is undefined; use null for NULL");
  throw wrong(value, "a value that a database has");
}
// Columns: the native class, with the methods that need no speed of their own.

/** One column of a batch. */
export function Column(type, values) {
  if (!new.target) throw new TypeError("a Column is made with `new`");
  return columnFrom(type, values);
}
Column.prototype = native.columnPrototype;

const ARRAYS = {
  boolean: Uint8Array, int64: BigInt64Array, float64: Float64Array, date: Int32Array, time: BigInt64Array,
  timestamp: BigInt64Array, timestamptz: BigInt64Array, uuid: BigUint64Array,
};

function typeOf(column) { return column.typeName === undefined ? column.type : `native:${column.typeName}`; }

// `like`: the column whose NULLs a typed array keeps.
function columnFrom(type, values, like) {
  if (ArrayBuffer.isView(values) && type in ARRAYS) {
    if (values instanceof ARRAYS[type]) return native.columnFromBuffer(type, values, like);
    return native.columnFromArray(type, Array.from(values, (value, i) => (like?.isNull(i) ? null : value)));
  }
  if (values === null || typeof values !== "object" || typeof values[Symbol.iterator] !== "function") {
    throw wrong(values, "an array of values");
  }
  return native.columnFromArray(type, Array.isArray(values) ? values : Array.from(values));
}

function number(value) {
  const result = typeof value === "string" ? (/^\s*$/.test(value) ? NaN : Number(value)) : Number(String(value));
  const exact = typeof value !== "bigint" || Number.isSafeInteger(result);
  if (!exact || (Number.isNaN(result) && String(value) !== "NaN")) throw wrong(value, "a float64");
  return result;
}

function integer(value) {
  if (typeof value === "number") return value;
  const text = String(value);
  if (!/^[+-]?[0-9]+(\.0+)?$/.test(text)) throw wrong(value, "an int64");
  return BigInt(text.replace(/\.0+$/, "").replace(/^\+/, ""));
}

// A value that is not NULL, as the type that a column is cast to takes it.
function castValue(value, type) {
  if (value instanceof Uint8Array) {
    if (type === "text") return native.decodeText(value, true);
    throw wrong("bytes", type);
  }
  switch (type) {
    case "text": return String(value);
    case "bytes": return native.encodeText(String(value));
    case "float64": return number(typeof value === "boolean" ? +value : value);
    case "int64": return integer(typeof value === "boolean" ? +value : value);
    case "boolean": {
      const found = { 0: false, 1: true, false: false, true: true }[String(value)];
      if (found === undefined) throw wrong(value, "a boolean");
      return found;
    }
    case "json": return typeof value === "string" ? Json.fromText(value) : value;
    case "timestamp": return value instanceof PlainDate ? new PlainDateTime(BigInt(value.days) * DAY) : value;
    case "decimal": return typeof value === "number" && !Number.isInteger(value) ? new Decimal(String(value)) : value;
    default: return type.startsWith("native:") ? String(value) : value;
  }
}

function methods(prototype, functions) {
  for (const name of Reflect.ownKeys(functions)) {
    Object.defineProperty(prototype, name, { value: functions[name], writable: true, configurable: true });
  }
}

const stringMethod = (name) => function (...values) { return native.invokeText(this, name, ...values); };

methods(Column.prototype, {
  constructor: Column,
  toArray() { return Array.from(this); },
  *[Symbol.iterator]() { for (let i = 0; i < this.length; i++) yield this.at(i); },
  cast(type) {
    return this.map((value, row) => {
      try {
        return castValue(value, type);
      } catch (error) {
        error.message = `row ${row}: ${error.message}`;
        throw error;
      }
    }, type);
  },
  fillNulls(value) {
    if (!this.nullCount) return this.clone();
    if (value === null || value === undefined) throw wrong(value, "a value for NULLs");
    return native.columnFromArray(typeOf(this), Array.from(this, (entry) => entry ?? value));
  },
  replaceAll(from, to) {
    const literal = typeof from === "string" && from !== "" && typeof to === "string" && !to.includes("$");
    return literal ? native.replaceText(this, from, to) : native.invokeText(this, "replaceAll", from, to);
  },
  prepend(text) { return native.affixText(this, text, ""); },
  append(text) { return native.affixText(this, "", text); },
  padStart: stringMethod("padStart"),
  padEnd: stringMethod("padEnd"),
  normalize: stringMethod("normalize"),
  replace: stringMethod("replace"),
});
for (const name of ["prepend", "append"]) {
  const method = Column.prototype[name];
  methods(Column.prototype, {
    [name](text) {
      if (typeof text !== "string") throw wrong(text, "a string");
      return method.call(this, text);
    },
  });
}
// Batches: columns by name.

/** Rows as columns. */
export class Batch {
  #columns = new Map();
  #rows;

  constructor(columns = {}) {
    for (const [name, column] of columns instanceof Map ? columns : Object.entries(columns)) {
      if (!(column instanceof Column)) throw wrong(column, `a Column; column \`${name}\` has to be one`);
      this.#rows ??= column.length;
      this.set(name, column);
    }
    this.#rows ??= 0;
  }

  static #make(rows, names, columns) {
    const batch = new Batch();
    batch.#rows = rows;
    names.forEach((name, i) => batch.#columns.set(name, columns[i]));
    return batch;
  }

  static #dump(batch) {
    if (batch === null || typeof batch !== "object" || !(#columns in batch)) {
      throw wrong(batch, "a Batch; `batch.mapRows` and `Batch.fromRows` make one of rows");
    }
    return [batch.#rows, batch.names, [...batch.#columns.values()]];
  }

  // Only the runtime gets these two.
  static { Batch.internals = { make: Batch.#make, dump: Batch.#dump }; }

  static fromColumns(columns) { return new Batch(columns); }

  static fromRows(rows, types) {
    if (!Array.isArray(rows)) throw wrong(rows, "an array of rows");
    const names = Object.keys(checkedTypes(types));
    return Batch.#make(rows.length, names, native.columnsFromRows(rows, names, Object.values(types)));
  }

  get rowCount() { return this.#rows; }
  get names() { return [...this.#columns.keys()]; }
  get types() { return Object.fromEntries([...this.#columns].map(([name, column]) => [name, typeOf(column)])); }
  has(name) { return this.#columns.has(name); }
  delete(name) { return this.#columns.delete(name); }

  get(name) {
    const column = this.#columns.get(name);
    if (!column) throw new RangeError(`the batch has no column \`${name}\`; its columns are ${listed(this.names)}`);
    return column;
  }

  set(name, values, type) {
    if (typeof name !== "string") throw wrong(name, "the name of a column");
    const old = this.#columns.get(name);
    let column = values;
    if (!(values instanceof Column)) {
      type ??= old ? typeOf(old) : values instanceof Float64Array ? "float64" : values instanceof BigInt64Array ? "int64" : undefined;
      if (type === undefined) throw new TypeError(`column \`${name}\` is new: name its type, set("${name}", values, "text")`);
      column = columnFrom(type, values, old);
    } else if (type !== undefined && typeOf(column) !== type) {
      column = column.cast(type);
    }
    if (column.length !== this.#rows) {
      throw new RangeError(`column \`${name}\` has ${column.length} entries, and the batch has ${this.#rows} rows`);
    }
    this.#columns.set(name, column);
    return this;
  }

  rename(old, name) {
    const column = this.get(old);
    if (old !== name && this.has(name)) throw new RangeError(`the batch has a column \`${name}\` already`);
    this.#columns = new Map([...this.#columns].map(([key, value]) => [value === column && key === old ? name : key, value]));
    return this;
  }

  select(names) { return Batch.#make(this.#rows, [...names], [...names].map((name) => this.get(name))); }

  row(i) { return native.rowAt([...this.#columns.values()], this.names, i); }

  *rows() {
    const columns = [...this.#columns.values()], names = this.names;
    for (let start = 0; start < this.#rows; start += 256) {
      yield* native.rowsBetween(columns, names, start, Math.min(start + 256, this.#rows));
    }
  }
  [Symbol.iterator]() { return this.rows(); }

  mapRows(f, types = this.types) {
    if (typeof f !== "function") throw wrong(f, "a function");
    const names = Object.keys(checkedTypes(types));
    const columns = native.mapRows([...this.#columns.values()], this.names, this.#rows, f, names, Object.values(types));
    return Batch.#make(columns.length ? columns[0].length : 0, names, columns);
  }

  filterRows(f) { return this.mapRows((row, i) => (f(row, i) ? undefined : null)); }
}
const { make: makeBatch, dump: dumpBatch } = Batch.internals;
delete Batch.internals;

function listed(names) { return names.length ? names.map((name) => `\`${name}\``).join(", ") : "none"; }

function checkedTypes(types) {
  if (types === null || typeof types !== "object" || Array.isArray(types)) {
    throw wrong(types, "an object of names and types, such as { id: \"int64\", name: \"text\" }");
  }
  return types;
}

/** `batch.mapRows` as a function. */
export function mapRows(batch, f, types) { return batch.mapRows(f, types); }

/** `batch.rows` as a function. */
export function rows(batch) { return batch.rows(); }
// The database: statements, readers, writers, transforms.

function keysOf(object, known, what) {
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
  executeAll(statements) { for (const sql of statements) native.execute(sql, []); },
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
// The run: log, parameters, assets, time and randomness; and what JavaScript expects to exist.

function inspect(value, depth = 0) {
  if (typeof value === "string") return depth ? JSON.stringify(value) : value;
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `[Function: ${value.name || "anonymous"}]`;
  if (value === null || typeof value !== "object") return String(value);
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (TYPE in value) return value.toString();
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (depth > 3) return "…";
  const some = (items, left) => [...items, ...(left > 0 ? [`… ${left} more`] : [])].join(", ");
  if (value instanceof Batch) return `Batch of ${value.rowCount} rows: ${some(Object.entries(value.types).map(([n, t]) => `${n} ${t}`), 0)}`;
  if (value instanceof Column || Array.isArray(value) || ArrayBuffer.isView(value)) {
    const items = [];
    for (let i = 0; i < Math.min(value.length ?? 0, 100); i++) items.push(inspect(value instanceof Column ? value.at(i) : value[i], depth + 1));
    return `[${some(items, (value.length ?? 0) - items.length)}]`;
  }
  const entries = value instanceof Map ? [...value] : value instanceof Set ? [...value].map((item) => [item]) : Object.entries(value);
  const kept = entries.slice(0, 100).map((entry) => (entry.length < 2 ? inspect(entry[0], depth + 1) : `${String(entry[0])}: ${inspect(entry[1], depth + 1)}`));
  return kept.length ? `{ ${some(kept, entries.length - kept.length)} }` : "{}";
}

const logger = (level) => (...values) => { for (const line of values.map((value) => inspect(value)).join(" ").split("\n")) native.log(level, line); };

/** Logs for the operator. */
export const log = Object.freeze(Object.assign((...values) => log.info(...values), {
  debug: logger(0), info: logger(1), warning: logger(2), warn: logger(2),
}));

/** Reports progress of work that the host cannot see. */
export function progress(done, total = null, unit = "rows") { native.progress(done, total, unit); }

let parameterValues;
const known = () => (parameterValues ??= native.parameters());
const denied = () => { throw new TypeError("parameters are the operator's: a script cannot change them"); };

/** The operator's parameters by name. */
export const parameters = new Proxy({}, {
  get: (_, name) => known()[name],
  has: (_, name) => name in known(),
  ownKeys: () => Reflect.ownKeys(known()),
  getOwnPropertyDescriptor: (_, name) => (name in known() ? { value: known()[name], enumerable: true, configurable: true } : undefined),
  set: denied, defineProperty: denied, deleteProperty: denied,
});

/** A parameter that has to be set. */
export function parameter(name) {
  if (!(name in known())) throw new RunnerError(`parameter \`${name}\` is not set`, { kind: "invalid-argument" });
  return known()[name];
}

class Asset {
  #handle;
  constructor(handle) { this.#handle = handle; }
  get size() { return native.assetSize(this.#handle); }
  read(limit = 262144) { return native.assetRead(this.#handle, limit); }
  *[Symbol.iterator]() { for (let chunk; (chunk = this.read()) !== null;) yield chunk; }
}

/** Files of the script's directory. */
export const assets = Object.freeze({
  text: (path) => native.readAsset(String(path), true),
  json(path) {
    try {
      return JSON.parse(native.readAsset(String(path), true));
    } catch (error) {
      if (error instanceof SyntaxError) error.message = `asset \`${path}\`: ${error.message}`;
      throw error;
    }
  },
  bytes: (path) => native.readAsset(String(path), false),
  open: (path) => new Asset(native.openAsset(String(path))),
});

/** The time of the run. */
export function runTimestamp() { return native.runTimestamp(); }

/** The run's seed. */
export function seed() { return native.seed(); }

/** A number from 0 to 1 that depends on the run's seed and the key alone. */
export function random(key) {
  if (key === undefined || key === null) throw wrong(key, "a key, such as the row's id");
  return native.randomOf(`${typeof key === "bigint" ? "number" : typeof key}:${String(key)}`);
}

// Under Node.js, in unit tests, these exist already.
if (!native.isFake) methods(Math, { random: native.random });
if (!native.isFake) methods(globalThis, {
  console: { log: log.info, info: log.info, debug: log.debug, warn: log.warning, error: log.warning },
  TextEncoder: class TextEncoder {
    get encoding() { return "utf-8"; }
    encode(text = "") { return native.encodeText(String(text)); }
  },
  TextDecoder: class TextDecoder {
    #fatal;
    #bom;
    constructor(encoding = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
      if (!/^utf-?8$/i.test(encoding)) throw new RangeError(`the encoding \`${encoding}\` is not supported; only utf-8 is`);
      this.#fatal = fatal;
      this.#bom = ignoreBOM;
    }
    get encoding() { return "utf-8"; }
    decode(bytes = new Uint8Array(), { stream = false } = {}) {
      if (stream) throw new TypeError("TextDecoder does not support `stream`");
      const text = native.decodeText(bytes, this.#fatal);
      return !this.#bom && text.startsWith("\ufeff") ? text.slice(1) : text;
    }
  },
});
// Errors, the description, and what the runtime gets from this module.

const KINDS = [
  "denied", "syntax", "constraint", "conversion", "invalid-argument", "timeout", "busy", "limit", "connection", "failed", "other",
];

/** What a failed call of the host throws. */
export class RunnerError extends Error {
  constructor(message, { kind = "failed", code = "", detail = null, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    if (!KINDS.includes(kind)) throw new TypeError(`${shown(kind)} is not a kind of error; kinds are ${listed(KINDS)}`);
    this.kind = kind;
    this.code = code;
    this.detail = detail;
  }
  get name() { return "RunnerError"; }
}

function hostError(message, kind, code, detail) { return new RunnerError(message, { kind: KINDS[kind], code, detail }); }

// The frames of a stack that are the script's.
function framesOf(error) {
  const frames = [];
  for (const line of String(error.stack ?? "").split("\n")) {
    const match = /^\s*at (?:(.*) \()?(.+?):(\d+):(\d+)\)?$/.exec(line);
    if (!match || match[2] === "runner-guest") continue;
    const frame = { name: match[1], file: match[2], line: +match[3], column: +match[4] };
    // A recursion shows once.
    const last = frames.at(-1);
    if (last?.file !== frame.file || last.line !== frame.line || last.column !== frame.column) frames.push(frame);
  }
  return frames;
}

function placeOf(error) {
  const frames = framesOf(error);
  const at = ({ name, file, line, column }) => `${name && name !== "<anonymous>" ? `${name}, ` : ""}${file}:${line}:${column}`;
  if (!frames.length) return null;
  const source = native.sourceOf(frames[0].file)?.split("\n")[frames[0].line - 1]?.trim();
  const more = frames.slice(1, 6).map((frame) => `, called from ${at(frame)}`).join("");
  return `at ${at(frames[0])}${source ? `: \`${source.length > 160 ? `${source.slice(0, 160)}…` : source}\`` : ""}${more}`;
}

function messageOf(error) {
  if (!(error instanceof Error)) return `the script threw ${inspect(error, 1)}`;
  const plain = error.name === "Error" || error.name === "RunnerError" || !error.name;
  const cause = error.cause === undefined ? "" : `: ${messageOf(error.cause)}`;
  return `${plain ? "" : `${error.name}: `}${error.message}${cause}`;
}

function describeError(error) {
  const own = error instanceof RunnerError;
  const kind = own ? Math.max(KINDS.indexOf(error.kind), 0) : KINDS.indexOf("failed");
  const place = error instanceof Error ? placeOf(error) : null;
  const detail = [own && error.detail ? String(error.detail) : null, place].filter(Boolean).join("; ");
  return [kind, own ? String(error.code) : "", messageOf(error), detail || null];
}

const DIALECTS = ["sqlite", "postgres", "mysql", "mariadb"];
const MODES_OF_WORK = ["auto", "atomic", "stepwise"];

function position(list, value, what) {
  const index = list.indexOf(value);
  if (index < 0) throw wrong(value, `a value of \`${what}\`; values are ${listed(list)}`);
  return index;
}

function needsOf(needs) {
  keysOf(needs, ["tableRebuild", "schemaChanges", "readTables", "writeTables"], "`needs`");
  return [
    ...(needs.tableRebuild ? [[0]] : []),
    ...(needs.schemaChanges ? [[1]] : []),
    ...namesOf(needs.readTables, "readTables").map((name) => [2, name]),
    ...namesOf(needs.writeTables, "writeTables").map((name) => [3, name]),
  ];
}

function described(value, exports) {
  if (typeof value === "string") value = { summary: value };
  if (value === undefined || value === null || typeof value !== "object") {
    throw new TypeError("the script exports no description: add `export const description = { summary: \"…\" };`");
  }
  keysOf(value, ["summary", "dependsOn", "mode", "dialects", "irreversible", "needs"], "the description");
  if (typeof value.summary !== "string" || !value.summary) throw wrong(value.summary, "a summary of one line, for the description");
  if (typeof exports.upgrade !== "function") throw new TypeError("the script exports no function `upgrade`");
  const oneWay = typeof exports.downgrade !== "function";
  if (oneWay && value.irreversible === false) throw new TypeError("the script exports no function `downgrade`, but is not irreversible");
  return [
    value.summary,
    namesOf(value.dependsOn, "dependsOn"),
    position(MODES_OF_WORK, value.mode ?? "auto", "mode"),
    namesOf(value.dialects, "dialects").map((dialect) => position(DIALECTS, dialect, "dialects")),
    value.irreversible || oneWay ? 1 : 0,
    needsOf(value.needs ?? {}),
  ];
}

function readDescription() {
  const exports = native.exports();
  const value = typeof exports.describe === "function" ? exports.describe() : exports.description;
  return value instanceof Promise ? value.then((settled) => described(settled, exports)) : described(value, exports);
}

native.register({
  type: TYPE,
  prototypes: CLASSES.map((type) => type?.prototype ?? null),
  context: Object.freeze({
    db, log, progress, parameters, parameter, assets, runTimestamp, seed, random, mapRows, rows, float64, Batch, Column, Reader,
    Writer, Decimal, PlainDate, PlainTime, PlainDateTime, Instant, Uuid, Json, Native, Float64, RunnerError,
  }),
  makeBatch, dumpBatch, describeError, coerce, coerceParameter, readDescription, hostError,
});
