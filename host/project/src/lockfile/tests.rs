use super::*;
use crate::files::open_root;
use crate::migration::{Mode, Need};
use crate::script::ScriptLanguage;
use crate::test_project::{TestProject, shown, shown_error};
use runner_base::error::ErrorKind;
use runner_database::{Dialect, Renames};

fn sql(texts: &[(Option<Dialect>, Option<&str>, Option<&str>)], stepwise: bool) -> LockedArtifact {
    let text = |text: Option<&str>| text.map(str::to_owned);
    let mut digests = SqlDigests { stepwise, ..SqlDigests::default() };
    for (dialect, up, down) in texts {
        *digests.texts.entry(*dialect) = TextDigests { up: text(*up), down: text(*down) };
    }
    LockedArtifact::Sql(digests)
}

fn sample() -> Lockfile {
    let component = ComponentDescription {
        description: Description {
            summary: "Says \"hi\"\n\\ and \u{1b}".to_owned(),
            depends_on: vec!["1".to_owned()],
            mode: Mode::Stepwise,
            dialects: vec![Dialect::Sqlite, Dialect::Mariadb],
            irreversible: true,
            needs: ["table-rebuild", "read *", "update users(email)", "limit fuel = 7"]
                .map(|need| Need::parse(need).expect(need))
                .to_vec(),
            ..Description::default()
        },
        transformer: true,
        world: "runner:migration/data-migration@0.1.0".to_owned(),
    };
    let line =
        |revision: &str, name: &str, artifact| LockLine { revision: revision.into(), name: name.into(), artifact };
    let artifact = LockedArtifact::Component {
        sha256: "cc".to_owned(),
        source: Some("5c".to_owned()),
        shared: [("../rules/src/lib.rs".to_owned(), "5d".to_owned()), ("data/".to_owned(), "5e".to_owned())].into(),
        description: component,
        assets: [("zones/eu west.csv".to_owned(), "dd".to_owned()), ("a.txt".to_owned(), "ee".to_owned())].into(),
    };
    let plain = LockedArtifact::Component {
        sha256: "ff".to_owned(),
        source: None,
        shared: BTreeMap::new(),
        description: ComponentDescription { world: "w".to_owned(), ..ComponentDescription::default() },
        assets: BTreeMap::new(),
    };
    let packaged = LockedArtifact::Component {
        sha256: "ab".to_owned(),
        source: None,
        shared: BTreeMap::new(),
        description: ComponentDescription { world: "w".to_owned(), ..ComponentDescription::default() },
        assets: BTreeMap::new(),
    };
    let script = LockedArtifact::Script {
        language: ScriptLanguage::Typescript,
        sha256: "5c".to_owned(),
        runtime: "0f".repeat(32),
        description: ComponentDescription {
            description: Description { time_zones: Some("2026f".to_owned()), ..Description::default() },
            world: "w".to_owned(),
            transformer: false,
        },
        files: [("lib/a.js".to_owned(), "aa".to_owned())].into(),
    };
    let package = |name: &str, key: Option<&str>| LockedPackage {
        name: PackageName::parse(name).expect(name),
        version: Version::parse("1.2.0").expect("a version"),
        sha256: "dd".to_owned(),
        key: key.map(str::to_owned),
        source: "../a \"b\".wasm".to_owned(),
        renames: Renames::parse(key.map(|_| ("out*", "a.\"o x\"*"))).expect("a rule"),
    };
    Lockfile {
        lines: vec![
            line("1", "create", sql(&[(None, Some("aa"), Some("bb"))], false)),
            line("02", "fill-in", sql(&[(None, Some("a2"), None)], true)),
            line("2.2", "a.b", sql(&[(None, None, Some("bb")), (Some(Dialect::Postgres), Some("p"), None)], false)),
            line("3", "", sql(&[(Some(Dialect::Sqlite), Some("s"), Some("t"))], false)),
            line("10", "change", artifact),
            line("11", "plain", plain),
            line("12", "acme/outbox:1", packaged),
            line("13", "tidy", script),
        ],
        packages: vec![package("acme/outbox", Some("RW+/=")), package("other/package", None)],
    }
}

#[test]
fn a_lockfile_round_trips() {
    let text = sample().render();
    assert_eq!(Lockfile::parse(&text, "runner.lock").expect("a lockfile"), (sample(), true));
    assert_eq!(Lockfile::parse(&text.replace('\n', "\r\n"), "runner.lock").expect("CRLF"), (sample(), true));
    let lines: Vec<&str> = text.lines().skip_while(|line| *line != "[artifacts]").skip(1).collect();
    assert_eq!(
        lines,
        [
            r#"1_create = { kind = "sql", sha256 = "aa", down = "bb" }"#,
            r#"02_fill-in = { kind = "sql", sha256 = "a2", mode = "stepwise" }"#,
            r#""2.2_a.b" = { kind = "sql", down = "bb", postgres = { up = "p" } }"#,
            r#"3 = { kind = "sql", sqlite = { up = "s", down = "t" } }"#,
            r#"10_change = { kind = "component", sha256 = "cc", source = "5c", shared = { "../rules/src/lib.rs" = "5d", "data/" = "5e" }, world = "runner:migration/data-migration@0.1.0", transformer = true, summary = "Says \"hi\"\u000A\\ and \u001B", mode = "stepwise", irreversible = true, depends_on = ["1"], dialects = ["sqlite", "mariadb"], needs = ["table-rebuild", "read *", "update users(email)", "limit fuel = 7"], assets = { "a.txt" = "ee", "zones/eu west.csv" = "dd" } }"#,
            r#"11_plain = { kind = "component", sha256 = "ff", world = "w" }"#,
            r#""12_acme/outbox:1" = { kind = "component", sha256 = "ab", world = "w" }"#,
            &format!(
                r#"13_tidy = {{ kind = "script", language = "typescript", sha256 = "5c", runtime = "{}", world = "w", time_zones = "2026f", files = {{ "lib/a.js" = "aa" }} }}"#,
                "0f".repeat(32)
            ),
            "",
            "[packages]",
            r#""acme/outbox" = { version = "1.2.0", sha256 = "dd", key = "RW+/=", source = "../a \"b\".wasm", tables = { "out*" = "a.\"o x\"*" } }"#,
            r#""other/package" = { version = "1.2.0", sha256 = "dd", source = "../a \"b\".wasm" }"#,
        ]
    );
    assert_eq!(sample().get("2").map(LockLine::id), Some("02_fill-in".to_owned()));
    assert_eq!(sample().get("3").map(LockLine::id), Some("3".to_owned()));
    assert_eq!(sample().get("4"), None);
}

/// It would choose what is read.
#[test]
fn a_shared_source_is_below_the_project_or_beside_it() {
    for path in ["/etc/passwd", "data/../../x", "../../"] {
        let mut lockfile = sample();
        if let LockedArtifact::Component { shared, .. } = &mut lockfile.lines[4].artifact {
            shared.insert(path.to_owned(), "5f".to_owned());
        }
        let told = shown_error(Lockfile::parse(&lockfile.render(), "runner.lock"));
        assert!(told.contains(&format!("`shared` has `{path}`, which is no path from the project")), "{told}");
    }
}

#[test]
fn an_unchanged_lockfile_is_not_rewritten() {
    let project = TestProject::new(&[]);
    let root = crate::files::open_root(project.path()).expect("a directory");
    assert!(sample().write(&root, "runner.lock").expect("written"));
    assert!(!sample().write(&root, "runner.lock").expect("there already"));
    assert_eq!(project.read("runner.lock"), sample().render());
    let names: Vec<_> = std::fs::read_dir(project.path()).expect("listed").flatten().map(|it| it.file_name()).collect();
    assert_eq!(names.len(), 3, "nothing is left behind: {names:?}");
}

#[cfg(unix)]
#[test]
fn a_linked_lockfile_stays_a_link() {
    let project = TestProject::new(&[]);
    project.write("ci/runner.lock", sample().render());
    std::os::unix::fs::symlink("ci/runner.lock", project.path().join("runner.lock")).expect("a link");
    let root = open_root(project.path()).expect("a root");
    assert!(Lockfile::default().write(&root, "runner.lock").expect("written"));
    assert_eq!(Lockfile::read(&root, "ci/runner.lock").expect("read"), Lockfile::default());
    assert_eq!(
        std::fs::read_link(project.path().join("runner.lock")).expect("a link").to_str(),
        Some("ci/runner.lock")
    );
}

#[test]
fn a_foreign_lockfile_is_refused() {
    let text = sample().render();
    let of = |text: &str| {
        let project = TestProject::new(&[("runner.lock", text)]);
        let root = crate::files::open_root(project.path()).expect("a directory");
        let error = Lockfile::read(&root, "runner.lock").expect_err(text);
        (error.kind, shown(&error))
    };
    let conflict = text.replacen("1_create", "<<<<<<< HEAD\n1_create", 1);
    assert_eq!(
        of(&conflict),
        (
            ErrorKind::Mismatch,
            "`runner.lock` has an unresolved merge conflict\n  file: runner.lock:7\n  \
             hint: run `runner build`: it keeps the lines of both sides"
                .to_owned()
        )
    );
    let (kind, told) = of(&text.replacen("\"aa\"", "\"ab\"", 1));
    assert_eq!(kind, ErrorKind::Mismatch);
    assert!(told.starts_with("`runner.lock` was changed by something other than runner"), "{told}");
    let (_, proven) =
        Lockfile::parse(&text.replacen("\"aa\"", "\"ab\"", 1), "runner.lock").expect("the lockfile can be rewritten");
    assert!(!proven);
    let (_, told) = of(&text.replacen("\n02_", "\n001_again = { kind = \"sql\", sha256 = \"aa\" }\n02_", 1));
    assert!(told.starts_with("lines 7 and 8 of `runner.lock` have the same revision"), "{told}");
    // Not as runner writes a line.
    let (_, told) = of(&text.replacen("\n02_", "\n001= { kind = \"sql\", sha256 = \"aa\" }\n02_", 1));
    assert!(told.contains("`001`") && told.contains("in `runner.lock` have the same revision"), "{told}");
    assert!(
        told.contains("version control") && !told.contains("keeps the line"),
        "a build cannot read it either: {told}"
    );
    let (kind, told) = of(&text.replacen("version = 1", "version = 2", 1));
    assert_eq!(kind, ErrorKind::Usage);
    assert!(told.starts_with("`runner.lock` has version 2, but this version of runner supports 1"), "{told}");
    let (_, told) = of("");
    assert!(told.starts_with("`runner.lock` has no `version = 1`"), "{told}");
    let (kind, told) = of(&text.replacen("{ kind", "{ kind =", 1));
    assert_eq!(kind, ErrorKind::Mismatch);
    assert!(told.starts_with("`runner.lock` is not valid TOML: "), "{told}");
    let (_, told) = of(&text.replacen("sha256 = \"a2\"", "sha = 1", 1));
    assert!(
        told.contains("unknown key `sha` in `[artifacts.02_fill-in]`") && told.contains("has no `sha256`"),
        "{told}"
    );
    // As earlier versions wrote it.
    let (kind, told) = of(&text.replacen("read *", "write users", 1));
    assert_eq!(kind, ErrorKind::Mismatch);
    assert!(told.contains("invalid `needs`: `write users`") && !told.contains("delete"), "{told}");
    assert!(told.ends_with("what they need, and keeps the packages"), "{told}");
}

/// A build asks the migrations again, and packages are as they were.
#[test]
fn needs_that_cannot_be_read_are_dropped_where_every_line_is_written_again() {
    let text = sample().render().replacen("read *", "write users", 1);
    let project = TestProject::new(&[("runner.lock", &text)]);
    let root = crate::files::open_root(project.path()).expect("a directory");
    Lockfile::read_to_rewrite(&root, "runner.lock").expect_err("other lines would lose them");
    let (lockfile, proven) = Lockfile::read_to_rebuild(&root, "runner.lock").expect("a lockfile");
    assert!(!proven);
    assert_eq!(lockfile.packages, sample().packages);
    assert_eq!(
        lockfile.lines.iter().map(LockLine::id).collect::<Vec<_>>(),
        sample().lines.iter().map(LockLine::id).collect::<Vec<_>>()
    );
    for wrong in
        [text.replacen("sha256 = \"a2\"", "sha = 1", 1), text.replacen("version = \"1.2.0\"", "version = 1", 1)]
    {
        project.write("runner.lock", wrong.as_bytes());
        Lockfile::read_to_rebuild(&root, "runner.lock").expect_err("more than needs is wrong");
    }
}

/// Where packages would be lost, the hint does not say to delete the file.
#[test]
fn the_advice_about_a_lockfile_keeps_its_packages() {
    let without = Lockfile { packages: Vec::new(), ..sample() };
    for (lockfile, deletes) in [(sample(), false), (without, true)] {
        for (of, by) in [("{ kind", "{ kind ="), ("sha256 = \"a2\"", "sha = 1"), ("version = 1\n", "")] {
            let text = lockfile.render().replacen(of, by, 1);
            let told = shown(&Lockfile::parse(&text, "runner.lock").expect_err(&text));
            assert_eq!(told.contains("or delete it and run `runner build`"), deletes, "{told}");
            assert_eq!(told.contains("those of packages are nowhere else"), !deletes, "{told}");
        }
    }
}

#[test]
fn a_missing_lockfile_has_no_lines_and_a_binary_one_is_refused() {
    let project = TestProject::new(&[]);
    let root = crate::files::open_root(project.path()).expect("a directory");
    assert_eq!(Lockfile::read(&root, "runner.lock").expect("none"), Lockfile::default());
    project.write("runner.lock", b"\xff");
    assert!(shown_error(Lockfile::read(&root, "runner.lock")).starts_with("`runner.lock` is not valid UTF-8"));
}

/// What git leaves of two branches that each added a line: conflict markers, with the common base, or both sides.
#[test]
fn a_merge_in_any_form_keeps_both_sides() {
    let with = |extra: &str| {
        let mut lockfile = sample();
        let artifact = sql(&[(None, Some(&extra.repeat(2)), None)], false);
        lockfile.lines.push(LockLine { revision: format!("2{extra}"), name: "new".to_owned(), artifact });
        lockfile.render()
    };
    let (ours, base, theirs) = (with("0"), sample().render(), with("1"));
    let diff = |text: &str| -> (String, String) {
        let digest = text.lines().find(|line| line.starts_with("digest")).expect("a digest").to_owned();
        (digest, text.lines().rfind(|line| line.contains(" = { kind")).expect("a line").to_owned())
    };
    let ((our_digest, our_line), (their_digest, their_line)) = (diff(&ours), diff(&theirs));
    let base_digest = diff(&base).0;
    let conflict = ours
        .replace(&our_digest, &format!("<<<<<<< HEAD\n{our_digest}\n=======\n{their_digest}\n>>>>>>> theirs"))
        .replace(&our_line, &format!("<<<<<<< HEAD\n{our_line}\n=======\n{their_line}\n>>>>>>> theirs"));
    let diff3 = ours
        .replace(
            &our_digest,
            &format!(
                "<<<<<<< HEAD\n{our_digest}\n||||||| base\n{base_digest}\n=======\n{their_digest}\n>>>>>>> theirs"
            ),
        )
        .replace(&our_line, &format!("<<<<<<< HEAD\n{our_line}\n||||||| base\n=======\n{their_line}\n>>>>>>> theirs"));
    let union = ours
        .replace(&our_digest, &format!("{our_digest}\n{their_digest}"))
        .replace(&our_line, &format!("{our_line}\n{their_line}"));
    let whole = format!("<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> theirs\n");
    let clean = ours.replace(&our_line, &format!("{our_line}\n{their_line}"));
    for (form, text) in [("conflict", conflict), ("diff3", diff3), ("union", union), ("whole", whole), ("clean", clean)]
    {
        let project = TestProject::new(&[("runner.lock", &text)]);
        let root = crate::files::open_root(project.path()).expect("a directory");
        Lockfile::read(&root, "runner.lock").expect_err(form);
        let (lockfile, proven) = Lockfile::read_to_rewrite(&root, "runner.lock").expect(form);
        let revisions: Vec<&str> = lockfile.lines.iter().map(|line| &*line.revision).collect();
        assert_eq!(
            (revisions, proven),
            (vec!["1", "02", "2.2", "3", "10", "11", "12", "13", "20", "21"], false),
            "{form}"
        );
        assert_eq!(lockfile.get("10"), sample().get("10"), "{form}");
        assert_eq!(lockfile.packages, sample().packages, "{form}");
    }
}

/// A file that only its owner may read stays one, also when it is replaced; a new one with secrets begins as one.
#[cfg(unix)]
#[test]
fn a_file_that_is_replaced_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt;

    let project = TestProject::new(&[("runner.toml", "before"), ("shared", "before")]);
    let root = crate::files::open_root(project.path()).expect("a directory");
    let permissions = |name: &str| std::fs::metadata(project.path().join(name)).expect("a file").permissions();
    for (name, mode) in [("runner.toml", 0o600), ("shared", 0o666)] {
        let chosen = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(project.path().join(name), chosen).expect("changed");
        super::write_atomically(&root, name, b"after").expect("written");
        assert_eq!((permissions(name).mode() & 0o777, &project.read(name)[..]), (mode, "after"));
    }
    super::write_secret_atomically(&root, ".env", b"secret").expect("written");
    assert_eq!(permissions(".env").mode() & 0o777, 0o600);
}
