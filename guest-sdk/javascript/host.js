// What the runtime does in C, in JavaScript: columns, rows and a host without a database, for unit tests under Node.js.

import { statements } from "./statements.js";

const WIDTHS = {
  boolean: Uint8Array, int64: BigInt64Array, float64: Float64Array, date: Int32Array, time: BigInt64Array,
  timestamp: BigInt64Array, timestamptz: BigInt64Array, uuid: BigUint64Array,
};
const TYPES = [
  "boolean", "int64", "float64", "text", "bytes", "decimal", "date", "time", "timestamp", "timestamptz", "uuid", "json", "native",
];
const PAYLOADS = {
  float64: "value", decimal: "text", date: "days", time: "microseconds", timestamp: "epochMicroseconds",
  timestamptz: "epochMicroseconds", uuid: "text", json: "text", native: "text",
};

let hooks;
let host = {};

function typeOf(name) {
  if (typeof name !== "string") throw new TypeError("a type is a string such as \"text\"");
  if (name.startsWith("native:") && name.length > 7) return ["native", name.slice(7)];
  if (name === "native" || !TYPES.includes(name)) {
    throw new TypeError(`\`${name}\` is not a type; types are ${TYPES.slice(0, 12).join(", ")}, and native:NAME`);
  }
  return [name, undefined];
}

function integer(value) {
  if (typeof value === "bigint") {
    if (BigInt.asIntN(64, value) !== value) throw new RangeError("the bigint does not fit into 64 bits");
    return value;
  }
  if (typeof value !== "number") throw new TypeError("an int64 is a whole number or a bigint");
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a whole number up to 2^53 - 1; use a bigint beyond`);
  return BigInt(value);
}

const safe = (number) => (Number.isSafeInteger(Number(number)) ? Number(number) : number);

function wellFormed(text) {
  if (!text.isWellFormed()) throw new TypeError("the string has half of a surrogate pair, which has no form in UTF-8");
  return text;
}

function payload(type, value) {
  const index = TYPES.indexOf(type);
  return value !== null && typeof value === "object" && value[hooks.type] === index ? value[PAYLOADS[type]] : hooks.coerce(index, value);
}

// What a column keeps of a value that is not null: an entry of a typed array (two of a UUID), a string, or bytes.
function entryOf(type, typeName, value) {
  if (value === undefined) throw new TypeError("the value is undefined; use null for NULL");
  switch (type) {
    case "boolean":
      if (typeof value !== "boolean") throw new TypeError("the value is no boolean");
      return +value;
    case "int64": return integer(value);
    case "float64": {
      const number = typeof value === "bigint" ? safe(integer(value)) : value;
      if (typeof number === "bigint") throw new RangeError("the bigint has no exact float64");
      return typeof number === "number" ? number : payload(type, number);
    }
    case "text":
      if (typeof value !== "string") throw new TypeError("the value is no text");
      return wellFormed(value);
    case "bytes":
      if (value instanceof ArrayBuffer) return new Uint8Array(value.slice(0));
      if (!ArrayBuffer.isView(value)) throw new TypeError("bytes are a Uint8Array, another typed array, a DataView or an ArrayBuffer");
      return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice();
    case "date": {
      const days = typeof value === "number" ? value : Number(payload(type, value));
      if (days !== (days | 0)) throw new RangeError("the date is out of range");
      return days;
    }
    case "time": case "timestamp": case "timestamptz":
      return integer(typeof value === "bigint" ? value : payload(type, value));
    case "native": {
      const text = payload(type, value);
      if (typeof value === "object" && value.typeName !== typeName) {
        throw new TypeError(`the value is of the type \`${value.typeName}\`, the column of \`${typeName}\``);
      }
      return wellFormed(text);
    }
    default: return wellFormed(payload(type, value));
  }
}

function halves(uuid) {
  const digits = uuid.replaceAll("-", "");
  return [BigInt(`0x${digits.slice(0, 16)}`), BigInt(`0x${digits.slice(16)}`)];
}

class NativeColumn {
  constructor(type, typeName, entries, nulls) {
    const array = WIDTHS[type];
    Object.defineProperty(this, "state", { value: { type, typeName, nulls, entries, rows: nulls.length } });
    if (array && !ArrayBuffer.isView(entries)) {
      this.state.entries = new array(type === "uuid" ? entries.flatMap((it) => (it === null ? [0n, 0n] : halves(it)))
        : entries.map((it) => it ?? (array === BigInt64Array ? 0n : 0)));
    }
  }
  get length() { return this.state.rows; }
  get type() { return this.state.type; }
  get typeName() { return this.state.typeName; }
  get nullCount() { return this.state.nulls.filter(Boolean).length; }
  get #bytes() {
    return this.state.entries.map((it) => (it === null ? new Uint8Array() : typeof it === "string" ? new TextEncoder().encode(it) : it));
  }
  get values() {
    if (ArrayBuffer.isView(this.state.entries)) return this.state.entries;
    return Uint8Array.from(this.#bytes.flatMap((it) => [...it]));
  }
  get offsets() {
    if (ArrayBuffer.isView(this.state.entries)) return undefined;
    let end = 0;
    return Uint32Array.from([0, ...this.#bytes.map((it) => (end += it.length))]);
  }
  #row(row) {
    const index = Math.trunc(Number(row));
    if (!(index >= 0 && index < this.length)) throw new RangeError(`row ${row} of a column of ${this.length} rows`);
    return index;
  }
  isNull(row) { return !!this.state.nulls[this.#row(row)]; }
  at(row) {
    const i = this.#row(row), { type, typeName, entries, nulls } = this.state;
    if (nulls[i]) return null;
    switch (type) {
      case "boolean": return entries[i] !== 0;
      case "int64": return safe(entries[i]);
      case "float64": case "text": return entries[i];
      case "bytes": return entries[i].slice();
    }
    const object = Object.create(hooks.prototypes[TYPES.indexOf(type)]);
    const digits = type === "uuid" ? [entries[2 * i], entries[2 * i + 1]].map((it) => it.toString(16).padStart(16, "0")).join("") : "";
    const value = type === "uuid" ? digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5") : entries[i];
    Object.defineProperty(object, PAYLOADS[type], { value, enumerable: true });
    if (type === "native") Object.defineProperty(object, "typeName", { value: typeName, enumerable: true });
    return object;
  }
  set(row, value) {
    const i = this.#row(row), found = value !== null && isUntyped(this) ? hooks.valueType(value) : this.type;
    if (found !== this.type && WIDTHS[found]) {
      Object.assign(this.state, { type: found, entries: new WIDTHS[found](this.length * (found === "uuid" ? 2 : 1)) });
    }
    const { type, entries, nulls } = this.state;
    if (value !== null && !WIDTHS[type]) {
      throw new TypeError(`entries of type ${type} have no fixed length: use \`map\`, which returns a new column`);
    }
    if (value !== null && type === "uuid") entries.set(halves(entryOf(type, undefined, value)), 2 * i);
    else if (value !== null) entries[i] = entryOf(type, undefined, value);
    nulls[i] = value === null ? 1 : 0;
  }
  setNull(row) { this.set(row, null); }
  clone() {
    const { type, typeName, entries, nulls } = this.state;
    return column(type, typeName, entries.slice(), nulls.slice());
  }
  map(f, type) {
    if (typeof f !== "function") throw new TypeError("`map` takes a function");
    const [name, typeName] = type === undefined ? [this.type, this.typeName] : typeOf(type);
    return fromValues(name, typeName, this.length, (i) => (this.isNull(i) ? null : f(this.at(i), i)));
  }
  get #allNull() { return this.nullCount === this.length; }
  #text(f) {
    if (this.type !== "text" && !this.#allNull) throw new TypeError(`the column is of type ${this.type}, not text`);
    return fromValues("text", undefined, this.length, (i) => (this.isNull(i) ? null : f(this.at(i))));
  }
  upper() { return this.#text((it) => it.toUpperCase()); }
  lower() { return this.#text((it) => it.toLowerCase()); }
  trim() { return this.#text((it) => it.trim()); }
  trimStart() { return this.#text((it) => it.trimStart()); }
  trimEnd() { return this.#text((it) => it.trimEnd()); }
  slice(start, end) { return this.#text((it) => it.slice(start, end)); }
  static text(column, f) { return column.#text(f); }
  #calculate(f, operand, name) {
    const { type } = this.state;
    if (type !== "float64" && type !== "int64") {
      if (this.#allNull) return this.clone();
      throw new TypeError(`the column is of type ${type}, not float64 or int64`);
    }
    const copy = this.clone(), entries = copy.state.entries;
    if (type === "float64" && name !== "round" && typeof operand !== "number") throw new TypeError("the operand of a float64 column is a number");
    if (type === "int64" && name === "round") return copy;
    let other = operand;
    if (type === "int64") {
      try {
        other = integer(operand);
      } catch (error) {
        error.message = `an int64 column takes whole numbers; use \`cast("float64")\` before: ${error.message}`;
        throw error;
      }
    }
    for (let i = 0; i < copy.length; i++) {
      if (copy.isNull(i)) continue;
      const result = f(entries[i], other);
      if (typeof result === "bigint" && BigInt.asIntN(64, result) !== result) throw new RangeError(`row ${i}: the result does not fit into 64 bits`);
      entries[i] = result;
    }
    return copy;
  }
  multiply(factor) { return this.#calculate((a, b) => a * b, factor); }
  add(summand) { return this.#calculate((a, b) => a + b, summand); }
  round() { return this.#calculate((a) => Math.round(a), undefined, "round"); }
}

// NULLs whose type the database does not know come as text: other values may take their place.
function isUntyped(column) { return column?.type === "text" && column.nullCount === column.length; }

function column(type, typeName, entries, nulls) { return new NativeColumn(type, typeName, entries, nulls); }

// The type of values that take the place of a column's: if it is untyped, that of the first, and of numbers that of all.
function typeInPlace(type, old, values) {
  const first = isUntyped(old) && type === "text" ? values.find((it) => it !== null && it !== undefined) : undefined;
  if (first === undefined) return type;
  const found = hooks.valueType(first);
  const isFraction = (it) => typeof it === "number" && !Number.isInteger(it);
  return found === "int64" && values.some(isFraction) ? "float64" : found;
}

function fromValues(type, typeName, rows, value, place = (i) => `row ${i}`) {
  const entries = [], nulls = new Uint8Array(rows);
  for (let i = 0; i < rows; i++) {
    try {
      const given = value(i);
      nulls[i] = given === null ? 1 : 0;
      entries.push(given === null ? null : entryOf(type, typeName, given));
    } catch (error) {
      if (error instanceof Error) error.message = `${place(i)}: ${error.message}`;
      throw error;
    }
  }
  return column(type, typeName, entries, nulls);
}

function columnsFromRows(rows, names, types, origins, old = {}) {
  rows.forEach((row, i) => {
    const key = Object.keys(row).find((it) => !names.includes(it));
    if (key !== undefined) {
      throw new TypeError(`row ${origins?.[i] ?? i}: the row has a property \`${key}\`, which is no column of the result; its columns are `
        + `${names.map((name) => `\`${name}\``).join(", ")}. For a further one, name its type: mapRows(f, { ...batch.types, ${key}: "text" })`);
    }
  });
  return names.map((name, c) => {
    const [type, typeName] = typeOf(typeInPlace(types[c], old[name], rows.map((row) => row[name])));
    return fromValues(type, typeName, rows.length, (i) => rows[i][name], (i) => `row ${origins?.[i] ?? i}, column \`${name}\``);
  });
}

function rowAt(columns, names, row) {
  const object = {};
  names.forEach((name, i) => Object.defineProperty(object, name, {
    value: columns[i].at(row), writable: true, enumerable: true, configurable: true,
  }));
  return object;
}

function rowsBetween(columns, names, start, end) {
  return Array.from({ length: end - start }, (_, i) => rowAt(columns, names, start + i));
}

function mapRows(columns, names, rows, f, resultNames, types) {
  const results = [], origins = [];
  for (let i = 0; i < rows; i++) {
    const row = rowAt(columns, names, i);
    const result = f(row, i);
    for (const each of result === null ? [] : result === undefined ? [row] : Array.isArray(result) ? result : [result]) {
      if (each === null || typeof each !== "object") {
        throw new TypeError(`row ${i}: the function returned no row: a row is an object, null, undefined or an array of objects`);
      }
      if (each instanceof Promise) {
        throw new TypeError(`row ${i}: the function for rows is \`async\`, and nothing awaits it: write it without \`async\``);
      }
      results.push(each);
      origins.push(i);
    }
  }
  const old = Object.fromEntries(names.map((name, i) => [name, columns[i]]));
  return columnsFromRows(results, resultNames, types, origins, old);
}

const MASK = (1n << 64n) - 1n;

function mix(x) {
  x = ((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  x = ((x ^ (x >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return x ^ (x >> 31n);
}

function randomOf(key) {
  let hash = 0xcbf29ce484222325n ^ (host.seed ?? 0n);
  for (const byte of new TextEncoder().encode(key)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & MASK;
  return Number(mix((hash + 0x9e3779b97f4a7c15n) & MASK) >> 11n) / 2 ** 53;
}

// What a statement takes, as the runtime checks it; the test's own function gets the values as they were given.
function checkedParameters(values) {
  if (values === undefined) return [];
  if (!Array.isArray(values)) throw new TypeError("parameters are an array of values");
  for (const [i, value] of values.entries()) {
    try {
      checkedParameter(value);
    } catch (error) {
      error.message = `parameter ${i + 1}: ${error.message}`;
      throw error;
    }
  }
  return values;
}

function checkedParameter(value) {
  if (value === null || typeof value === "boolean" || ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return;
  // A number that is not whole is a float64.
  if (typeof value === "number" && (Number.isSafeInteger(value) || !Number.isInteger(value))) return;
  if (typeof value === "bigint") integer(value);
  else if (typeof value === "string") wellFormed(value);
  else if (typeof value !== "object" || !(value[hooks.type] >= 0)) hooks.coerceParameter(value);
}

function checkedStatement(sql) {
  if (typeof sql !== "string") throw new TypeError("a statement is a string");
  return wellFormed(sql);
}

const missing = (what) => () => { throw new Error(`a unit test has no ${what}: give one to fakeHost({ … }), or try the migration with \`runner test\``); };
const given = (name, what) => (...values) => (host[name] ?? missing(what))(...values);

function asset(path) {
  if (!(path in (host.assets ?? {}))) throw new Error(`there is no asset \`${path}\` in fakeHost({ assets })`);
  const content = host.assets[path];
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}

globalThis.__runner = {
  isFake: true,
  columnPrototype: NativeColumn.prototype,
  columnFromArray(type, values, old) {
    const [name, typeName] = typeOf(typeInPlace(type, old, values));
    return fromValues(name, typeName, values.length, (i) => values[i]);
  },
  columnFromBuffer(type, view, like) {
    const rows = type === "uuid" ? view.length / 2 : view.length;
    return column(type, undefined, view.slice(), like?.length === rows ? like.state.nulls.slice() : new Uint8Array(rows));
  },
  columnsFromRows: (rows, names, types) => columnsFromRows(rows, names, types),
  rowAt, rowsBetween, mapRows,
  replaceText: (it, from, to) => NativeColumn.text(it, (text) => text.replaceAll(from, () => to)),
  affixText: (it, before, after) => NativeColumn.text(it, (text) => before + text + after),
  invokeText: (it, name, ...values) => NativeColumn.text(it, (text) => text[name](...values)),
  encodeText: (text) => new TextEncoder().encode(text),
  decodeText: (bytes, fatal) => new TextDecoder("utf-8", { fatal, ignoreBOM: true }).decode(bytes),
  register(registered) { hooks = registered; },
  exports: () => host.exports ?? {},
  sourceOf: () => undefined,
  execute: (sql, parameters) => given("execute", "database")(checkedStatement(sql), checkedParameters(parameters)),
  query(sql, parameters, arrays) {
    const rows = given("query", "database")(checkedStatement(sql), checkedParameters(parameters));
    const columns = rows.length ? Object.keys(rows[0]) : [];
    return Object.defineProperty(arrays ? rows.map((row) => Object.values(row)) : rows, "columns", { value: columns });
  },
  ...Object.fromEntries(Object.entries(statements).map(([name, statement]) => [
    name, (...values) => { given("execute", "database")(statement(...values), []); },
  ])),
  read: missing("database"),
  readTable: missing("database"),
  write: missing("database"),
  transform: missing("database"),
  dialect: () => host.dialect ?? "sqlite",
  serverVersion: () => host.serverVersion ?? "3.0.0",
  parameters: () => host.parameters ?? {},
  runTimestamp: () => hooks.context.Instant.from(host.runTimestamp ?? new Date(0)),
  seed: () => host.seed ?? 0n,
  randomOf,
  log: (level, message) => (host.log ?? (() => {}))(["debug", "info", "warning"][level], message),
  progress() {},
  readAsset: (path, text) => (text ? new TextDecoder("utf-8", { fatal: true }).decode(asset(path)) : asset(path).slice()),
  openAsset: (path) => ({ bytes: asset(path), at: 0 }),
  assetSize: (open) => open.bytes.length,
  assetRead(open, limit) {
    const chunk = open.bytes.slice(open.at, open.at + limit);
    open.at += chunk.length;
    return chunk.length ? chunk : null;
  },
};

/** Sets what the host is in the tests that follow. */
export function setHost(it) { host = it; }
