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

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// The numbers of a segment of a source map: six bits in each letter, the lowest first, and the sign in the first bit.
function numbersOf(segment) {
  const numbers = [];
  let number = 0, shift = 0;
  for (const letter of segment) {
    const digit = DIGITS.indexOf(letter);
    number += (digit & 31) << shift;
    shift += 5;
    if (digit & 32) continue;
    numbers.push(number & 1 ? -(number >> 1) : number >> 1);
    number = shift = 0;
  }
  return numbers;
}

// Where a position of a module is in its source, as its map has it. Segments are [column, source, line, column], each the difference to
// the one before it; columns of the module begin anew in each line.
function sourcePlace(map, { line, column }) {
  let sourceLine = 1, sourceColumn = 1, found = { line, column };
  for (const [index, segments] of JSON.parse(map).mappings.split(";", line).entries()) {
    let at = 1;
    for (const segment of segments.split(",").filter(Boolean)) {
      const [columns, , lines = 0, sourceColumns = 0] = numbersOf(segment);
      at += columns;
      sourceLine += lines;
      sourceColumn += sourceColumns;
      if (index < line - 1 || at <= column) found = { line: sourceLine, column: sourceColumn };
    }
  }
  return found;
}

// The frames of a stack that are the script's.
function framesOf(stack) {
  const frames = [];
  for (const line of String(stack ?? "").split("\n")) {
    const match = /^\s*at (?:(.*) \()?(.+?):(\d+):(\d+)\)?$/.exec(line);
    if (!match || /^runner-guest(\/|$)/.test(match[2])) continue;
    const frame = { name: match[1], file: match[2], line: +match[3], column: +match[4] };
    const map = native.mapOf?.(frame.file);
    if (map) Object.assign(frame, sourcePlace(map, frame));
    // A recursion shows once.
    const last = frames.at(-1);
    if (last?.file !== frame.file || last.line !== frame.line || last.column !== frame.column) frames.push(frame);
  }
  return frames;
}

function placeOf(stack) {
  const frames = framesOf(stack);
  const at = ({ name, file, line, column }) => `${name && name !== "<anonymous>" ? `${name}, ` : ""}${file}:${line}:${column}`;
  if (!frames.length) return null;
  const source = native.sourceOf(frames[0].file)?.split("\n")[frames[0].line - 1]?.trim();
  const more = frames.slice(1, 6).map((frame) => `, called from ${at(frame)}`).join("");
  return `at ${at(frames[0])}${source ? `: \`${source.length > 160 ? `${source.slice(0, 160)}…` : source}\`` : ""}${more}`;
}


function shortened(text) { return text.length > 200 ? `${text.slice(0, 200)}…` : text; }

// The row that an exception was thrown for. The host puts the key of a row of the chunk in the place of its position.
function rowPrefix(error) {
  const [row, holds] = native.rowOf(error) ?? [-1];
  if (row >= 0) return `{row ${row}}: `;
  return holds === undefined ? "" : `${isKeyed(holds) && isPlain(holds) ? "row" : "the value"} ${shortened(inspect(holds, 1))}: `;
}

function messageOf(error) {
  return rowPrefix(error) + ownMessage(error);
}

function ownMessage(error) {
  if (!(error instanceof Error)) return `the script threw ${inspect(error, 1)}`;
  const plain = error.name === "Error" || error.name === "RunnerError" || !error.name;
  const cause = error.cause === undefined ? "" : `: ${messageOf(error.cause)}`;
  const isCommon = error instanceof ReferenceError && /^(module|exports) is not defined$/.test(error.message);
  return `${plain ? "" : `${error.name}: `}${error.message}${isCommon ? `: ${ES_MODULES}` : ""}${cause}`;
}

function describeError(error) {
  const own = error instanceof RunnerError;
  const kind = own ? Math.max(KINDS.indexOf(error.kind), 0) : KINDS.indexOf("failed");
  const thrownAt = native.thrownAt();
  const place = placeOf(error instanceof Error ? error.stack : thrownAt);
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

const VERBS = ["read", "insert", "update", "delete", "alter", "create", "drop"];
const LIMITS = [
  "guest_memory", "fuel", "stack", "handles", "host_call_bytes", "host_calls", "statement_bytes", "query_rows", "query_bytes", "cell_bytes",
];

function tableNeedsOf(needs, what) {
  if (needs === undefined || needs === null) return [];
  if (!Array.isArray(needs)) throw wrong(needs, `an array of tables, for \`${what}\` of \`needs\``);
  return needs.map((need) => {
    const table = keysOf(tableOf(need, `\`${what}\` of \`needs\``), ["table", "schema", "columns"], `\`${what}\` of \`needs\``);
    const { schema = null } = table;
    if (schema !== null && typeof schema !== "string") throw wrong(schema, `the name of a schema, for \`${what}\` of \`needs\``);
    return [1, VERBS.indexOf(what), schema, table.table, namesOf(table.columns, "columns")];
  });
}

function limitNeedsOf(limits) {
  if (!isKeyed(limits)) throw wrong(limits, "an object of limits and their least values, for `limits`");
  return Object.entries(limits).map(([name, least]) => {
    if (!Number.isSafeInteger(least) || least < 0) throw wrong(least, `a whole number, for \`${name}\` of \`limits\``);
    return [4, position(LIMITS, name, "limits"), least];
  });
}

function needsOf(needs) {
  keysOf(needs, ["tableRebuild", ...VERBS, "rawSql", "functions", "limits"], "`needs`");
  return [
    ...(needs.tableRebuild ? [[0]] : []),
    ...VERBS.flatMap((verb) => tableNeedsOf(needs[verb], verb)),
    ...(needs.rawSql ? [[2]] : []),
    ...namesOf(needs.functions, "functions").map((name) => [3, name]),
    ...limitNeedsOf(needs.limits ?? {}),
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

// The prototypes of the language's own iterators, generators among them.
const ITERATORS = [function* () {}, async function* () {}].map((f) => Object.getPrototypeOf(Object.getPrototypeOf(f).prototype));

// What a function of the script returned, unless it has yet to run: nothing iterates it.
function ranThrough(name, result) {
  if (!ITERATORS.some((prototype) => Object.prototype.isPrototypeOf.call(prototype, result))) return result;
  const isGenerator = ["Generator", "AsyncGenerator"].includes(result[Symbol.toStringTag]);
  throw new TypeError(isGenerator ? `\`${name}\` is a generator, and nothing iterates it: it must not \`yield\``
    : `\`${name}\` returned an iterator, and nothing iterates it: loop over it in \`${name}\``);
}

function readDescription() {
  const exports = native.exports();
  const isFunction = typeof exports.describe === "function";
  const value = isFunction ? exports.describe() : exports.description;
  const checked = (settled) => described(isFunction ? ranThrough("describe", settled) : settled, exports);
  return value instanceof Promise ? value.then(checked) : checked(value);
}

const context = Object.freeze({
  db, schema, log, progress, parameters, parameter, assets, runTimestamp, seed, random, mapRows, rows, float64, Batch, Column, Reader,
  Writer, Decimal, PlainDate, PlainTime, PlainDateTime, Instant, Uuid, Json, Native, Float64, RunnerError,
});

native.register({
  type: TYPE,
  prototypes: CLASSES.map((type) => type?.prototype ?? null),
  context,
  makeBatch, dumpBatch, describeError, coerce, coerceParameter, valueType, readDescription, hostError, ranThrough, readDate,
});
