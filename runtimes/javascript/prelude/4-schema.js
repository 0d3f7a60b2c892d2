// Changes of the schema, described instead of written in SQL.

// The contract's types of columns, in its order.
const DATA_TYPES = [
  "boolean", "int32", "int64", "float64", "text", "varchar", "bytes", "decimal", "date", "time", "timestamp", "timestamptz",
  "uuid", "json",
];
const DELETE_ACTIONS = ["refuse", "cascade", "set-null"];
// What `varchar` and `decimal` make; other types are names.
class DataType {
  constructor(name, sizes) {
    this.name = name;
    this.sizes = sizes;
    Object.freeze(this);
  }
  toString() { return this.sizes.length ? `${this.name}(${this.sizes.join(", ")})` : this.name; }
  toJSON() { return this.toString(); }
}
const CURRENT_TIMESTAMP = Object.freeze({ toString: () => "the current time" });

function sizeOf(value, what, least, most) {
  if (!Number.isInteger(value) || value < least || value > most) throw wrong(value, `${what}, which is ${least} to ${most}`);
  return value;
}

function dataTypeOf(value, what) {
  if (value instanceof DataType) return value;
  if (value === "varchar" || value === "decimal") {
    throw new TypeError(`${what}: a ${value} has a size, so write \`schema.${value === "varchar" ? "varchar(200)" : "decimal(12, 2)"}\``);
  }
  if (typeof value !== "string" || !DATA_TYPES.includes(value)) {
    const names = DATA_TYPES.map((name) => (name === "varchar" || name === "decimal" ? `schema.${name}(…)` : `"${name}"`));
    throw wrong(value, `a type, for ${what}; types are ${names.join(", ")}`);
  }
  return new DataType(value, []);
}

function flagOf(value, key, what) {
  if (value !== undefined && typeof value !== "boolean") throw wrong(value, `true or false, for \`${key}\` of ${what}`);
  return value === true;
}

function nameOf(value, what) {
  if (typeof value !== "string") throw wrong(value, `the name of ${what}`);
  return value;
}

function objectOf(value, what, example) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw wrong(value, `${what}, such as ${example}`);
  return value;
}

function listOf(value, key, what) {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw wrong(value, `an array, for \`${key}\` of ${what}`);
  return value;
}

// The name of a table as the host takes it.
function tableName(value, what = "the table") {
  if (value !== null && typeof value === "object") keysOf(value, ["table", "schema"], what);
  const { table, schema } = tableOf(value, what);
  return { table, schema: schema === undefined || schema === null ? null : nameOf(schema, "a schema") };
}

// A value of the column's type, which crosses as that.
function literalOf(type, value) {
  switch (type.name) {
    case "boolean":
      if (typeof value !== "boolean") break;
      return value;
    case "int32": case "int64": {
      const bits = type.name === "int32" ? 32 : 64;
      const number = whole(value, `a whole number of ${bits} bits`);
      if (BigInt.asIntN(bits, number) !== number) throw wrong(value, `a whole number of ${bits} bits`);
      return number;
    }
    case "float64":
      if (typeof value !== "number") break;
      return new Float64(value);
    case "text": case "varchar":
      if (typeof value !== "string") break;
      return value;
    case "bytes":
      if (!ArrayBuffer.isView(value) && !(value instanceof ArrayBuffer)) break;
      return value;
    case "decimal": return value instanceof Decimal ? value : new Decimal(value);
    case "date": return PlainDate.from(value);
    case "time": return PlainTime.from(value);
    case "timestamp": return PlainDateTime.from(value);
    case "timestamptz": return Instant.from(value);
    case "uuid": return value instanceof Uuid ? value : new Uuid(value);
    case "json": return value instanceof Json ? value : new Json(value);
  }
  throw wrong(value, `of the type ${type}`);
}

// As the host takes it: `default` is null, { now: true } or { value }.
function columnDefinition(given) {
  const column = objectOf(given, "a column", "{ name: \"id\", type: \"int64\" }");
  keysOf(column, ["name", "type", "notNull", "default", "identity"], "a column");
  const name = nameOf(column.name, "a column"), what = `the column \`${name}\``;
  const type = dataTypeOf(column.type, what);
  let value = null;
  if (column.default === CURRENT_TIMESTAMP) {
    if (type.name !== "timestamptz") throw new TypeError(`the default of ${what} is the current time, which only a timestamptz can have`);
    value = { now: true };
  } else if (column.default !== undefined && column.default !== null) {
    try {
      value = { value: literalOf(type, column.default) };
    } catch (error) {
      error.message = `the default of ${what}: ${error.message}`;
      throw error;
    }
  }
  return {
    name, type: DATA_TYPES.indexOf(type.name), sizes: type.sizes, notNull: flagOf(column.notNull, "notNull", what), default: value,
    identity: flagOf(column.identity, "identity", what),
  };
}

function foreignKeyOf(given) {
  const key = objectOf(given, "a foreign key", "{ columns: [\"order_id\"], references: \"orders\", referenced: [\"id\"] }");
  keysOf(key, ["columns", "references", "referenced", "onDelete"], "a foreign key");
  const action = DELETE_ACTIONS.indexOf(key.onDelete ?? "refuse");
  if (action < 0) throw wrong(key.onDelete, `a value of \`onDelete\`; values are ${listed(DELETE_ACTIONS)}`);
  return {
    columns: namesOf(key.columns, "`columns` of a foreign key"), references: tableName(key.references, "`references` of a foreign key"),
    referenced: namesOf(key.referenced, "`referenced` of a foreign key"), onDelete: action,
  };
}

/** Tables, columns and indexes on any database, without SQL. */
export const schema = Object.freeze({
  currentTimestamp: CURRENT_TIMESTAMP,
  varchar(length) { return new DataType("varchar", [sizeOf(length, "the length of a varchar", 1, 16383)]); },
  decimal(precision, scale) {
    sizeOf(precision, "the precision of a decimal", 1, 65);
    return new DataType("decimal", [precision, sizeOf(scale, `the scale of a decimal of ${precision} digits`, 0, Math.min(30, precision))]);
  },
  createTable(definition) {
    const given = objectOf(definition, "a table", "{ table: \"orders\", columns: […] }");
    keysOf(given, ["table", "schema", "columns", "primaryKey", "unique", "foreignKeys"], "a table");
    const table = tableName({ table: given.table, schema: given.schema }, "a table"), what = `the table \`${table.table}\``;
    native.createTable({
      table, columns: listOf(given.columns, "columns", what).map(columnDefinition),
      primaryKey: namesOf(given.primaryKey, `\`primaryKey\` of ${what}`),
      unique: listOf(given.unique, "unique", what).map((names) => namesOf(names, `each constraint in \`unique\` of ${what}`)),
      foreignKeys: listOf(given.foreignKeys, "foreignKeys", what).map(foreignKeyOf),
    });
  },
  dropTable(table) { native.dropTable(tableName(table)); },
  renameTable(table, to) { native.renameTable(tableName(table), nameOf(to, "a table")); },
  addColumn(table, column) { native.addColumn(tableName(table), columnDefinition(column)); },
  dropColumn(table, column) { native.dropColumn(tableName(table), nameOf(column, "a column")); },
  renameColumn(table, column, to) { native.renameColumn(tableName(table), nameOf(column, "a column"), nameOf(to, "a column")); },
  createIndex(definition) {
    const given = objectOf(definition, "an index", "{ name: \"orders_item\", table: \"orders\", columns: [\"item\"] }");
    keysOf(given, ["name", "table", "schema", "columns", "unique"], "an index");
    const name = nameOf(given.name, "an index"), what = `the index \`${name}\``;
    native.createIndex({
      name, table: tableName({ table: given.table, schema: given.schema }, what), columns: namesOf(given.columns, `\`columns\` of ${what}`),
      unique: flagOf(given.unique, "unique", what),
    });
  },
  dropIndex(table, index) { native.dropIndex(tableName(table), nameOf(index, "an index")); },
});
