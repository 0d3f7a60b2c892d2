// The module `runner-guest`, which the runtimes of migrations in JavaScript and TypeScript provide.
/// <reference path="./node.d.ts" />

declare global {
  /** What it writes goes to the log of the run. */
  interface Console {
    log(...values: unknown[]): void;
    info(...values: unknown[]): void;
    debug(...values: unknown[]): void;
    warn(...values: unknown[]): void;
    error(...values: unknown[]): void;
  }
  var console: Console;

  interface TextEncoder {
    readonly encoding: "utf-8";
    encode(text?: string): Uint8Array;
    encodeInto(text: string, into: Uint8Array): { read: number; written: number };
  }
  var TextEncoder: { prototype: TextEncoder; new (): TextEncoder };
  interface Blob {
    readonly size: number;
    readonly type: string;
    slice(start?: number, end?: number, type?: string): Blob;
    bytes(): Promise<Uint8Array>;
    arrayBuffer(): Promise<ArrayBuffer>;
    text(): Promise<string>;
  }
  var Blob: { prototype: Blob; new (parts?: Iterable<string | ArrayBuffer | ArrayBufferView | Blob>, options?: { type?: string }): Blob };
  /** Decodes the encodings of the WHATWG standard, such as windows-1252, shift_jis, gbk, big5 and euc-kr. */
  interface TextDecoder {
    readonly encoding: string;
    readonly fatal: boolean;
    readonly ignoreBOM: boolean;
    decode(bytes?: ArrayBuffer | ArrayBufferView, options?: { stream?: boolean }): string;
  }
  var TextDecoder: { prototype: TextDecoder; new (label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean }): TextDecoder };

  interface URLSearchParams {
    readonly size: number;
    append(name: string, value: string): void;
    delete(name: string, value?: string): void;
    get(name: string): string | null;
    getAll(name: string): string[];
    has(name: string, value?: string): boolean;
    set(name: string, value: string): void;
    sort(): void;
    toString(): string;
    forEach(each: (value: string, name: string, query: URLSearchParams) => void): void;
    entries(): IterableIterator<[string, string]>;
    keys(): IterableIterator<string>;
    values(): IterableIterator<string>;
    [Symbol.iterator](): IterableIterator<[string, string]>;
  }
  var URLSearchParams: {
    prototype: URLSearchParams;
    new (init?: string | Iterable<[string, string]> | Record<string, string> | URLSearchParams): URLSearchParams;
  };
  interface URL {
    href: string;
    readonly origin: string;
    protocol: string;
    username: string;
    password: string;
    host: string;
    hostname: string;
    port: string;
    pathname: string;
    search: string;
    hash: string;
    readonly searchParams: URLSearchParams;
    toString(): string;
    toJSON(): string;
  }
  var URL: {
    prototype: URL;
    new (url: string | URL, base?: string | URL): URL;
    canParse(url: string | URL, base?: string | URL): boolean;
    parse(url: string | URL, base?: string | URL): URL | null;
  };

  /** Random numbers from the run's seed, and an error in a batch function. */
  interface Crypto {
    readonly subtle: { digest(algorithm: string | { name: string }, bytes: ArrayBuffer | ArrayBufferView): Promise<ArrayBuffer> };
    getRandomValues<T extends ArrayBufferView>(array: T): T;
    randomUUID(): `${string}-${string}-${string}-${string}-${string}`;
  }
  var crypto: Crypto;
  function structuredClone<T>(value: T): T;
  function queueMicrotask(f: () => void): void;
  function atob(base64: string): string;
  function btoa(bytes: string): string;
  interface Performance {
    now(): number;
  }
  var performance: Performance;
}

/** The families of databases. */
export type Dialect = "sqlite" | "postgres" | "mysql" | "mariadb";

/** The types of columns; `native:NAME` is a type of the database without a name of its own here. */
export type ColumnType =
  | "boolean" | "int64" | "float64" | "text" | "bytes" | "decimal" | "date" | "time" | "timestamp" | "timestamptz"
  | "uuid" | "json" | `native:${string}`;

/** What a query returns, or a row holds. An int64 beyond ±(2⁵³−1) is a `bigint`. */
export type Value =
  | null | boolean | number | bigint | string | Uint8Array | Decimal | PlainDate | PlainTime | PlainDateTime | Instant
  | Uuid | Json | Native;

/** What a statement takes: also a `Date` (an instant), and plain objects and arrays (JSON). */
export type Parameter =
  | Value | Float64 | ArrayBuffer | ArrayBufferView | Date | readonly unknown[] | { readonly [key: string]: unknown };

/** A row; its properties are named as the columns. */
export type Row = { [column: string]: any };

/** Names of columns and their types. */
export type Types = { [column: string]: ColumnType };

/** What a migration says about itself, exported as `description`. */
export interface Description {
  /** What the migration does, in one line. */
  summary: string;
  /** Earlier revisions that must be applied before this one. */
  dependsOn?: string[];
  /** How its work is committed; `"auto"` by default. */
  mode?: "auto" | "atomic" | "stepwise";
  /** The databases it works on; all by default. */
  dialects?: Dialect[];
  /** True if there is no way back; by default, if the script exports no `downgrade`. */
  irreversible?: boolean;
  /** What it needs; `plan` shows it, and compares it with what the operator grants. */
  needs?: Needs;
}

/** A table that a migration needs, or some of its columns. A trailing `*` in its name matches any suffix. */
export interface TableNeed {
  table: string;
  schema?: string;
  /** All by default. */
  columns?: string[];
}

/** A table of which only whole rows, or all of it, can be needed. */
export type WholeTableNeed = Omit<TableNeed, "columns">;

/** What a migration needs. */
export interface Needs {
  /** SQLite: foreign keys are not enforced while it runs, and checked as a whole before it commits. */
  tableRebuild?: boolean;
  /** Tables whose rows it reads, also in a condition. */
  read?: (string | TableNeed)[];
  /** Tables that it inserts into. */
  insert?: (string | TableNeed)[];
  /** Tables whose rows it changes. */
  update?: (string | TableNeed)[];
  /** Tables whose rows it deletes. */
  delete?: (string | WholeTableNeed)[];
  /** Tables whose columns, constraints or indexes it changes. */
  alter?: (string | WholeTableNeed)[];
  /** Tables and views that it creates. */
  create?: (string | WholeTableNeed)[];
  /** Tables and views that it drops. */
  drop?: (string | WholeTableNeed)[];
  /** Whether it runs statements of its own: `db.execute`, `db.query` and the like, and `db.read`. */
  rawSql?: boolean;
  /** Functions that do more than compute with their arguments. */
  functions?: string[];
  /** Limits, by their names in the settings, and the least values with which it works. */
  limits?: {
    guest_memory?: number;
    fuel?: number;
    stack?: number;
    handles?: number;
    host_call_bytes?: number;
    host_calls?: number;
    statement_bytes?: number;
    query_rows?: number;
    query_bytes?: number;
    cell_bytes?: number;
  };
}

/** Rows to read, in the order of a key. */
export interface Source {
  table: string;
  schema?: string;
  /** The columns to read, or their names and the types to read them in; all by default. */
  columns?: string[] | { [column: string]: ColumnType | "native" | null };
  /** The columns that identify a row and define the order; by default the primary key. */
  key?: string[];
  /** An SQL condition that selects the rows. */
  filter?: string;
  /** The values of the condition's placeholders. */
  parameters?: readonly Parameter[];
  /** From the greatest key to the least. */
  descending?: boolean;
}

/** Rows to write. */
export interface Target {
  table: string;
  schema?: string;
  mode: "insert" | "update" | "upsert" | "delete";
  /** The columns that identify a row; by default the primary key. */
  key?: string[];
}

/** What a transform did. */
export interface TransformReport {
  rowsRead: number;
  rowsWritten: number;
  chunks: number;
}

/** A function from one batch to another, exported by the script. */
export type BatchFunction = (batch: Batch, context: Context) => Batch | Promise<Batch>;

/** The rows of a query. */
export type Rows<R> = R[] & { readonly columns: string[] };

/** The database. All calls are synchronous. */
export interface Database {
  readonly dialect: Dialect;
  readonly serverVersion: string;
  /** Runs one statement; returns the number of rows it changed. */
  execute(sql: string, parameters?: readonly Parameter[]): number;
  /** Runs statements without parameters, in order. */
  executeAll(statements: Iterable<string>): void;
  /** Runs one statement and returns all rows of its small result. Use `read` for larger ones. */
  query<R = Row>(sql: string, parameters?: readonly Parameter[]): Rows<R>;
  /** The same with rows as arrays. */
  queryArrays(sql: string, parameters?: readonly Parameter[]): Rows<Value[]>;
  /** The only row; an error if there is none or more than one. */
  queryOne<R = Row>(sql: string, parameters?: readonly Parameter[]): R;
  /** The only row, or null; an error if there is more than one. */
  queryOptional<R = Row>(sql: string, parameters?: readonly Parameter[]): R | null;
  /** The only value of a row with one column. */
  queryScalar<V = Value>(sql: string, parameters?: readonly Parameter[]): V;
  /** Reads the result of any SELECT, batch by batch. */
  read(sql: string, parameters?: readonly Parameter[]): Reader;
  /** Reads a table in the order of its key, batch by batch. */
  readTable(source: string | Source): Reader;
  /** Opens a writer. */
  write(target: Target): Writer;
  /** Passes the source through an exported batch function, chunk by chunk; by default into the same table. */
  transform(batchFunction: BatchFunction | string, source: string | Source, target?: Target): TransformReport;
}

export const db: Database;

/** The type of a column of a table, as `schema.varchar` and `schema.decimal` make it. */
export interface SizedType {
  readonly name: "varchar" | "decimal";
  readonly sizes: readonly number[];
}

/** The type of a column of a table. */
export type DataType =
  | "boolean" | "int32" | "int64" | "float64" | "text" | "bytes" | "date" | "time" | "timestamp" | "timestamptz" | "uuid" | "json"
  | SizedType;

/** A table by its name, or in another schema than the current one. */
export type TableName = string | { table: string; schema?: string | null };

/** The time of the insert, as the default of a column. */
export interface CurrentTimestamp { toString(): string }

/** A column of a new table, or one to add. */
export interface ColumnDefinition {
  name: string;
  type: DataType;
  /** True if it refuses NULL. The columns of a primary key do in any case. */
  notNull?: boolean;
  /**
   * What it contains where an insert does not say: a value of its type, in the forms that a column of a batch takes, or
   * `schema.currentTimestamp`. NULL by default.
   */
  default?: Value | object;
  /** True if the database numbers the rows: for an `"int64"` that is the only column of the primary key of a new table. */
  identity?: boolean;
}

/** A reference to the rows of a table. */
export interface ForeignKey {
  columns: string[];
  references: TableName;
  /** Columns of that table, a primary key or unique. */
  referenced: string[];
  /** What happens when a referenced row is deleted: refused by default. */
  onDelete?: "refuse" | "cascade" | "set-null";
}

/** A new table. */
export interface TableDefinition {
  table: string;
  schema?: string | null;
  columns: ColumnDefinition[];
  primaryKey?: string[];
  /** The columns of each such constraint. */
  unique?: string[][];
  foreignKeys?: ForeignKey[];
}

/** A new index, in the schema of its table. */
export interface IndexDefinition {
  name: string;
  table: string;
  schema?: string | null;
  columns: string[];
  /** True if no two rows may be equal in these columns. */
  unique?: boolean;
}

/**
 * Tables, columns and indexes on any database, without SQL: the host writes the statement. A migration under grants needs
 * `create`, `alter` or `drop` for the table, and no grant for statements of its own.
 */
export interface Schema {
  /** The time of the insert, as the default of a `"timestamptz"`. */
  readonly currentTimestamp: CurrentTimestamp;
  /** Text of at most that many characters, 1 to 16,383. SQLite does not enforce it. */
  varchar(length: number): SizedType;
  /** An exact decimal number of 1 to 65 digits, `scale` of them after the decimal point, 30 at most. */
  decimal(precision: number, scale: number): SizedType;
  /** Creates a table. It is an error if one of that name exists. */
  createTable(definition: TableDefinition): void;
  /** Drops a table. It is an error if it does not exist, or if something depends on it. */
  dropTable(table: TableName): void;
  /** Gives a table another name in the same schema. Denied to migrations under grants. */
  renameTable(table: TableName, to: string): void;
  /** Adds a column. One that refuses NULL needs a default, for the rows that exist. */
  addColumn(table: TableName, column: ColumnDefinition): void;
  /** Drops a column and its values. It is an error if something depends on it. */
  dropColumn(table: TableName, column: string): void;
  /** Gives a column another name. */
  renameColumn(table: TableName, column: string, to: string): void;
  /** Creates an index. */
  createIndex(definition: IndexDefinition): void;
  /** Drops an index of a table. */
  dropIndex(table: TableName, index: string): void;
}

export const schema: Schema;

/** Reads a result one batch at a time. */
export class Reader implements Iterable<Batch> {
  private constructor();
  /** The next batch, never an empty one; null after the last. */
  next(): Batch | null;
  /** Row objects instead of batches. */
  rows<R = Row>(): IterableIterator<R>;
  close(): null;
  [Symbol.iterator](): IterableIterator<Batch>;
}

/** Writes rows one batch at a time. A writer that is not finished fails the migration. */
export class Writer {
  private constructor();
  /** Writes a batch; returns the number of rows it changed. */
  write(batch: Batch): number;
  /** Ends the writer; returns the number of rows that all batches changed. */
  finish(): number;
}

/** The typed arrays of columns of fixed width, and the bytes of the others. */
export type Entries = Uint8Array | BigInt64Array | Float64Array | Int32Array | BigUint64Array;

/** One column of a batch. */
export class Column implements Iterable<Value> {
  constructor(type: ColumnType, values: Iterable<Value | Date> | Entries);
  readonly length: number;
  readonly type: string;
  /** Of a native column. */
  readonly typeName?: string;
  readonly nullCount: number;
  /**
   * The entries, changed in place: a `Float64Array` (float64), a `BigInt64Array` (int64, time, timestamp, timestamptz), an
   * `Int32Array` (date), a `Uint8Array` (boolean), a `BigUint64Array` (uuid, two per row). Of other types, the bytes of all
   * entries, end to end.
   */
  readonly values: any;
  /** Of types of variable length: entry `i` is `values.subarray(offsets[i], offsets[i + 1])`. */
  readonly offsets?: Uint32Array;
  at(row: number): Value;
  isNull(row: number): boolean;
  /** Changes an entry of a type of fixed width. */
  set(row: number, value: Value | Date): void;
  setNull(row: number): void;
  toArray(): Value[];
  [Symbol.iterator](): IterableIterator<Value>;
  clone(): Column;
  /** A new column of what the function returns for each value; NULLs stay NULL without a call. */
  map(f: (value: any, row: number) => Value | Date | object, type?: ColumnType): Column;
  cast(type: ColumnType): Column;
  fillNulls(value: Value): Column;
  /** Texts in capitals; like the others, it does what the method of `String` does, for all entries at once. */
  upper(): Column;
  lower(): Column;
  trim(): Column;
  trimStart(): Column;
  trimEnd(): Column;
  slice(start?: number, end?: number): Column;
  replace(from: string | RegExp, to: string | ((match: string, ...groups: any[]) => string)): Column;
  replaceAll(from: string | RegExp, to: string | ((match: string, ...groups: any[]) => string)): Column;
  padStart(length: number, fill?: string): Column;
  padEnd(length: number, fill?: string): Column;
  normalize(form?: "NFC" | "NFD" | "NFKC" | "NFKD"): Column;
  prepend(text: string): Column;
  append(text: string): Column;
  /** Numbers times a number; on int64 exact, an overflow is an error. */
  multiply(factor: number | bigint): Column;
  add(summand: number | bigint): Column;
  /** As `Math.round`. */
  round(): Column;
}

/** Rows as columns: as a `Map` of them by their names, except that iterating over the batch itself yields its rows. */
export class Batch implements Iterable<Row> {
  constructor(columns?: { [name: string]: Column } | Map<string, Column>);
  static fromColumns(columns: { [name: string]: Column } | Map<string, Column>): Batch;
  static fromRows(rows: readonly Row[], types: Types): Batch;
  readonly rowCount: number;
  readonly names: string[];
  readonly types: Types;
  /** The number of columns. */
  readonly size: number;
  has(name: string): boolean;
  /** A column; an unknown name is an error. */
  get(name: string): Column;
  /** Replaces or adds a column. A typed array keeps the NULLs of the column that it replaces. */
  set(name: string, values: Column | Iterable<Value | Date> | Entries, type?: ColumnType): this;
  delete(name: string): boolean;
  rename(old: string, name: string): this;
  keys(): IterableIterator<string>;
  values(): IterableIterator<Column>;
  entries(): IterableIterator<[string, Column]>;
  forEach(f: (column: Column, name: string, batch: Batch) => void, self?: unknown): void;
  select(names: Iterable<string>): Batch;
  row<R = Row>(row: number): R;
  rows<R = Row>(): IterableIterator<R>;
  [Symbol.iterator](): IterableIterator<Row>;
  /**
   * A new batch of what the function returns for each row: an object is a row, an array is several rows, `null` drops the
   * row, and `undefined` keeps the row object with its changes. `types` names the columns of the result.
   */
  mapRows<R = Row>(f: (row: R, index: number) => Row | Row[] | null | undefined | void, types?: Types): Batch;
  filterRows<R = Row>(f: (row: R, index: number) => boolean): Batch;
}

/** `batch.mapRows` as a function. */
export function mapRows<R = Row>(
  batch: Batch, f: (row: R, index: number) => Row | Row[] | null | undefined | void, types?: Types): Batch;
/** `batch.rows` as a function. */
export function rows<R = Row>(batch: Batch): IterableIterator<R>;

/** Logs for the operator. */
export interface Log {
  (...values: unknown[]): void;
  debug(...values: unknown[]): void;
  info(...values: unknown[]): void;
  warning(...values: unknown[]): void;
  warn(...values: unknown[]): void;
}
export const log: Log;

/** Reports progress of work that the host cannot see. */
export function progress(done: number | bigint, total?: number | bigint | null, unit?: string): void;

/** The operator's parameters by name. */
export const parameters: { readonly [name: string]: any };
/** A parameter that has to be set. */
export function parameter<T extends string | number | bigint | boolean>(name: string): T;

/** An open file of the script's directory. */
export interface Asset extends Iterable<Uint8Array> {
  readonly size: number;
  /** The next bytes; null at the end. */
  read(limit?: number): Uint8Array | null;
}

/** Files of the script's directory, by their relative paths. */
export const assets: {
  text(path: string): string;
  json(path: string): any;
  bytes(path: string): Uint8Array;
  open(path: string): Asset;
};

/** The time of the run; `Date.now()` is the same. */
export function runTimestamp(): Instant;
/** The run's seed. */
export function seed(): bigint;
/** A number from 0 to 1 that depends on the run's seed and the key alone. */
export function random(key: string | number | bigint): number;

/** What a failed call throws. */
export type ErrorKind =
  | "denied" | "syntax" | "constraint" | "conversion" | "invalid-argument" | "timeout" | "busy" | "limit" | "connection"
  | "failed" | "other";
export class RunnerError extends Error {
  constructor(message: string, options?: { kind?: ErrorKind; code?: string; detail?: string | null; cause?: unknown });
  readonly kind: ErrorKind;
  /** The database's own code: SQLSTATE, the error number, the extended result code; empty if there is none. */
  readonly code: string;
  readonly detail: string | null;
}

/** A float64, also where the number is whole. */
export class Float64 {
  constructor(value: number);
  readonly value: number;
}
export function float64(value: number): Float64;

/** An exact decimal number. There is no arithmetic on decimals. */
export class Decimal {
  constructor(value: string | bigint | number);
  readonly text: string;
  toNumber(): number;
  toString(): string;
  toJSON(): string;
}

/** A calendar date. */
export class PlainDate {
  constructor(days: number);
  static from(text: string | PlainDate): PlainDate;
  /** Days since 1970-01-01. */
  readonly days: number;
  readonly year: number;
  readonly month: number;
  readonly day: number;
  valueOf(): number;
  toString(): string;
  toJSON(): string;
}

/** A time of day. */
export class PlainTime {
  constructor(microseconds: bigint | number);
  static from(text: string | PlainTime): PlainTime;
  readonly microseconds: bigint;
  valueOf(): bigint;
  toString(): string;
  toJSON(): string;
}

/** A date and time without a time zone. */
export class PlainDateTime {
  constructor(epochMicroseconds: bigint | number);
  static from(text: string | PlainDateTime): PlainDateTime;
  readonly epochMicroseconds: bigint;
  readonly date: PlainDate;
  readonly time: PlainTime;
  valueOf(): bigint;
  toString(): string;
  toJSON(): string;
}

/** An instant. */
export class Instant {
  constructor(epochMicroseconds: bigint | number);
  static from(value: string | Date | Instant): Instant;
  readonly epochMicroseconds: bigint;
  readonly epochMilliseconds: number;
  toDate(): Date;
  valueOf(): bigint;
  toString(): string;
  toJSON(): string;
}

/** A UUID. */
export class Uuid {
  constructor(text: string);
  readonly text: string;
  toString(): string;
  toJSON(): string;
}

/** JSON, kept as the text that the database has. */
export class Json {
  constructor(value: unknown);
  static fromText(text: string): Json;
  readonly text: string;
  /** The parsed value. */
  readonly value: any;
  toString(): string;
  toJSON(): any;
}

/** A value of a type that is the database's own, as text. */
export class Native {
  constructor(typeName: string, text: string);
  readonly typeName: string;
  readonly text: string;
  toString(): string;
  toJSON(): string;
}

/** Everything that this module exports, which `upgrade`, `downgrade` and batch functions get as their last argument. */
export type Context = typeof import("runner-guest");
