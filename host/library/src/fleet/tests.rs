//! Lists of tenants, and how a command goes through databases.

use std::sync::Mutex;
use std::time::Duration;

use super::*;
use runner_base::error::{Error, Result};
use runner_database::StopSignal;
use runner_database::stop::StopReason;
use runner_project::LoadRequest;

/// What came of each database, as a letter, with the order in which they were begun.
fn go(
    number: usize,
    pace: Pace,
    failing: &[usize],
    stop: &StopSignal,
    raise_at: Option<usize>,
) -> (String, Vec<usize>) {
    go_on_threads((number, 1 << 20), pace, failing, stop, raise_at)
}

/// The same, on threads with a stack of that size.
fn go_on_threads(
    (number, stack): (usize, usize),
    pace: Pace,
    failing: &[usize],
    stop: &StopSignal,
    raise_at: Option<usize>,
) -> (String, Vec<usize>) {
    let begun = Mutex::new(Vec::new());
    let run = |at: usize, _: StopSignal| -> Result<usize> {
        begun.lock().expect("a list").push(at);
        if raise_at == Some(at) {
            stop.raise(StopReason::Interrupt);
        }
        assert!(at != 6, "the seventh panics");
        if failing.contains(&at) { Err(Error::failed("no")) } else { Ok(at) }
    };
    let work = Work { run: &run, is_failure: &|it: &Result<usize>| it.is_err(), ended: &|_, _, _: Duration| () };
    let each = pool::on_threads(number, pace, stop, &work, stack);
    let letter = |(ended, _): &(Ended<usize>, Duration)| match ended {
        Ended::Ran(Ok(_)) => '+',
        Ended::Ran(Err(_)) => '-',
        Ended::NotRun => '.',
    };
    (each.iter().map(letter).collect(), begun.into_inner().expect("a list"))
}

#[test]
fn failures_and_panics_stay_with_their_database() {
    let stop = StopSignal::default();
    let (letters, begun) = go(8, Pace { parallel: 3, canaries: 1 }, &[2, 4], &stop, None);
    assert_eq!(letters, "++-+-+-+");
    assert_eq!(begun.len(), 8);
    assert_eq!(begun[0], 0);
    assert_eq!(go(0, Pace { parallel: 3, canaries: 1 }, &[], &stop, None).0, "");
    assert_eq!(go(2, Pace { parallel: 0, canaries: 9 }, &[], &stop, None).0, "++");
}

#[test]
fn a_failed_canary_keeps_the_others_from_beginning() {
    let pace = Pace { parallel: 2, canaries: 3 };
    assert_eq!(go(6, pace, &[1], &StopSignal::default(), None), ("+-....".to_owned(), vec![0, 1]));
    assert_eq!(go(6, Pace { canaries: 0, ..pace }, &[1], &StopSignal::default(), None).0, "+-++++");
}

/// More memory than there is stands for a limit of threads.
#[test]
fn without_threads_one_database_follows_another() {
    let pace = Pace { parallel: 3, canaries: 1 };
    let (letters, begun) = go_on_threads((5, 1 << 60), pace, &[2], &StopSignal::default(), None);
    assert_eq!((letters.as_str(), begun), ("++-++", vec![0, 1, 2, 3, 4]));
}

#[test]
fn a_signal_lets_what_runs_end_and_begins_nothing() {
    let stop = StopSignal::default();
    let (letters, _) = go(6, Pace { parallel: 1, canaries: 1 }, &[], &stop, Some(2));
    assert_eq!(letters, "+++...");
}

/// The names that a project's settings lead to, or the error.
fn names(toml: &str, files: &[(&str, &[u8])], selection: &Selection) -> Result<Vec<(String, String)>> {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("runner.toml"), toml).expect("a file");
    for (name, content) in files {
        std::fs::write(directory.path().join(name), content).expect("a file");
    }
    let request = LoadRequest { start_dir: directory.path().to_path_buf(), ..LoadRequest::default() };
    let found = find(&request, selection)?;
    let root = directory.path().display().to_string();
    let shown = |member: Member| {
        let url = member.url.map_or_else(String::new, |url| url.value.to_string().replace(&root, ""));
        (member.name, url)
    };
    Ok(found.members.into_iter().map(shown).collect())
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, url)| ((*name).to_owned(), (*url).to_owned())).collect()
}

#[test]
fn tenants_are_found_in_settings_and_files_with_the_canaries_first() {
    let toml = "[databases.billing]\nurl = 'sqlite:billing.db'\nmigrations = 'billing'\n[tenants]\n\
                url = 'sqlite:{tenant}.db'\nnames = ['a', 'b c', 'd%2F']\ncanary = ['b c']";
    let found = names(toml, &[], &Selection::All).expect("names");
    let expected =
        [("b c", "sqlite:///b c.db"), ("billing", ""), ("a", "sqlite:///a.db"), ("d%2F", "sqlite:///d%2F.db")];
    assert_eq!(found, pairs(&expected));
    let some = Selection::Named(vec!["d%2F".to_owned(), "billing".to_owned()]);
    let found = names(toml, &[], &some).expect("names");
    assert_eq!(found, pairs(&[("billing", ""), ("d%2F", "sqlite:///d%2F.db")]));
    let toml = "[tenants]\nfile = 'tenants.txt'\nurl = 'postgres://me:pass%40word@host/{tenant}'";
    let list: &[u8] = b"\xef\xbb\xbf# all of them\r\n\r\na b\r\nb sqlite:own.db \r\n";
    assert!(names(toml, &[("tenants.txt", list)], &Selection::All).is_err(), "`b` is no URL");
    let list: &[u8] = b"\xef\xbb\xbf# all of them\r\n\r\na\r\nb   sqlite:own.db \r\n";
    let found = names(toml, &[("tenants.txt", list)], &Selection::All).expect("names");
    assert_eq!(found, pairs(&[("a", "postgres://me:***@host/a"), ("b", "sqlite:///own.db")]));
}

#[test]
fn a_list_that_cannot_be_meant_is_refused() {
    let tenants = "[tenants]\nurl = 'sqlite:{tenant}.db'\n";
    let of = |list: &str, file: &[u8]| {
        let error = names(&format!("{tenants}{list}"), &[("list", file)], &Selection::All).expect_err(list);
        format!("{error:#}")
    };
    for (list, file, says) in [
        ("names = []", &b""[..], "`tenants.names` is empty"),
        ("file = 'list'", b"# none\n", "`list` is empty"),
        ("file = 'none'", b"", "`none`: it does not exist"),
        ("file = '.'", b"", "cannot read the list of tenants `.`"),
        ("file = 'list'", b"a\n\xff\n", "not valid UTF-8 at byte 2"),
        ("names = ['a', 'b', 'a']", b"", "the tenant `a` is listed twice"),
        ("file = 'list'", b"a sqlite:x\nb sqlite:x\n", "the tenants `a` and `b` have the same database"),
        ("names = ['../../etc/passwd']", b"", "cannot be the name of a tenant"),
        ("names = ['..']", b"", "cannot be the name of a tenant"),
        ("names = ['a\\b']", b"", "cannot be the name of a tenant"),
        ("names = [\"a\\u001b[2J\"]", b"", "`a\\u{1b}[2J` cannot be the name"),
        ("names = ['']", b"", "a tenant has no name"),
        ("names = ['', '..']", b"", "the list of tenants has 2 errors"),
        ("names = ['a']\ncanary = ['b']", b"", "the canary `b` is not a tenant"),
        ("names = ['a']\nfile = 'list'", b"", "more than one list"),
        ("", b"", "does not say where the names come from"),
    ] {
        let error = of(list, file);
        assert!(error.contains(says), "{list}: {error}");
    }
    let long = format!("names = ['{}']", "a".repeat(256));
    assert!(of(&long, b"").contains("256 bytes"));
    let error = names("[tenants]\nurl = 'sqlite:same.db'\nnames = ['a']", &[], &Selection::All).expect_err("no name");
    assert!(format!("{error:#}").contains("all tenants would be one database"), "{error:#}");
    let error = names("[project]\nname = 'x'", &[], &Selection::All).expect_err("none");
    assert!(error.message.contains("no databases with names and no tenants"), "{error:#}");
    let named = |names: &[&str]| Selection::Named(names.iter().map(|name| (*name).to_owned()).collect());
    let toml = format!("{tenants}names = ['acme', 'beta']");
    let error = names(&toml, &[], &named(&["acme", "betta"])).expect_err("unknown");
    assert!(format!("{error:#}").contains("did you mean `beta`?"), "{error:#}");
    let error = names(&toml, &[], &named(&["acme", "acme"])).expect_err("twice");
    assert!(error.message.contains("named twice"), "{error:#}");
    let toml = format!("{toml}\n[databases.acme]\nurl = 'sqlite:x'\nmigrations = 'm'");
    let error = names(&toml, &[], &Selection::All).expect_err("ambiguous");
    assert!(error.message.contains("`acme` is a tenant and a table"), "{error:#}");
}

#[cfg(feature = "sqlite")]
#[test]
fn a_query_names_tenants_as_text() {
    let directory = tempfile::tempdir().expect("a directory");
    let control = directory.path().join("control.db");
    let url = format!("sqlite://{}", control.display());
    runner_base::runtime::run(async {
        let url = runner_database::DatabaseUrl::parse(&url, directory.path()).expect("a URL");
        let options = runner_database::ConnectOptions::creating();
        let mut database = runner_drivers::connect(&url, &options).await.expect("a database");
        let sql = "CREATE TABLE tenant (id INTEGER PRIMARY KEY, name TEXT, url TEXT)";
        database.host().execute(sql, &[]).await.expect("a table");
        let sql = "INSERT INTO tenant (name, url) VALUES ('b', NULL), ('a', 'sqlite:own.db'), (NULL, NULL)";
        database.host().execute(sql, &[]).await.expect("rows");
        Ok(())
    })
    .expect("a runtime");
    let of = |sql: &str| {
        let toml = format!("[tenants]\nurl = 'sqlite:{{tenant}}.db'\nquery_url = '{url}'\nquery = \"{sql}\"");
        names(&toml, &[], &Selection::All)
    };
    let found = of("SELECT name, url FROM tenant WHERE name IS NOT NULL ORDER BY name").expect("names");
    assert_eq!(found, pairs(&[("a", "sqlite:///own.db"), ("b", "sqlite:///b.db")]));
    for (sql, says) in [
        ("SELECT id FROM tenant", "no text in column `id` of row 1"),
        ("SELECT name FROM tenant ORDER BY id", "no text in column `name` of row 3"),
        ("SELECT name, id FROM tenant WHERE id = 1", "no text in column `id` of row 1"),
        ("SELECT name, url, id FROM tenant", "returns 3 columns"),
        ("SELECT name FROM tenant WHERE id = 9", "is empty"),
        ("SELECT name FROM tenants", "no such table"),
        ("CREATE TABLE x (id INTEGER)", "columns"),
    ] {
        let error = of(sql).expect_err(sql);
        let shown = format!("{error:#}");
        assert!(shown.contains(says), "{sql}: {shown}");
    }
}

#[test]
fn a_report_names_what_is_unfinished() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("report.json");
    let of = |text: &str| {
        std::fs::write(&path, text).expect("a file");
        unfinished(&path, "apply")
    };
    let names = of(r#"{"command": "apply", "dry_run": false,
                      "databases": [{"name": "a", "result": "done"}, {"name": "b", "result": "failed"},
                      {"name": "c", "result": "up-to-date"}, {"name": "d", "result": "not-run"}]}"#);
    assert_eq!(names.expect("names"), ["b", "d"]);
    for (text, says) in [
        ("", "it is not JSON"),
        ("{}", "it is not about several databases"),
        (r#"{"databases": []}"#, "it does not say which command"),
        (r#"{"databases": [], "command": "rollback"}"#, "it is that of `runner rollback`, not of `runner apply`"),
        (r#"{"databases": [], "command": "apply", "dry_run": true}"#, "it is not that of a run"),
        (r#"{"databases": [{"database": {}}], "command": "apply", "dry_run": false}"#, "a database has no result"),
    ] {
        assert!(of(text).expect_err(text).message.contains(says), "{text}");
    }
    assert!(unfinished(&directory.path().join("none"), "apply").is_err());
}
