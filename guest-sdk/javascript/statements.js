// Changes of the schema as SQLite gets them, for unit tests: one function for each call of `schema`.

const TYPES = [
  "BOOLEAN", "INTEGER", "INTEGER", "REAL", "TEXT", "VARCHAR", "BLOB", "DECIMAL", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT", "JSON",
];
const ACTIONS = ["", " ON DELETE CASCADE", " ON DELETE SET NULL"];

const quoted = (name) => `"${name.replaceAll("\"", "\"\"")}"`;
const listed = (names) => `(${names.map(quoted).join(", ")})`;
const beside = ({ schema }, name) => (schema === null ? quoted(name) : `${quoted(schema)}.${quoted(name)}`);
const named = (table) => beside(table, table.table);

function literal(type, value) {
  if (typeof value === "boolean") return String(+value);
  if (typeof value === "bigint" || TYPES[type] === "REAL" || TYPES[type] === "DECIMAL") return String(value);
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return `X'${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}'`;
  }
  return `'${String(value).replaceAll("'", "''")}'`;
}

function defined(column, inKey = false) {
  if (column.identity) return `${quoted(column.name)} INTEGER NOT NULL PRIMARY KEY`;
  const type = column.sizes.length ? `${TYPES[column.type]}(${column.sizes.join(", ")})` : TYPES[column.type];
  const now = "(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))";
  const value = column.default === null ? "" : ` DEFAULT ${column.default.now ? now : literal(column.type, column.default.value)}`;
  return `${quoted(column.name)} ${type} ${column.notNull || inKey ? "NOT NULL" : "NULL"}${value}`;
}

function foreign({ columns, references, referenced, onDelete }) {
  return `FOREIGN KEY ${listed(columns)} REFERENCES ${quoted(references.table)} ${listed(referenced)}${ACTIONS[onDelete]}`;
}

function createTable({ table, columns, primaryKey, unique, foreignKeys }) {
  const parts = columns.map((column) => defined(column, primaryKey.includes(column.name)));
  if (primaryKey.length && !columns.some((column) => column.identity)) parts.push(`PRIMARY KEY ${listed(primaryKey)}`);
  parts.push(...unique.map((names) => `UNIQUE ${listed(names)}`), ...foreignKeys.map(foreign));
  return `CREATE TABLE ${named(table)} (${parts.join(", ")})`;
}

export const statements = {
  createTable,
  dropTable: (table) => `DROP TABLE ${named(table)}`,
  renameTable: (table, to) => `ALTER TABLE ${named(table)} RENAME TO ${quoted(to)}`,
  addColumn: (table, column) => `ALTER TABLE ${named(table)} ADD COLUMN ${defined(column)}`,
  dropColumn: (table, column) => `ALTER TABLE ${named(table)} DROP COLUMN ${quoted(column)}`,
  renameColumn: (table, column, to) => `ALTER TABLE ${named(table)} RENAME COLUMN ${quoted(column)} TO ${quoted(to)}`,
  createIndex: ({ name, table, columns, unique }) =>
    `CREATE ${unique ? "UNIQUE " : ""}INDEX ${beside(table, name)} ON ${quoted(table.table)} ${listed(columns)}`,
  dropIndex: (table, index) => `DROP INDEX ${beside(table, index)}`,
};
