//! The lock between processes: this test binary starts itself as a child.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::*;
use runner_database::DatabaseErrorKind;

/// Tells a child what to do, and in which directory.
const TASK: &str = "RUNNER_LOCK_TEST_TASK";
const DIRECTORY: &str = "RUNNER_LOCK_TEST_DIRECTORY";

fn child(task: &str, directory: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "tests::lock::task_of_a_child", "--nocapture"])
        .env(TASK, task)
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child")
}

fn request(owner: &str) -> LockRequest {
    LockRequest { wait: Duration::from_secs(60), run_id: "r".to_owned(), owner: owner.to_owned() }
}

/// Does nothing unless another test of this file starts it.
#[tokio::test]
async fn task_of_a_child() {
    let (Ok(task), Some(directory)) = (std::env::var(TASK), std::env::var_os(DIRECTORY)) else { return };
    let directory = Path::new(&directory);
    let mut database = open_at(directory).await;
    let owner = format!("process {}", std::process::id());
    let stop = StopSignal::default();
    if task == "hold" {
        database.lock(&request(&owner), &stop, &|_| {}).await.expect("the lock");
        // The test harness may buffer what is printed; a file is visible at once.
        std::fs::write(directory.join("held"), &owner).expect("a file");
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    for _ in 0..8 {
        database.lock(&request(&owner), &stop, &|_| {}).await.expect("the lock");
        let inside = directory.join("inside");
        std::fs::File::create_new(&inside).expect("no other process inside");
        tokio::time::sleep(Duration::from_millis(1)).await;
        std::fs::remove_file(&inside).expect("still there");
        database.unlock().await.expect("unlocked");
    }
    std::fs::write(directory.join(&owner), "done").expect("a file");
}

#[test]
fn processes_are_serialised() {
    let directory = directory();
    let children: Vec<Child> = (0..4).map(|_| child("take turns", directory.path())).collect();
    for child in children {
        let done = directory.path().join(format!("process {}", child.id()));
        let output = child.wait_with_output().expect("an end");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert!(done.exists(), "it did what it was started for");
    }
}

#[tokio::test]
async fn a_killed_holder_releases_the_lock() {
    let directory = directory();
    let mut holder = child("hold", directory.path());
    let held = directory.path().join("held");
    runner_tests::until("the child takes the lock", || std::fs::read(&held).is_ok_and(|text| !text.is_empty()));
    let mut database = open_at(directory.path()).await;
    let short = LockRequest { wait: Duration::from_millis(150), run_id: "r".to_owned(), owner: "us".to_owned() };
    let error = database.lock(&short, &StopSignal::default(), &|_| {}).await.expect_err("held");
    assert!(error.message.contains(&format!("process {}", holder.id())), "{error}");
    holder.kill().expect("killed");
    database.lock(&request("us"), &StopSignal::default(), &|_| {}).await.expect("free");
    holder.wait().expect("an end");
    // The text of the killed holder is overwritten.
    let file = directory.path().join("app.db.runner-lock");
    assert_eq!(std::fs::read_to_string(&file).expect("the lock's file"), "runner lock, held by r: us");
    database.unlock().await.expect("unlocked");
    assert_eq!(std::fs::read_to_string(&file).expect("the lock's file"), "");
}

#[tokio::test]
async fn all_paths_to_a_file_share_one_lock() {
    let directory = directory();
    let mut first = open_at(directory.path()).await;
    first.lock(&request("us"), &StopSignal::default(), &|_| {}).await.expect("the lock");
    std::fs::create_dir(directory.path().join("sub")).expect("a directory");
    #[cfg(unix)]
    std::os::unix::fs::symlink("../app.db", directory.path().join("sub/link.db")).expect("a link");
    for url in ["sqlite://sub/../app.db", "sqlite://sub/link.db"] {
        let mut second = open_url(directory.path(), url).await;
        let none = LockRequest { wait: Duration::ZERO, run_id: "r".to_owned(), owner: "they".to_owned() };
        let error = second.lock(&none, &StopSignal::default(), &|_| {}).await.expect_err(url);
        assert_eq!(error.kind, DatabaseErrorKind::Busy, "{url}: {error}");
    }
}

#[tokio::test]
async fn a_database_in_memory_needs_no_lock() {
    let mut database = in_memory().await;
    database.lock(&request("us"), &StopSignal::default(), &|_| {}).await.expect("nothing to lock");
    database.unlock().await.expect("nothing to unlock");
}

#[cfg(unix)]
#[tokio::test]
async fn a_foreign_file_in_place_of_the_lock_file_is_left_alone() {
    use std::os::unix::fs::symlink;
    let directory = directory();
    let mut database = open_at(directory.path()).await;
    let at = directory.path().join("app.db.runner-lock");
    let precious = directory.path().join("precious");
    std::fs::write(&precious, "").expect("a file");
    let absent = directory.path().join("absent");
    let stands: [(&str, &dyn Fn()); 6] = [
        ("not a regular file", &|| symlink(&precious, &at).expect("a link")),
        ("not a regular file", &|| symlink(&absent, &at).expect("a link to nothing")),
        ("not a regular file", &|| std::fs::create_dir(&at).expect("a directory")),
        ("hard link", &|| std::fs::hard_link(&precious, &at).expect("a hard link")),
        ("not written", &|| std::fs::write(&at, "my notes").expect("a file")),
        ("not written", &|| {
            std::fs::write(&at, format!("runner lock, held by {}", "x".repeat(5_000))).expect("a long file");
        }),
    ];
    for (part, put) in stands {
        put();
        let before = std::fs::read(&at).ok();
        let error = database.lock(&request("us"), &StopSignal::default(), &|_| {}).await.expect_err(part);
        assert!(error.message.contains(part) && error.message.contains("runner-lock"), "{part}: {error}");
        assert!(error.hint.is_some(), "{error:?}");
        assert_eq!(std::fs::read(&at).ok(), before, "{part}");
        assert!(!absent.exists() && std::fs::read(&precious).expect("a file").is_empty());
        if at.is_dir() { std::fs::remove_dir(&at) } else { std::fs::remove_file(&at) }.expect("removed");
    }
    // A lock file that a killed run left, complete or truncated, is no obstacle.
    for left in ["runner lock, held by another", "runner lo", ""] {
        std::fs::write(&at, left).expect("a file");
        database.lock(&request("us"), &StopSignal::default(), &|_| {}).await.expect("the lock");
        assert_eq!(std::fs::read_to_string(&at).expect("the lock's file"), "runner lock, held by r: us");
        database.unlock().await.expect("unlocked");
    }
}

/// The lock is always a file, which ends with its process.
#[tokio::test]
async fn a_lease_is_refused() {
    for parameter in ["lock=lease", "lock-lease=10s"] {
        let url = DatabaseUrl::parse(&format!("sqlite://a.db?{parameter}"), Path::new("/nowhere")).expect("a URL");
        let error = connect(&url, &ConnectOptions::default()).await.err().expect("refused");
        assert_eq!(error.kind, DatabaseErrorKind::Configuration, "{error}");
        assert!(error.message.contains("the lock of SQLite is always a file") && error.hint.is_some(), "{error:?}");
    }
}
