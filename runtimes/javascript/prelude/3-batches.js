// Batches: columns by name.

/** Rows as columns. */
export class Batch {
  #columns = new Map();
  #rows;

  constructor(columns = {}) {
    if (!(columns instanceof Map) && !isKeyed(columns)) throw wrong(columns, "an object of columns by their names");
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
  get size() { return this.#columns.size; }
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
      const own = values instanceof Float64Array ? "float64" : values instanceof BigInt64Array ? "int64" : undefined;
      const found = type ?? (old && !(own && isUntyped(old)) ? typeOf(old) : own);
      if (found === undefined) throw new TypeError(`column \`${name}\` is new: name its type, set("${name}", values, "text")`);
      column = columnFrom(found, values, old && typeOf(old) === found ? old : undefined, type === undefined, this.#peer);
    } else if (type !== undefined && typeOf(column) !== type) {
      column = column.cast(type);
    }
    if (column.length !== this.#rows) {
      throw new RangeError(`column \`${name}\` has ${column.length} entries, and the batch has ${this.#rows} rows`);
    }
    this.#columns.set(name, column);
    return this;
  }

  // Any of its columns: which rows it has.
  get #peer() { return this.#columns.values().next().value; }

  rename(old, name) {
    const column = this.get(old);
    if (old !== name && this.has(name)) throw new RangeError(`the batch has a column \`${name}\` already`);
    this.#columns = new Map([...this.#columns].map(([key, value]) => [value === column && key === old ? name : key, value]));
    return this;
  }

  select(names) {
    const all = [...names];
    return Batch.#make(this.#rows, all, all.map((name) => this.get(name)));
  }

  keys() { return this.#columns.keys(); }
  values() { return this.#columns.values(); }
  entries() { return this.#columns.entries(); }
  forEach(f, self) { for (const [name, column] of [...this.#columns]) f.call(self, column, name, this); }

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

  filterRows(f) {
    return this.mapRows((row, i) => {
      const kept = f(row, i);
      return kept ? (kept instanceof Promise ? kept : undefined) : null;
    });
  }
}
const { make: makeBatch, dump: dumpBatch } = Batch.internals;
delete Batch.internals;

function listed(names) { return names.length ? names.map((name) => `\`${name}\``).join(", ") : "none"; }

function checkedTypes(types) {
  if (!isKeyed(types)) {
    throw wrong(types, "an object of names and types, such as { id: \"int64\", name: \"text\" }");
  }
  return types;
}

/** `batch.mapRows` as a function. */
export function mapRows(batch, f, types) { return batch.mapRows(f, types); }

/** `batch.rows` as a function. */
export function rows(batch) { return batch.rows(); }
