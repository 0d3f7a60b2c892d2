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

// NULLs whose type the database does not know come as text: other values may take their place.
function isUntyped(column) { return column.type === "text" && column.nullCount === column.length; }

// `peer`: a column of the same rows. `like`: the column of the same type whose place the values take. A typed array keeps its NULLs, and
// `isOpen` says that the type may be another, if it is untyped.
function columnFrom(type, values, like, isOpen = false, peer = undefined) {
  if (ArrayBuffer.isView(values) && type in ARRAYS) {
    if (values instanceof ARRAYS[type]) return native.columnFromBuffer(type, values, like);
    return native.columnFromArray(type, Array.from(values, (value, i) => (like?.isNull(i) ? null : value)), undefined, peer);
  }
  if (values === null || typeof values !== "object" || typeof values[Symbol.iterator] !== "function") {
    throw wrong(values, "an array of values");
  }
  return native.columnFromArray(type, Array.isArray(values) ? values : Array.from(values), isOpen ? like : undefined, peer);
}

// A number as databases write it: `Number` also takes spaces, nothing at all and other bases.
const REAL = /^([+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?Infinity|NaN)$/;

function number(value) {
  if (typeof value === "string" && !REAL.test(value)) throw wrong(value, "a float64");
  const result = Number(String(value));
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
    return this.map((value) => castValue(value, type), type);
  },
  fillNulls(value) {
    if (!this.nullCount) return this.clone();
    if (value === null || value === undefined) throw wrong(value, "a value for NULLs");
    return native.columnFromArray(typeOf(this), Array.from(this, (entry) => entry ?? value), this, this);
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
