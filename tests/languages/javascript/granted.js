// Changes of the schema that are told as parameters, for the tests of grants.
import { log, parameter, schema } from "runner-guest";

export const description = "changes that are told";

function create(table, other) {
  const columns = [{ name: "id", type: "int64", identity: true }, { name: "label", type: schema.varchar(50) }];
  const foreignKeys = [];
  if (other !== undefined) {
    columns.push({ name: "other", type: "int64" });
    foreignKeys.push({ columns: ["other"], references: other, referenced: ["id"] });
  }
  schema.createTable({ table, columns, primaryKey: ["id"], foreignKeys });
}

const CHANGES = {
  create,
  drop: schema.dropTable,
  rename: schema.renameTable,
  add: (table, name) => schema.addColumn(table, { name, type: "text" }),
  remove: schema.dropColumn,
  call: schema.renameColumn,
  index: (table, name, column) => schema.createIndex({ name, table, columns: [column] }),
  unindex: schema.dropIndex,
};

export function upgrade() {
  for (const line of parameter("changes").split("\n")) {
    const [name, ...words] = line.replace(/^\?/, "").split("|");
    try {
      CHANGES[name](...words);
    } catch (error) {
      if (!line.startsWith("?")) throw error;
      log.info(`refused: ${line}: ${error.kind}`);
    }
  }
}
