use std::fs;
use std::time::{Duration, SystemTime};

use super::*;

/// Where a component is kept.
fn path_in(cache: &Cache, engine: &Engine, sha256: &str) -> PathBuf {
    cache.directory.path.join(name(engine, sha256))
}

#[cfg(unix)]
#[test]
fn a_directory_that_is_not_private_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let said = Arc::new(std::sync::Mutex::new(String::new()));
    let hears = said.clone();
    let note: CacheNote = Arc::new(move |text: &str| hears.lock().expect("a lock").push_str(text));
    let open = |directory: &Path| {
        said.lock().expect("a lock").clear();
        let is_used = Cache::open(directory, Some(note.clone())).is_some();
        (is_used, said.lock().expect("a lock").clone())
    };
    let directory = tempfile::tempdir().expect("a directory");
    let shared = directory.path().join("shared");
    fs::create_dir(&shared).expect("a directory");
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).expect("permissions");
    let (is_used, note) = open(&shared);
    assert!(!is_used && note.contains("accessible to other users"), "{note}");
    let file = directory.path().join("file");
    fs::write(&file, "").expect("written");
    let (is_used, note) = open(&file);
    assert!(!is_used && note.contains("is not a directory"), "{note}");
    let (is_used, note) = open(&file.join("below"));
    assert!(!is_used && note.contains("cannot be created"), "{note}");
    let foreign = directory.path().join("foreign");
    fs::create_dir(&foreign).expect("a directory");
    // Only the superuser can give a directory away.
    if std::os::unix::fs::chown(&foreign, Some(1), None).is_ok() {
        let (is_used, note) = open(&foreign);
        assert!(!is_used && note.contains("belongs to another user"), "{note}");
    }
    assert_eq!(open(&directory.path().join("new/private")), (true, String::new()));
}

#[test]
fn what_is_not_used_any_more_is_removed() {
    let directory = tempfile::tempdir().expect("a directory");
    let cache = Cache::open(&directory.path().join("cache"), None).expect("a cache");
    let engine = crate::engine::engine(&runner_project::limits::Limits::default()).expect("an engine");
    let code = engine.precompile_component(&runner_tests::components::empty()).expect("compiled");
    let age = |path: &Path, hours: u64| {
        let file = fs::File::options().append(true).open(path).expect("opened");
        file.set_modified(SystemTime::now() - Duration::from_hours(hours)).expect("its time");
    };
    let [used, unused, new] = [1, 2, 3].map(|number| format!("{number:064}"));
    for sha256 in [&used, &unused] {
        cache.store(&engine, sha256, &code);
    }
    for sha256 in [&used, &unused] {
        age(&path_in(&cache, &engine, sha256), 31 * 24);
    }
    let beside = |name: &str, hours: u64| {
        let path = cache.directory.path.join(name);
        fs::write(&path, "half").expect("written");
        age(&path, hours);
        path
    };
    let [left, under_way] = [2, 0].map(|hours| beside(&format!("{new}-{hours:016x}-1.0123456789abcdef.tmp"), hours));
    let others = ["notes.tmp", "mine.cwasm"].map(|name| beside(name, 1000 * 24));
    assert!(cache.load(&engine, &used).is_some());
    cache.store(&engine, &new, &code);
    assert!(cache.load(&engine, &used).is_some() && cache.load(&engine, &new).is_some());
    assert!(!path_in(&cache, &engine, &unused).exists() && !left.exists() && under_way.exists());
    assert!(others.iter().all(|path| path.exists()), "what the cache did not write");
}

/// Such as processes with the same id in containers that share the directory.
#[test]
fn several_can_store_one_component_at_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let said = Arc::new(std::sync::Mutex::new(String::new()));
    let hears = said.clone();
    let note: CacheNote = Arc::new(move |text: &str| hears.lock().expect("a lock").push_str(text));
    let cache = Cache::open(&directory.path().join("cache"), Some(note)).expect("a cache");
    let engine = crate::engine::engine(&runner_project::limits::Limits::default()).expect("an engine");
    let code = engine.precompile_component(&runner_tests::components::empty()).expect("compiled");
    let all_at_once = std::sync::Barrier::new(8);
    for round in 0..20 {
        let sha256 = format!("{round:064}");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    all_at_once.wait();
                    cache.store(&engine, &sha256, &code);
                });
            }
        });
        assert!(cache.load(&engine, &sha256).is_some());
    }
    assert_eq!(*said.lock().expect("a lock"), "");
    assert_eq!(fs::read_dir(&cache.directory.path).expect("listed").count(), 20, "only what is complete stays");
}

fn engine_and_code() -> (Engine, Vec<u8>) {
    let engine = crate::engine::engine(&runner_project::limits::Limits::default()).expect("an engine");
    let code = engine.precompile_component(&runner_tests::components::empty()).expect("compiled");
    (engine, code)
}

/// A cache, and what it says.
fn heard(directory: &Path) -> (Option<Cache>, Arc<std::sync::Mutex<String>>) {
    let said = Arc::new(std::sync::Mutex::new(String::new()));
    let hears = said.clone();
    let note: CacheNote = Arc::new(move |text: &str| hears.lock().expect("a lock").push_str(text));
    (Cache::open(directory, Some(note)), said)
}

#[test]
fn what_is_damaged_or_exchanged_is_not_loaded() {
    let directory = tempfile::tempdir().expect("a directory");
    let (cache, said) = heard(&directory.path().join("cache"));
    let cache = cache.expect("a cache");
    let (engine, code) = engine_and_code();
    let [one, two] = [1, 2].map(|number| format!("{number:064}"));
    let whole = |sha256: &str| {
        cache.store(&engine, sha256, &code);
        fs::read(path_in(&cache, &engine, sha256)).expect("a file")
    };
    let of_two = whole(&two);
    for at in [0, code.len() / 2, code.len() - 1, code.len(), code.len() + DIGEST - 1] {
        let mut flipped = whole(&one);
        flipped[at] ^= 1;
        fs::write(path_in(&cache, &engine, &one), flipped).expect("written");
        assert!(cache.load(&engine, &one).is_none(), "byte {at}");
        assert!(said.lock().expect("a lock").contains("has a damaged file, which is compiled again"));
        assert!(!path_in(&cache, &engine, &one).exists());
    }
    let wrong: [&[u8]; 5] = [&of_two, &of_two[..10], &of_two[..of_two.len() - 1], &[], &code];
    for wrong in wrong {
        whole(&one);
        fs::write(path_in(&cache, &engine, &one), wrong).expect("written");
        assert!(cache.load(&engine, &one).is_none(), "{} bytes", wrong.len());
    }
    whole(&one);
    assert!(cache.load(&engine, &one).is_some() && cache.load(&engine, &two).is_some());
}

/// As by another user who may write to a directory above it.
#[cfg(unix)]
#[test]
fn what_takes_the_place_of_the_directory_is_not_used() {
    let directory = tempfile::tempdir().expect("a directory");
    let above = directory.path().join("above");
    let (cache, said) = heard(&above.join("cache"));
    let cache = cache.expect("a cache");
    let (engine, code) = engine_and_code();
    let [one, two] = [1, 2].map(|number| format!("{number:064}"));
    cache.store(&engine, &one, &code);
    // Another one, whose file is perfectly good.
    let (other, _) = heard(&directory.path().join("other/cache"));
    let other = other.expect("a cache");
    other.store(&engine, &two, &code);
    fs::rename(&above, directory.path().join("away")).expect("renamed");
    std::os::unix::fs::symlink(directory.path().join("other"), &above).expect("linked");
    assert!(cache.directory.path.join(name(&engine, &two)).exists(), "by its path it is the other one");
    assert!(cache.load(&engine, &two).is_none());
    assert!(cache.load(&engine, &one).is_some());
    cache.store(&engine, &format!("{:064}", 3), &code);
    assert_eq!(fs::read_dir(&other.directory.path).expect("listed").count(), 1);
    assert_eq!(fs::read_dir(directory.path().join("away/cache")).expect("listed").count(), 2);
    assert_eq!(*said.lock().expect("a lock"), "");
}

#[cfg(unix)]
#[test]
fn a_directory_in_the_reach_of_others_is_not_used() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let directory = tempfile::tempdir().expect("a directory");
    let open = |path: &Path| {
        let (cache, said) = heard(path);
        let said = said.lock().expect("a lock").clone();
        (cache.is_some(), said)
    };
    let made = |name: &str, mode: u32| {
        let made = directory.path().join(name);
        fs::create_dir(&made).expect("a directory");
        fs::set_permissions(&made, fs::Permissions::from_mode(mode)).expect("permissions");
        made
    };
    let open_to_all = made("open", 0o777);
    for below in ["cache", "a/b/cache"] {
        let (is_used, note) = open(&open_to_all.join(below));
        assert!(!is_used && note.contains("to which other users can write"), "{note}");
    }
    assert_eq!(fs::read_dir(&open_to_all).expect("listed").count(), 0, "nothing is created before it is looked at");
    // Through a link, too.
    symlink(&open_to_all, directory.path().join("link")).expect("linked");
    let (is_used, note) = open(&directory.path().join("link/cache"));
    assert!(!is_used && note.contains("open`, to which other users can write"), "{note}");
    // What is not theirs cannot be renamed there.
    assert_eq!(open(&made("sticky", 0o1777).join("cache")), (true, String::new()));
    // A planted link is not followed.
    let private = made("private", 0o700);
    symlink(&private, directory.path().join("planted")).expect("linked");
    let (is_used, note) = open(&directory.path().join("planted"));
    assert!(!is_used && note.contains("is not a directory"), "{note}");
    let foreign = made("foreign", 0o755);
    // Only the superuser can give a directory away.
    if std::os::unix::fs::chown(&foreign, Some(1), None).is_ok() {
        let (is_used, note) = open(&foreign.join("cache"));
        assert!(!is_used && note.contains("foreign`, which belongs to another user"), "{note}");
        assert_eq!(fs::read_dir(&foreign).expect("listed").count(), 0);
        let target = directory.path().join("mine");
        fs::write(&target, "of the operator").expect("written");
        let theirs = made("theirs", 0o700);
        for thread in 1..4 {
            let name = format!(".probe-{}-ThreadId({thread})", std::process::id());
            symlink(&target, theirs.join(name)).expect("linked");
        }
        std::os::unix::fs::chown(&theirs, Some(1), None).expect("given away");
        assert!(!open(&theirs).0);
        assert_eq!(fs::read(&target).expect("read"), b"of the operator");
    }
}
