//! What a component could do because everybody can, on PostgreSQL: the server is asked what its login can really do, and whatever
//! goes past the grants ends the run before the component, with the statement that takes it away.

use runner_tests::servers::{Kind, Server};

use super::logins::Field;

const COPY: &str = "allow = ['read people(id, name)', 'insert copies']\nraw_sql = true";

/// What the owner gives to everybody, how it is named, and what takes it away; `~` is the host.
const OPENED: &[(&str, &str, &str)] = &[
    (
        "GRANT SELECT, DELETE ON others TO PUBLIC",
        "every role has DELETE, SELECT on TABLE \"public\".\"others\"",
        "REVOKE DELETE, SELECT ON TABLE \"public\".\"others\" FROM PUBLIC",
    ),
    (
        "GRANT SELECT (card), UPDATE (name) ON people TO PUBLIC",
        "every role has SELECT (\"card\"), UPDATE (\"name\") on TABLE \"public\".\"people\"",
        "REVOKE SELECT (\"card\"), UPDATE (\"name\") ON TABLE \"public\".\"people\" FROM PUBLIC",
    ),
    (
        "GRANT SELECT ON people TO PUBLIC",
        "every role has SELECT on TABLE \"public\".\"people\"",
        "REVOKE SELECT ON TABLE \"public\".\"people\" FROM PUBLIC",
    ),
    (
        "GRANT SELECT ON cards TO PUBLIC",
        "every role has SELECT on TABLE \"public\".\"cards\"",
        "REVOKE SELECT ON TABLE \"public\".\"cards\" FROM PUBLIC",
    ),
    (
        "CREATE MATERIALIZED VIEW seen AS SELECT card FROM people; GRANT SELECT ON seen TO PUBLIC",
        "every role has SELECT on TABLE \"public\".\"seen\"",
        "DROP MATERIALIZED VIEW seen",
    ),
    (
        "GRANT UPDATE ON SEQUENCE others_id_seq TO PUBLIC",
        "every role has UPDATE on SEQUENCE \"public\".\"others_id_seq\"",
        "REVOKE UPDATE ON SEQUENCE \"public\".\"others_id_seq\" FROM PUBLIC",
    ),
    (
        "CREATE FUNCTION opens(text) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT secret FROM others'",
        "every role has EXECUTE on FUNCTION \"public\".\"opens\"(text)",
        "REVOKE EXECUTE ON FUNCTION \"public\".\"opens\"(text) FROM PUBLIC",
    ),
    (
        "SELECT lo_create(4711); GRANT UPDATE ON LARGE OBJECT 4711 TO PUBLIC",
        "every role has UPDATE on LARGE OBJECT 4711",
        "REVOKE UPDATE ON LARGE OBJECT 4711 FROM PUBLIC",
    ),
    (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT INSERT ON TABLES TO PUBLIC",
        "every role has INSERT on each table that `~` creates in the schema `public`",
        "ALTER DEFAULT PRIVILEGES FOR ROLE ~ IN SCHEMA public REVOKE INSERT ON TABLES FROM PUBLIC",
    ),
    (
        "ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO PUBLIC",
        "every role has USAGE on each sequence that `~` creates",
        "ALTER DEFAULT PRIVILEGES FOR ROLE ~ REVOKE USAGE ON SEQUENCES FROM PUBLIC",
    ),
    (
        "GRANT SELECT ON runner.runner_history TO PUBLIC",
        "every role has SELECT on TABLE \"runner\".\"runner_history\"",
        "REVOKE SELECT ON TABLE \"runner\".\"runner_history\" FROM PUBLIC",
    ),
];

#[test]
fn what_everybody_can_do_past_the_grants_ends_the_run() {
    let field = Field::new();
    field.grants(COPY).sync();
    let as_host = |text: &str| drop(field.database().client().as_user(field.host(), "host").sql(text));
    // What it may read anyway, or cannot call.
    as_host(
        "GRANT SELECT (name) ON people TO PUBLIC; \
         CREATE FUNCTION own(text) RETURNS text LANGUAGE sql AS 'SELECT 1::text'; \
         CREATE FUNCTION takes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NULL; END'",
    );
    field.run("grants list", &[]).succeeds().prints(&["0002_granted  in line"]);
    for (open, what, remedy) in OPENED {
        let (what, remedy) = (what.replace('~', field.host()), remedy.replace('~', field.host()));
        as_host(open);
        let before = field.state();
        field.run("apply", &["statements=SELECT * FROM others"]).exits(7).says(&["more than they are granted", &what]);
        field.run("apply --dry-run", &["transform=true"]).exits(7).says(&[&what]);
        field.run("grants sync", &[]).exits(7).says(&[&what]);
        field.run("grants list", &[]).succeeds().prints(&["0002_granted  not in line", &what]);
        field.run("plan", &[]).succeeds().says(&[&what]);
        field.run("doctor", &[]).exits(7).prints(&[&what]);
        if remedy.contains("PUBLIC") {
            field.run("apply", &["transform=true"]).exits(7).says(&[&format!("hint: run `{remedy}`")]);
        }
        assert_eq!(field.state(), before, "{open}");
        as_host(&remedy);
        field.run("grants list", &[]).succeeds().prints(&["0002_granted  in line"]);
    }
    field.run("apply", &["transform=true"]).succeeds();
}

/// Rights that the server does not come with, on its own objects.
#[test]
fn what_everybody_can_do_with_the_servers_own_objects_ends_the_run() {
    // Rights on settings are those of all databases.
    let server = Server::private(Kind::Postgres).start();
    let field = Field::on(&server);
    field.grants(COPY).sync();
    let database = field.database();
    let login = field.login();
    let mut opened = vec![
        (
            "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO PUBLIC",
            "every role has EXECUTE on FUNCTION \"pg_catalog\".\"pg_read_file\"(text)",
        ),
        ("GRANT SELECT ON pg_authid TO PUBLIC", "every role has SELECT on TABLE \"pg_catalog\".\"pg_authid\""),
        (
            "GRANT SELECT (rolpassword) ON pg_authid TO PUBLIC",
            "every role has SELECT (\"rolpassword\") on TABLE \"pg_catalog\".\"pg_authid\"",
        ),
        (
            "CREATE VIEW information_schema.shown AS SELECT * FROM public.others; GRANT SELECT ON information_schema.shown TO PUBLIC",
            "every role has SELECT on TABLE \"information_schema\".\"shown\"",
        ),
        (
            "CREATE FUNCTION information_schema.tells() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT secret FROM public.others'",
            "every role has EXECUTE on FUNCTION \"information_schema\".\"tells\"()",
        ),
    ];
    let of_login = format!("GRANT SET ON PARAMETER session_replication_role TO {login}");
    if database.value("SELECT to_regclass('pg_parameter_acl') IS NOT NULL") == "t" {
        opened.push((
            "GRANT SET ON PARAMETER session_replication_role TO PUBLIC",
            "every role has SET on PARAMETER session_replication_role",
        ));
        opened.push((&of_login, "SET ON PARAMETER session_replication_role"));
    }
    for (open, what) in opened {
        database.sql(open);
        let before = field.state();
        let refused = field.run("apply", &["transform=true"]);
        let state = field.state();
        database.sql(&match open.split(';').next().unwrap_or_default() {
            view if view.starts_with("CREATE VIEW") => "DROP VIEW information_schema.shown".to_owned(),
            function if function.starts_with("CREATE") => "DROP FUNCTION information_schema.tells()".to_owned(),
            grant => grant.replace("GRANT", "REVOKE").replace(" TO ", " FROM "),
        });
        let remedy = if open == of_login { "grants sync" } else { "REVOKE" };
        refused.exits(7).says(&[what, remedy]);
        assert_eq!(state, before, "{open}");
    }
    field.run("apply", &["transform=true"]).succeeds();
}

/// A migration of the same run opens it, by a grant or by what it creates; the component does not begin.
#[test]
fn what_an_earlier_migration_opens_is_seen_when_the_session_opens() {
    let field = Field::new();
    field.grants(COPY).sync();
    let login = field.login();
    let up = field.project().read("migrations/0001_people.up.sql");
    std::fs::rename(
        field.project().file("migrations/0002_granted.wasm"),
        field.project().file("migrations/0003_granted.wasm"),
    )
    .unwrap();
    field.run("build", &[]);
    field.project().write("runner.toml", format!("{}[grants.0003_granted]\n{COPY}\n", super::logins::PROJECT));
    field.sync();
    assert!(!up.is_empty() && !login.is_empty());
    for (open, close, what) in [
        ("GRANT DELETE ON others TO PUBLIC;", "REVOKE DELETE ON others FROM PUBLIC", "every role has DELETE on TABLE"),
        (
            "CREATE VIEW shown AS SELECT secret FROM others; GRANT SELECT ON shown TO PUBLIC;",
            "DROP VIEW shown",
            "every role has SELECT on TABLE \"public\".\"shown\"",
        ),
    ] {
        field.project().sql("0002_opens", open, &format!("{close};"));
        field.run("apply", &["transform=true"]).exits(7).says(&["0003_granted", what, "REVOKE"]);
        let applied = "SELECT string_agg(revision, ' ' ORDER BY id) FROM runner.runner_history WHERE active = 1";
        assert_eq!(field.database().value(applied), "0001 0002");
        field.run("apply --dry-run", &["transform=true"]).exits(7).says(&[what]);
        field.run("rollback", &[]).succeeds();
        field.run("apply --dry-run", &["transform=true"]).exits(7).says(&[what]);
    }
    std::fs::remove_file(field.project().file("migrations/0002_opens.up.sql")).unwrap();
    std::fs::remove_file(field.project().file("migrations/0002_opens.down.sql")).unwrap();
    field.run("apply", &["transform=true"]).succeeds();
}
