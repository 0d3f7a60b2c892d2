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

// Whether it is an object of keys: `Object.keys` finds none in a Map, a Set or an iterator, as if it were empty.
function isKeyed(value) {
  return value !== null && typeof value === "object" && typeof value[Symbol.iterator] !== "function";
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
    const hours = Number(match[8].slice(1, 3)), minutes = Number(match[8].slice(3).replace(":", ""));
    if (hours > 23 || minutes > 59) throw wrong(value, "an instant with an offset up to 23:59");
    const offset = BigInt(hours * 60 + minutes) * 60000000n;
    return new Instant(match[8][0] === "-" ? local + offset : local - offset);
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

// Whether it is a whole number that may have been rounded, and could mean an int64 as well as a float64.
function isAmbiguous(value) { return Number.isInteger(value) && !Number.isSafeInteger(value); }

function ambiguous(number) {
  return new RangeError(`${number} is not a whole number up to 2^53 - 1; use a bigint for an int64 beyond, or float64(x) for a float64`);
}

// The type that a value other than null has by itself; of numbers that are whole and others, the runtime makes float64.
function valueType(value) {
  switch (typeof value) {
    case "boolean": return "boolean";
    case "bigint": return "int64";
    case "number":
      if (isAmbiguous(value)) throw ambiguous(value);
      return Number.isInteger(value) ? "int64" : "float64";
    case "object": break;
    default: return "text";
  }
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return "bytes";
  if (value[TYPE] >= 0) return value instanceof Native ? `native:${value.typeName}` : TYPES[value[TYPE]];
  return value instanceof Date ? "timestamptz" : "json";
}

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
  if (isAmbiguous(value)) throw ambiguous(value);
  throw wrong(value, "a value that a database has");
}
