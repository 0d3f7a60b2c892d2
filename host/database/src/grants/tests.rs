use super::*;

fn grants(lines: &[&str]) -> Grants {
    Grants { tables: lines.iter().map(|line| line.parse().expect(line)).collect(), ..Grants::default() }
}

fn need(verb: Verb, table: &str, columns: Touched) -> Need {
    Need::Table { verb, table: TableName::new(table), columns }
}

fn column(name: &str) -> Touched {
    Touched::Column(name.to_owned())
}

#[test]
fn each_verb_allows_itself_alone() {
    for verb in Verb::ALL {
        let one = grants(&[&format!("{verb} t")]);
        for other in Verb::ALL {
            for columns in [Touched::Table, column("c"), Touched::EveryColumn] {
                let needed = need(other, "t", columns);
                assert_eq!(one.allow(&needed, Dialect::Sqlite), verb == other, "{verb}: {needed:?}");
                assert!(!Grants::default().allow(&needed, Dialect::Sqlite), "{needed:?}");
            }
            assert!(!one.allow(&need(other, "u", Touched::Table), Dialect::Sqlite), "{verb}, {other}");
        }
    }
}

#[test]
fn columns_restrict_a_grant() {
    for verb in [Verb::Read, Verb::Insert, Verb::Update] {
        let some = grants(&[&format!("{verb} t(a, b)")]);
        for (columns, allowed) in [
            (column("a"), true),
            (column("B"), true),
            (column("c"), false),
            (Touched::Table, true),
            (Touched::EveryColumn, false),
        ] {
            assert_eq!(some.allow(&need(verb, "t", columns.clone()), Dialect::Sqlite), allowed, "{verb} {columns:?}");
        }
        assert!(!some.allow(&need(verb, "t", column("B")), Dialect::Postgres), "names differ in case there");
    }
    for verb in [Verb::Delete, Verb::Alter, Verb::Create, Verb::Drop] {
        let error = format!("{verb} t(a)").parse::<Grant>().expect_err("whole rows or tables");
        assert_eq!(error.kind, DatabaseErrorKind::Configuration, "{error}");
    }
}

#[test]
fn a_grant_is_covered_by_those_that_allow_all_of_it() {
    let granted = grants(&["read t(a)", "read t(b, c)", "insert outbox_*", "create u"]);
    for (wanted, covered) in [
        ("read t(a, c)", true),
        ("read t(a, d)", false),
        ("read t", false),
        ("read T(A)", true),
        ("insert outbox_events", true),
        ("insert outbox_events(a)", true),
        ("insert outbox_e*", true),
        ("insert outbox", false),
        ("insert *", false),
        ("create u", true),
        ("create u*", false),
        ("drop u", false),
        ("create s.u", false),
    ] {
        assert_eq!(granted.cover(&wanted.parse().expect(wanted)), covered, "{wanted}");
    }
}

#[test]
fn a_table_of_the_schema_in_which_a_component_works_may_be_named_with_it() {
    for (granted, wanted, schema, covered) in [
        ("read t", "read public.t", "public", true),
        ("read public.t", "read t(a)", "public", true),
        ("read public.*", "read t", "public", true),
        ("read MAIN.t", "read t", "main", true),
        ("read other.t", "read t", "public", false),
        ("read t", "read other.t", "public", false),
        ("read public.t", "read t", "app", false),
        ("read t", "read public.t", "app", false),
        ("read public.t", "read public.t", "app", true),
        ("read *", "read public.t", "public", true),
        ("read *", "read other.t", "public", false),
    ] {
        let wanted: Grant = wanted.parse().expect(wanted);
        assert_eq!(
            grants(&[granted]).within(schema).cover(&wanted.within(schema)),
            covered,
            "{granted} and {wanted} in {schema}"
        );
    }
}

#[test]
fn a_prefix_is_a_prefix_of_the_name() {
    let prefix = grants(&["create outbox_*"]);
    for (table, allowed) in
        [("outbox_a", true), ("OUTBOX_", true), ("outbox", false), ("my_outbox_a", false), ("é", false)]
    {
        assert_eq!(prefix.allow(&need(Verb::Create, table, Touched::Table), Dialect::Sqlite), allowed, "{table}");
    }
    let all = grants(&["read *"]);
    assert!(all.allow(&need(Verb::Read, "anything", column("c")), Dialect::Sqlite));
    let elsewhere = Need::Table {
        verb: Verb::Read,
        table: TableName { schema: Some("other".to_owned()), name: "t".to_owned() },
        columns: Touched::Table,
    };
    assert!(!all.allow(&elsewhere, Dialect::Sqlite), "another schema has to be named");
    assert!(grants(&["read other.*"]).allow(&elsewhere, Dialect::Sqlite));
}

#[test]
fn grants_are_listed_as_they_are_written() {
    let some = grants(&["read out*", "update t(a)", "insert *"]);
    let functions = ["random".to_owned()].into();
    let lines: Vec<String> = Grants { functions, ..some }.lines().collect();
    assert_eq!(lines, ["read out*", "update t(a)", "insert *", "function random"]);
}

#[test]
fn a_grant_is_read_as_it_is_written() {
    for line in [
        "read customers",
        "read customers(email, id)",
        "update public.customers(email)",
        "insert \"odd name\"",
        "delete \"a\"\"b\".c",
        "create outbox_*",
        "drop \"out box\"*",
        "read *",
        "alter naïve$1",
    ] {
        assert_eq!(line.parse::<Grant>().expect(line).to_string(), line);
    }
    assert_eq!(" read  t ( b ,a ) ".parse::<Grant>().expect("spaces").to_string(), "read t(a, b)");
    for line in [
        "",
        "read",
        "read ",
        "reed t",
        "READ t",
        "read t()",
        "read t(",
        "read t)",
        "read t(a,,b)",
        "read t(a b)",
        "read t u",
        "read a.b.c",
        "read \"t",
        "read \"\"",
        "read t; drop u",
        "read t(a) x",
        "read .t",
        "read t(*)",
    ] {
        let error = line.parse::<Grant>().expect_err(line);
        assert_eq!(error.kind, DatabaseErrorKind::Configuration, "{line}: {error}");
        assert!(error.hint.is_some(), "{line}: {error}");
    }
    let error = "reed t".parse::<Grant>().expect_err("a typo");
    assert_eq!(error.hint.as_deref(), Some("did you mean `read`?"));
}

#[test]
fn a_denial_states_the_grant_to_add() {
    for (needed, line) in [
        (need(Verb::Read, "customers", column("email")), "read customers(email)"),
        (need(Verb::Read, "customers", Touched::Table), "read customers"),
        (need(Verb::Insert, "out box", Touched::EveryColumn), "insert \"out box\""),
        (need(Verb::Create, "t", Touched::Table), "create t"),
        (Need::Function("random".to_owned()), "function random"),
    ] {
        let error = needed.denied(Some("v"));
        assert_eq!(error.kind, DatabaseErrorKind::Denied);
        assert_eq!(error.detail, Some(format!("missing grant: {line}")));
        assert!(error.message.contains("through `v`"), "{error}");
        if let Ok(grant) = line.parse::<Grant>() {
            let granted = Grants { tables: vec![grant], ..Grants::default() };
            assert!(granted.allow(&needed, Dialect::Sqlite), "{line} is enough");
        }
    }
    assert!(Grants::default().check_raw_sql().is_err());
    assert!(Grants { raw_sql: true, ..Grants::default() }.check_raw_sql().is_ok());
}
