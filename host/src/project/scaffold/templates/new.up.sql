-- runner:summary {{summary}}
--
-- Put your statements in the place of the example. One transaction holds them all: leave BEGIN and COMMIT out.
-- Other lines that may stand here at the top, like the first one:
--   `-- runner:no-transaction`        every statement commits by itself (VACUUM, CREATE INDEX CONCURRENTLY)
--   `-- runner:table-rebuild`         SQLite: rebuild a table that others refer to
--   `-- runner:depends-on REVISION`   has to be applied before
--   `-- runner:irreversible`          there is no downgrade; delete the `.down.sql`
--   `-- runner:parameters`            `${NAME}` stands for a parameter of `runner.toml`

CREATE TABLE {{name}}_items (
    id INTEGER NOT NULL PRIMARY KEY,
    name VARCHAR(200) NOT NULL
);
