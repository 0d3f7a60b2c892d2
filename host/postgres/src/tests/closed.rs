//! The tool's own objects are a closed set: what is in its schemas, or attached to its tables, and is not its own is found by name; and
//! what a migration adds, changes or drops there is found before it commits.

use super::hostile::{Field, MIGRATION, Way, attack};
use super::*;
use runner_database::DatabaseErrorKind;

/// The tables of the gate, without its functions but for one.
const GATE: &str = "CREATE SCHEMA runner_gate; \
    CREATE TABLE runner_gate.ticket (token_sha256 bytea PRIMARY KEY, opened_at timestamptz NOT NULL DEFAULT pg_catalog.now()); \
    CREATE TABLE runner_gate.underway (xid xid8 PRIMARY KEY, sealed boolean NOT NULL); \
    CREATE FUNCTION runner_gate.guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
    CREATE CONSTRAINT TRIGGER guard AFTER INSERT ON runner_gate.underway DEFERRABLE INITIALLY DEFERRED \
        FOR EACH ROW EXECUTE FUNCTION runner_gate.guard()";

#[tokio::test]
async fn what_others_attach_to_the_tools_tables_is_found_before_it_runs() {
    for (make, name) in [
        (
            "CREATE TRIGGER t BEFORE INSERT ON runner.runner_repair FOR EACH ROW EXECUTE FUNCTION sets()",
            "the trigger `t on runner.runner_repair`",
        ),
        (
            "CREATE RULE r AS ON UPDATE TO runner.runner_repair DO ALSO SELECT hack()",
            "the rule `r on runner.runner_repair`",
        ),
        ("CREATE POLICY p ON runner.runner_repair USING (true)", "the policy `p on runner.runner_repair`"),
        ("CREATE INDEX i ON runner.runner_repair (abs(id))", "the index `runner.i`"),
        ("CREATE INDEX i ON runner.runner_repair (id) WHERE id > 0", "the index `runner.i`"),
        (
            "ALTER TABLE runner.runner_repair ALTER state SET DEFAULT hack()::text",
            "the default value `for runner.runner_repair.state`, which needs the function `public.hack()`",
        ),
        (
            "ALTER TABLE runner.runner_repair ADD CONSTRAINT c CHECK (lies(id) = id) NOT VALID",
            "the table constraint `c on runner.runner_repair`, which needs the function",
        ),
        ("CREATE TABLE heir () INHERITS (runner.runner_repair)", "the table `public.heir`"),
        ("CREATE STATISTICS runner.s ON (lies(id)) FROM runner.runner_repair", "the statistics object `runner.s`"),
        (
            "CREATE DOMAIN d AS text; ALTER TABLE runner.runner_repair ALTER state TYPE d",
            "the table `runner.runner_repair`, which needs the type `public.d`",
        ),
        (
            "DROP TABLE runner.runner_repair; CREATE VIEW runner.runner_repair AS SELECT hack() AS id, '' AS state",
            "runner.runner_repair`",
        ),
        (
            "CREATE TABLE child (id int REFERENCES runner.runner_repair ON DELETE CASCADE)",
            "the table constraint `child_id_fkey on public.child`",
        ),
        (
            "CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1); \
             ALTER TABLE runner.runner_repair ADD FOREIGN KEY (id) REFERENCES parent",
            "on runner.runner_repair`",
        ),
        (
            "CREATE TABLE parent (id int NOT NULL, state text); ALTER TABLE runner.runner_repair INHERIT parent",
            "the table `runner.runner_repair`, which needs the table `public.parent`",
        ),
        ("CREATE DOMAIN runner.runner_lease AS int", "the type `runner.runner_lease`"),
        ("CREATE TYPE runner.runner_lease AS ENUM ('a')", "the type `runner.runner_lease`"),
        ("CREATE FUNCTION runner.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "the function `runner.f()`"),
        ("CREATE SEQUENCE runner.s", "the sequence `runner.s`"),
        ("CREATE TABLE runner.runner_other (id int)", "the table `runner.runner_other`"),
        ("ALTER DEFAULT PRIVILEGES IN SCHEMA runner GRANT ALL ON TABLES TO PUBLIC", "the default acl `for role"),
        (
            "ALTER TABLE runner_gate.ticket ALTER opened_at SET DEFAULT timeofday()::timestamptz + hack() * interval '1'",
            "the default value `for runner_gate.ticket.opened_at`, which needs the function `public.hack()`",
        ),
        (
            "ALTER TABLE runner_gate.underway ADD CHECK (lies(1) = 1 AND sealed) NOT VALID",
            "the table constraint `underway_sealed_check on runner_gate.underway`",
        ),
        ("CREATE INDEX i ON runner_gate.ticket (lies(length(token_sha256)))", "the index `runner_gate.i`"),
        ("CREATE TABLE heir () INHERITS (runner_gate.ticket)", "the table `public.heir`"),
        ("ALTER EXTENSION plpgsql ADD TABLE runner.runner_history", "which needs the extension `plpgsql`"),
        ("ALTER EXTENSION plpgsql ADD SCHEMA runner_gate", "which needs the extension `plpgsql`"),
        ("ALTER FUNCTION runner_gate.guard() DEPENDS ON EXTENSION plpgsql", "which needs the extension `plpgsql`"),
    ] {
        let field = Field::new().await;
        field.fresh.sql(&own_extension(&field));
        // Before 14, statistics are of columns alone.
        if make.starts_with("CREATE STATISTICS") && !since(&field.fresh, 14) {
            continue;
        }
        field.fresh.client().as_user(&field.user, "").sql(&format!("{GATE}; {make}"));
        let forged = || field.fresh.value("SELECT count(*) FROM runner.runner_history WHERE state = 'forged'");
        let mut database = field.open().await;
        let database = database.as_mut();
        let change = ToolChange::of_one_row("UPDATE @.runner_repair SET state = ?1 WHERE id = 1", ["x".into()]);
        let errors = [
            database.execute("SELECT state FROM \"runner\".runner_repair", &[]).await.err(),
            database.probe(&["SELECT state FROM \"runner\".runner_repair".to_owned()]).await.err(),
            database.begin(MIGRATION).await.err(),
            database.commit(UnitOfWork::Apart(&[change])).await.result().err(),
        ];
        for error in errors {
            let error = error.unwrap_or_else(|| panic!("{make} went unnoticed"));
            assert_eq!(error.kind, DatabaseErrorKind::Denied, "{make}: {error}");
            assert!(error.message.contains(name), "{make}: {error}");
            assert!(error.hint.is_some(), "{error:?}");
        }
        assert_eq!(forged(), "0", "{make}");
    }
}

/// Makes an extension that every database has the attacker's.
fn own_extension(field: &Field) -> String {
    format!("UPDATE pg_extension SET extowner = '{}'::regrole WHERE extname = 'plpgsql'", field.user)
}

/// What watches the history, publishes it or copies it does not change it.
#[tokio::test]
async fn what_only_reads_the_tools_tables_is_left_alone() {
    let field = Field::new().await;
    let mut make = format!(
        "{GATE}; CREATE VIEW watched AS SELECT state FROM runner.runner_history; \
         CREATE MATERIALIZED VIEW seen AS SELECT count(*) FROM runner.runner_history; \
         CREATE POLICY p ON a USING (EXISTS (SELECT FROM runner.runner_meta)); \
         CREATE PUBLICATION p FOR TABLE runner.runner_history; \
         CREATE FUNCTION first(runner.runner_history) RETURNS int LANGUAGE sql AS 'SELECT 1'; \
         GRANT SELECT ON runner.runner_history TO PUBLIC"
    );
    if since(&field.fresh, 14) {
        make.push_str(
            "; CREATE FUNCTION all_of_it() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM runner.runner_history; END",
        );
    }
    field.fresh.client().as_user(&field.user, "").sql(&make);
    // Even where sequences of identity columns number the rows, as older builds made them.
    field.fresh.sql("ALTER TABLE runner.runner_repair ALTER id ADD GENERATED BY DEFAULT AS IDENTITY");
    let mut database = field.open().await;
    for way in [Way::Finish, Way::Commit, Way::Alone] {
        let granted = "DO $$ BEGIN EXECUTE 'GRANT USAGE ON SCHEMA run' || 'ner_gate TO pg_monitor'; END $$";
        for harmless in ["INSERT INTO a VALUES (1)", "ANALYZE", "SELECT count(*) FROM watched, seen", granted] {
            attack(database.as_mut(), harmless, Role::SqlScript, way).await.expect(harmless);
        }
    }
}

/// Also where another transaction holds what the host itself has changed before, and where the change takes no lock at all.
#[tokio::test]
async fn what_a_migration_changes_in_the_schemas_is_found_before_it_commits() {
    let field = Field::new().await;
    field.fresh.client().as_user(&field.user, "").sql(GATE);
    field.fresh.sql("ALTER TABLE runner.runner_repair ALTER id ADD GENERATED BY DEFAULT AS IDENTITY (START 5)");
    field.fresh.sql(&own_extension(&field));
    let before = field.state();
    for change in [
        "ALTER DEFAULT PRIVILEGES IN SCHEMA run''ner GRANT ALL ON TABLES TO PUBLIC",
        "CREATE DOMAIN run''ner.runner''_lease AS int",
        "CREATE FUNCTION run''ner.f() RETURNS int LANGUAGE sql AS $f$SELECT 1$f$",
        "ALTER INDEX run''ner.runner''_history_pkey RENAME TO gone",
        "ALTER INDEX run''ner.runner''_history_pkey SET (fillfactor = 70)",
        "GRANT SELECT (id) ON run''ner.runner''_history TO PUBLIC",
        "GRANT USAGE ON SCHEMA run''ner TO PUBLIC",
        "SELECT setval((''run''ner.runner''_repair_id_seq'')::regclass, 7)",
        "SELECT nextval((''run''ner.runner''_repair_id_seq'')::regclass)",
        "ALTER SEQUENCE run''ner.runner''_repair_id_seq MAXVALUE 100000",
        "ALTER TABLE run''ner_gate.ticket ALTER opened_at SET DEFAULT now() + hack() * interval $i$1s$i$",
        "ALTER TABLE run''ner_gate.underway ADD CHECK (lies(1) = 1) NOT VALID",
        "CREATE INDEX ON run''ner_gate.ticket (lies(1))",
        "CREATE TABLE heir () INHERITS (run''ner_gate.ticket)",
        "CREATE OR REPLACE FUNCTION run''ner_gate.guard() RETURNS trigger LANGUAGE plpgsql AS $f$BEGIN RETURN NEW; END$f$",
        "INSERT INTO run''ner_gate.ticket VALUES ($b$\\x00$b$)",
        "ALTER TABLE run''ner_gate.underway DISABLE TRIGGER guard",
        "ALTER FUNCTION run''ner_gate.guard() STRICT",
        "ALTER FUNCTION run''ner_gate.guard() SET search_path = public",
        "ALTER EXTENSION plpgsql ADD SCHEMA run''ner",
        "ALTER EXTENSION plpgsql ADD SCHEMA run''ner_gate",
        "ALTER EXTENSION plpgsql ADD TABLE run''ner.runner''_history",
        "ALTER EXTENSION plpgsql ADD FUNCTION run''ner_gate.guard()",
    ] {
        // The names are put together on the server.
        let text = change.replace("''", "~").replace("(~", "('").replace("~)", "')");
        let statement = format!("DO $x$ BEGIN EXECUTE replace($y${text}$y$, '~', ''); END $x$");
        for role in [Role::SqlScript, Role::Component] {
            for way in [Way::Finish, Way::Commit, Way::Alone] {
                let mut database = field.open().await;
                let error = attack(database.as_mut(), &statement, role, way).await.err();
                let error = error.unwrap_or_else(|| panic!("{role:?} {way:?} {text} went unnoticed"));
                assert_eq!(error.kind, DatabaseErrorKind::Denied, "{role:?} {way:?} {text}: {error}");
                assert_eq!(field.state(), before, "{role:?} {way:?} {text}");
            }
        }
    }
}

/// It has committed by then, so that it can only be reported.
#[tokio::test]
async fn what_a_statement_without_a_transaction_changes_about_the_gate_is_found() {
    for change in [
        "ALTER TABLE run''ner_gate.underway DISABLE TRIGGER guard",
        "ALTER TABLE run''ner_gate.underway ENABLE ALWAYS TRIGGER guard",
        "ALTER FUNCTION run''ner_gate.guard() STRICT",
    ] {
        let field = Field::new().await;
        field.fresh.client().as_user(&field.user, "").sql(GATE);
        let mut database = field.open().await;
        let statement = format!("DO $x$ BEGIN EXECUTE replace($y${change}$y$, '''''', ''); COMMIT; END $x$");
        let error = attack(database.as_mut(), &statement, Role::SqlScript, Way::Alone).await.err();
        let error = error.unwrap_or_else(|| panic!("{change} went unnoticed"));
        assert!(error.kind == DatabaseErrorKind::Denied && error.has_run(), "{change}: {error}");
    }
}
