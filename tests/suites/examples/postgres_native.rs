use runner_tests::{Engine, EngineProject, servers};

use super::example;

pub const NAME: &str = "postgres-native";

/// The row-level security of the tenants.
fn row_security(project: &EngineProject) -> Vec<String> {
    let tables = "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = 'contacts'";
    let policies =
        "SELECT policyname, permissive, roles, cmd, qual, with_check FROM pg_policies WHERE tablename = 'contacts'";
    [project.rows(tables), project.rows(policies)].concat()
}

#[test]
fn applies_and_rolls_back_and_applies() {
    let project = example(NAME, Engine::Postgres);
    crate::examples::applies_and_rolls_back_and_applies(&project);

    let tag = |contact: u32| {
        project.rows(&format!("SELECT tag FROM contact_tags WHERE contact_id = {contact} ORDER BY position"))
    };
    assert_eq!(tag(2), ["new york", "vip"]);
    assert_eq!(tag(3), ["a, b", "say \"hello\"", "back\\slash", "{braces}"]);
    assert_eq!(tag(7), Vec::<String>::new());
    let third = "SELECT coalesce(tag, 'none'), tag IS NULL FROM contact_tags WHERE contact_id = 4 ORDER BY position";
    assert_eq!(project.rows(third), ["NULL|f", "none|t", "|f", " |f"]);

    let contact = |id: u32| {
        project.value(&format!("SELECT street, postcode, city, country, profile FROM contacts WHERE id = {id}"))
    };
    assert_eq!(contact(1), "1 Main St|NULL|Springfield|NULL|{}");
    assert_eq!(contact(2), "Ringstraße 2|1010|Wien|AT|{\"address\": {\"floor\": 2}}");
    // A numeric postcode could not be converted back to text.
    assert_eq!(
        contact(3),
        "NULL|NULL|NULL|NULL|{\"score\": 1.10, \"address\": {\"city\": \"Wien\", \"postcode\": 1010}}"
    );

    let states = "SELECT string_agg(enumlabel, ' ' ORDER BY enumsortorder) FROM pg_enum";
    assert_eq!(project.value(states), "lead paused customer");
    assert_eq!(project.value("SELECT name_key FROM contacts WHERE id = 9"), "contact 9");
    let refused = project.server_database().client().try_sql("UPDATE contacts SET email = 'nowhere' WHERE id = 1");
    assert!(refused.unwrap_err().contains("email_address"));
    let indexes = "SELECT c.relname, am.amname, i.indisvalid, i.indpred IS NOT NULL FROM pg_index i \
                   JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam \
                   WHERE c.relname LIKE 'contacts\\__%' AND NOT i.indisprimary ORDER BY 1";
    assert_eq!(
        project.rows(indexes),
        ["contacts_by_name|btree|t|f", "contacts_by_profile|gin|t|f", "contacts_paused|btree|t|t",]
    );
    assert_eq!(project.value("SELECT count(*) FROM visits"), "20001");
    assert_eq!(
        project.rows("SELECT relid FROM pg_partition_tree('visits') WHERE isleaf ORDER BY 1"),
        ["visits_2025", "visits_2026"]
    );
}

#[test]
fn tenants_stay_isolated_and_all_are_migrated() {
    let project = example(NAME, Engine::Postgres);
    project.runner("apply --target create_contact_tags").succeeds();
    let before = row_security(&project);
    assert_eq!(before[0], "contacts|t|t");
    let tags = "SELECT tenant_id, sum(cardinality(tags)) FROM contacts GROUP BY 1 ORDER BY 1";
    let counted = project.rows(tags);
    project.runner("apply").succeeds();
    assert_eq!(row_security(&project), before);
    assert_eq!(project.rows("SELECT tenant_id, count(*) FROM contact_tags GROUP BY 1 ORDER BY 1"), counted);
    assert_eq!(counted.len(), 3);

    // What an application sees that serves tenant 2.
    let role = format!("{}_app", project.server_database().name());
    let seen = project.rows(&format!(
        "BEGIN; CREATE ROLE {role}; GRANT SELECT ON contacts, contact_tags TO {role}; SET LOCAL ROLE {role}; \
         SET LOCAL app.tenant = '2'; SELECT DISTINCT tenant_id FROM contacts; \
         SELECT DISTINCT tenant_id FROM contact_tags; ROLLBACK"
    ));
    assert_eq!(seen, ["2", "2"]);
    project.runner("rollback --target create_contact_tags").succeeds();
    assert_eq!(row_security(&project), before);
    assert_eq!(project.rows(tags), counted);
}

#[test]
fn a_role_that_sees_no_rows_is_refused() {
    let server = servers::Server::private(servers::Kind::Postgres).start();
    let database = server.database();
    database.sql(&format!(
        "CREATE ROLE owner LOGIN; GRANT CREATE ON DATABASE {} TO owner; GRANT ALL ON SCHEMA public TO owner",
        database.name()
    ));
    let url = database.url_as("owner", "");
    let mut project = example(NAME, Engine::Sqlite);
    project.by(&url);
    project.runner("apply --target add_state_paused").succeeds();
    let leads = "SELECT count(*) FROM contacts WHERE state = 'lead'";
    let before = database.value(leads);
    project.runner("apply --target next").exits(7).says(&["row-level security policy"]);
    assert_eq!(database.value(leads), before);
    database.sql("ALTER ROLE owner BYPASSRLS");
    project.runner("apply").succeeds();
    assert_eq!(database.value("SELECT count(*) FROM contacts WHERE state = 'paused'"), "2389");
}

#[test]
fn an_array_that_rows_cannot_hold_is_refused_by_name() {
    let project = example(NAME, Engine::Postgres);
    project.runner("apply --target create_contact_tags").succeeds();
    for array in ["ARRAY[['a'], ['b']]", "'[0:0]={a}'"] {
        project.execute(&format!("UPDATE contacts SET tags = {array} WHERE id = 77"));
        project.runner("apply --target next").exits(1).says(&["contact 77: ", "left no changes"]);
        assert_eq!(project.value("SELECT count(*) FROM contact_tags"), "0");
    }
    project.execute("UPDATE contacts SET tags = '{a,b}' WHERE id = 77");
    project.runner("apply --target next").succeeds();
    assert_eq!(project.rows("SELECT tag FROM contact_tags WHERE contact_id = 77 ORDER BY position"), ["a", "b"]);
}
