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
});

// The interpreter does not keep the last match, and would answer `undefined`.
const LAST_MATCH = ["input", "lastMatch", "lastParen", "leftContext", "rightContext", ..."123456789_&+`'"];
if (!native.isFake) for (const key of LAST_MATCH) {
  const name = key.length > 1 ? key : `$${key}`;
  Object.defineProperty(RegExp, name, {
    get() { throw new TypeError(`RegExp["${name}"] is not kept here: use what exec() or match() returns`); }, configurable: true,
  });
}
