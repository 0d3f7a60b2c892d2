-- runner:summary {{summary}}
--
-- Replace the example with your statements. They run in one transaction, so omit BEGIN and COMMIT.
-- Other directives that can be set at the top:
--   `-- runner:no-transaction`        each statement commits on its own (VACUUM, CREATE INDEX CONCURRENTLY)
--   `-- runner:table-rebuild`         SQLite: rebuild a table that others reference
--   `-- runner:depends-on REVISION`   must be applied first
--   `-- runner:irreversible`          there is no downgrade; delete the `.down.sql`
--   `-- runner:parameters`            `${NAME}` is replaced by a parameter of `runner.toml`

CREATE TABLE {{name}}_items (
    id INTEGER NOT NULL PRIMARY KEY,
    name VARCHAR(200) NOT NULL
);
