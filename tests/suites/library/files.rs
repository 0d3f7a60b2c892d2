//! Projects in directories and in programs.

use runner::{ErrorKind, Project, Runner, Target, Value};
use runner_tests::{guests, project};

use super::{SHOP, database, embedded};

#[tokio::test]
async fn a_directory_is_a_project_as_on_the_command_line() {
    let project = project!();
    project.sql("1_a", "CREATE TABLE a (id INTEGER);", "DROP TABLE a;").settings("[database]\nurl = \"sqlite:x.db\"");
    let runner = Runner::builder().project(project.root()).build().unwrap();
    assert_eq!(runner.plan().await.unwrap().steps.len(), 1);
    assert_eq!(runner.apply().await.unwrap().done[0].revision, "1");
    project.runner("status --exit-code -D sqlite:x.db").succeeds();
    project.runner("rollback -D sqlite:x.db").succeeds();
    assert_eq!(runner.status().await.unwrap().pending(), 1);
}

/// A directory of migrations needs no settings, and the process's variables are ignored.
#[tokio::test]
async fn a_directory_without_settings() {
    let project = project!(empty);
    std::fs::create_dir(project.file("migrations")).unwrap();
    project.sql("1_a", "CREATE TABLE a (id INTEGER);", "DROP TABLE a;");
    let error = Runner::builder().project(project.root()).build().unwrap_err();
    assert_eq!((error.kind, error.hints.len()), (ErrorKind::Usage, 1), "{error:#}");
    let (_directory, url) = database();
    let runner = Runner::builder().project(project.root()).database(url).build().unwrap();
    assert_eq!(runner.apply().await.unwrap().done.len(), 1);
}

/// Variables that the program passes on have the same meaning as on the command line.
#[tokio::test]
async fn variables_apply_if_they_are_passed_on() {
    let (directory, _) = database();
    let settings: (&str, &[u8]) =
        ("runner.toml", b"[database]\nurl = \"sqlite://${DIRECTORY}/app.db\"\n[parameters]\nsize = 1");
    let files: Vec<(&str, &[u8])> = SHOP.into_iter().chain([settings]).collect();
    let with = |variables: &[(&str, &str)]| {
        let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        Runner::builder().project(Project::embedded(files.iter().copied())).variables(variables).build()
    };
    assert!(with(&[]).unwrap_err().message.contains("DIRECTORY"));
    let path = directory.path().to_str().unwrap();
    let locked = with(&[("DIRECTORY", path), ("RUNNER_LOCKED", "1")]).unwrap();
    assert_eq!(locked.apply().await.unwrap_err().kind, ErrorKind::Mismatch);
    assert!(with(&[("DIRECTORY", path), ("RUNNER_PARAMETER_SIZE", "x")]).unwrap_err().message.contains("`size`"));
    assert!(with(&[("DIRECTORY", path), ("RUNNER_JOBS", "x")]).unwrap_err().message.contains("jobs"));
    assert_eq!(with(&[("DIRECTORY", path)]).unwrap().apply().await.unwrap().done.len(), 2);
}

#[tokio::test]
async fn embedded_settings_and_lockfile_apply() {
    let (_directory, url) = database();
    let error = embedded(&SHOP, &url).locked(true).build().unwrap().apply().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Mismatch, "{error:#}");

    let on_disk = project!();
    for pair in SHOP.chunks(2) {
        let [(up, up_sql), (_, down_sql)] = pair else { unreachable!() };
        let id = up.trim_start_matches("migrations/").trim_end_matches(".up.sql");
        on_disk.sql(id, std::str::from_utf8(up_sql).unwrap(), std::str::from_utf8(down_sql).unwrap());
    }
    on_disk.runner("build").succeeds();
    let lockfile: &'static [u8] = on_disk.read("runner.lock").leak().as_bytes();
    let mut files = SHOP.to_vec();
    files.push(("runner.lock", lockfile));
    assert_eq!(embedded(&files, &url).locked(true).build().unwrap().apply().await.unwrap().done.len(), 2);

    files[0].1 = b"CREATE TABLE users (id INTEGER PRIMARY KEY, other INTEGER);";
    let error = embedded(&files, &url).build().unwrap().apply().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Mismatch, "{error:#}");

    let settings: (&str, &[u8]) = ("runner.toml", b"[project]\nmigrations = \"else\"\n[limits]\nfuel = \"x\"");
    let error = embedded(&[settings], &url).build().unwrap_err();
    assert!(error.message.contains("fuel"), "{error:#}");
    let error = embedded(&[("../x", b"")], &url).build().unwrap_err();
    assert!(error.message.contains("../x"), "{error:#}");
    let error = embedded(&[("migrations/x.sql", b"")], &url).build().unwrap().plan().await.unwrap_err();
    assert!(error.message.contains("x.sql"), "{error:#}");
}

#[tokio::test]
async fn a_protected_database_is_not_emptied() {
    let (_directory, url) = database();
    let settings = format!("[environments.production]\nprotected = true\nurl = \"{url}\"");
    let mut files = SHOP.to_vec();
    files.push(("runner.toml", settings.leak().as_bytes()));
    let builder = || Runner::builder().project(Project::embedded(files.iter().copied()));
    let runner = builder().environment("production").build().unwrap();
    runner.apply().await.unwrap();
    for target in [Target::Base, Target::Back(2), Target::Back(9)] {
        let error = runner.rollback(target.clone()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Denied, "{target}: {error:#}");
        assert!(format!("{error:#}").contains("`[environments.production]` is protected"), "{error:#}");
        assert_eq!(runner.status().await.unwrap().pending(), 0);
    }
    assert_eq!(runner.rollback(Target::Back(1)).await.unwrap().done.len(), 1);
    // Protection belongs to the database, and not to the name of the environment.
    let error = builder().database(&*url).build().unwrap().rollback(Target::Base).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied, "{error:#}");
}

/// The demo: components with assets, and parameters.
#[tokio::test]
async fn components_and_their_assets_can_be_embedded() {
    fn collect(root: &std::path::Path, directory: &str, files: &mut Vec<(String, &'static [u8])>) {
        for entry in std::fs::read_dir(root.join(directory)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{directory}/{}", entry.file_name().to_str().unwrap());
            match entry.file_type().unwrap().is_dir() {
                true if path.ends_with("/target") => {}
                true => collect(root, &path, files),
                false => files.push((path, std::fs::read(entry.path()).unwrap().leak())),
            }
        }
    }
    let root = guests::repository();
    let mut files = vec![("runner.lock".to_owned(), &*std::fs::read(root.join("runner.lock")).unwrap().leak())];
    collect(root, "migrations", &mut files);
    let demo = Project::embedded(files.iter().map(|(path, bytes)| (path.as_str(), *bytes)));
    let (directory, url) = database();
    let runner = Runner::builder()
        .project(demo)
        .database(url)
        .component_cache(directory.path().join("cache"))
        .parameter("unused", Value::from("x"))
        .limit("fuel", "900_000_000_000")
        .locked(true)
        .build()
        .unwrap();
    let outcome = runner.apply().await.unwrap();
    assert_eq!((outcome.done.len(), outcome.done[1].rows_written), (4, 31_800), "{outcome:?}");
    let verified = runner.verify().await.unwrap();
    assert_eq!(verified.len(), 3);
    assert!(directory.path().join("cache").read_dir().unwrap().next().is_some());
}

/// A package is checked in a program as it is on disk: by its digest, its signature and its key.
#[tokio::test]
async fn packages_are_embedded_like_other_files() {
    let root = guests::repository().join("examples/packages/shop");
    let mut paths = vec!["runner.toml".to_owned(), "runner.lock".to_owned()];
    for directory in ["migrations", "migrations/vendor"] {
        let entries = root.join(directory).read_dir().unwrap().map(|entry| entry.unwrap());
        let files = entries.filter(|entry| entry.path().is_file());
        paths.extend(files.map(|entry| format!("{directory}/{}", entry.file_name().to_str().unwrap())));
    }
    let read =
        |path: &String| -> (String, &'static [u8]) { (path.clone(), std::fs::read(root.join(path)).unwrap().leak()) };
    let files: Vec<(String, &'static [u8])> = paths.iter().map(read).collect();
    let (directory, url) = database();
    let runner = |files: &[(String, &'static [u8])]| {
        let project = Project::embedded(files.iter().map(|(path, bytes)| (path.as_str(), *bytes)));
        let cache = directory.path().join("cache");
        Runner::builder().project(project).database(url.as_str()).component_cache(cache).locked(true).build().unwrap()
    };
    for (end, message) in
        [(".wasm", "does not match the digest"), (".minisig", "the signature of"), (".toml", "the key in")]
    {
        let mut changed = files.clone();
        let (_, bytes) = changed.iter_mut().find(|(path, _)| path.ends_with(end)).unwrap();
        *bytes = match end {
            ".toml" => String::from_utf8_lossy(bytes).replace("RWQHBwcH", "RWQIBwcH").into_bytes().leak(),
            _ => [&bytes[..bytes.len() - 9], b"A", &bytes[bytes.len() - 8..]].concat().leak(),
        };
        let error = runner(&changed).apply().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Mismatch, "{error:#}");
        assert!(format!("{error:#}").contains(message), "{error:#}");
    }
    let outcome = runner(&files).apply().await.unwrap();
    let names: Vec<&str> = outcome.done.iter().map(|done| done.name.as_str()).collect();
    assert_eq!(names[1], "acme/outbox:0001");
    assert_eq!(names.len(), 7);
}
