//! `runner build --watch`.

use std::fs::File;
use std::process::Stdio;

use runner_tests::{Running, until};

use super::commands::{MIGRATION, made_by};
use super::*;

/// A watching process, and what it wrote to standard error.
struct Watching<'p> {
    process: Running,
    project: &'p TestProject,
}

impl<'p> Watching<'p> {
    fn start(project: &'p TestProject, line: &str) -> Self {
        let log = File::create(project.file("log")).unwrap();
        let mut command = project.command(line.split_whitespace());
        let watching = Self { process: Running::start(command.stderr(Stdio::from(log))), project };
        watching.rests(1);
        watching
    }

    /// Waits until it has built so often, and rests.
    fn rests(&self, times: usize) {
        until("the watcher rests", || self.log().matches("watching `migrations`").count() >= times);
    }

    fn log(&self) -> String {
        self.project.read("log")
    }

    fn says(&self, text: &str) {
        until(text, || self.log().contains(text));
    }

    fn ends(mut self, name: &str) -> String {
        self.process.signal(name);
        assert_eq!(self.process.wait().unwrap().code(), Some(0), "SIG{name}\n{}", self.log());
        self.log()
    }
}

/// The hidden file counts the builds: it is no source.
const COUNTED: &str = "echo x >> .count\ncp core.bin build/module.wasm\n";

/// Saves a file in one step: whoever looks sees the old one or the new one.
fn save(project: &TestProject, path: &str, content: impl AsRef<[u8]>) {
    project.write(".saved", content);
    std::fs::rename(project.file(".saved"), project.file(path)).unwrap();
}

fn count(project: &TestProject) -> usize {
    project.read(&format!("{MIGRATION}/.count")).lines().count()
}

#[test]
fn what_is_saved_is_rebuilt() {
    let project = made_by(COUNTED);
    let watching = Watching::start(&project, "build --watch");
    let artifact = || std::fs::read(project.file("migrations/1_made.wasm")).unwrap();
    let (first, other) = (artifact(), guests::core_module("reference"));
    assert_eq!(count(&project), 1);
    save(&project, &format!("{MIGRATION}/core.bin"), &other);
    watching.rests(2);
    assert_ne!(artifact(), first);
    assert_eq!(count(&project), 2);
    // An error does not end it.
    save(&project, &format!("{MIGRATION}/make.sh"), "echo main.c:3: no >&2; exit 3\n");
    watching.rests(3);
    watching.says("`sh make.sh` failed: exit status: 3");
    assert_ne!(artifact(), first);
    save(&project, &format!("{MIGRATION}/make.sh"), COUNTED);
    save(&project, &format!("{MIGRATION}/core.bin"), guests::core_module("hostile"));
    until("it is built again", || artifact() == first);
    // A migration that did not exist, and one in SQL.
    // The downgrade alone is none yet: the lockfile has both from the start.
    save(&project, "migrations/2_plain.down.sql", "SELECT 1;");
    save(&project, "migrations/2_plain.up.sql", "SELECT 1;");
    until("it is in the lockfile", || project.read("runner.lock").contains("2_plain"));
    let log = watching.ends("INT");
    assert!(log.contains("built 1_made") && log.contains("locked 2_plain"), "{log}");
    project.runner("build --check").succeeds();
}

#[test]
fn what_a_migration_shares_is_watched() {
    for (named, file) in [("shared/core.bin", "shared/core.bin"), ("shared", "shared/deep/core.bin")] {
        let project = made_by(&format!("cp ../../{file} build/module.wasm\n"));
        let manifest = format!("{MIGRATION}/migration.toml");
        project.write(&manifest, project.read(&manifest) + &format!("sources = [\"../../{named}\"]\n"));
        project.write(file, guests::core_module("hostile"));
        project.sql("0_plain", "SELECT 1;", "SELECT 1;");
        project.runner("build").succeeds();
        // A history that lacks it says that it may change.
        project.runner("apply --target 0").succeeds();
        let watching = Watching::start(&project, "build --watch");
        let artifact = || std::fs::read(project.file("migrations/1_made.wasm")).unwrap();
        let first = artifact();
        save(&project, file, guests::core_module("reference"));
        watching.rests(2);
        assert!(artifact() != first, "{file}");
        watching.ends("INT");
    }
}

/// What a build writes, what is read, and what is saved without a change is no reason to build.
#[test]
fn a_build_does_not_start_the_next_one() {
    let project = made_by(COUNTED);
    let watching = Watching::start(&project, "build --watch 1");
    let built = count(&project);
    let make = format!("{MIGRATION}/make.sh");
    save(&project, &make, COUNTED);
    project.write(&format!("{MIGRATION}/build/left"), "").runner("status").succeeds();
    save(&project, &make, format!("{COUNTED}true\n"));
    watching.rests(2);
    assert_eq!(count(&project), built + 1);
    watching.ends("TERM");
    // Nor does a build that writes among its source and fails go on for ever.
    project.write(&make, "date +%s%N > generated; echo x >> .count; exit 1\n");
    let before = count(&project);
    let watching = Watching::start(&project, "build --watch");
    let after = count(&project);
    assert!((before + 1..=before + 3).contains(&after), "{before} {after}");
    watching.ends("INT");
    assert_eq!(count(&project), after);
}

/// What is saved while a build runs is not taken for what was built.
#[test]
fn what_is_saved_during_a_build_is_built() {
    let project = made_by(
        "cp core.bin build/module.wasm\ntest -e .go || { touch .here; while ! test -e .go; do sleep 0.01; done; }\n",
    );
    let mut watching = Running::start(project.command(["build", "--watch"]).stderr(Stdio::null()));
    until("the command runs", || project.file(&format!("{MIGRATION}/.here")).exists());
    let other = guests::core_module("reference");
    save(&project, &format!("{MIGRATION}/core.bin"), &other);
    project.write(&format!("{MIGRATION}/.go"), "");
    until("it is built", || project.file("runner.lock").exists());
    watching.signal("INT");
    assert_eq!(watching.wait().unwrap().code(), Some(0));
    project.runner("build --check").succeeds();
    let artifact = std::fs::read(project.file("migrations/1_made.wasm")).unwrap();
    let made = made_by("cp core.bin build/module.wasm\n");
    made.write(&format!("{MIGRATION}/core.bin"), &other).runner("build").succeeds();
    assert!(artifact == std::fs::read(made.file("migrations/1_made.wasm")).unwrap());
}

/// Ends in the middle of a build, with all that the build started.
#[test]
#[cfg(target_os = "linux")]
fn a_stopped_watcher_leaves_nothing_behind() {
    let project = made_by(COUNTED);
    let watching = Watching::start(&project, "build --watch");
    let before = (project.read("runner.lock"), std::fs::read(project.file("migrations/1_made.wasm")).unwrap());
    let script = "sh -c 'echo $$ > .id.tmp; mv .id.tmp .id; sleep 1000; true'; true\n";
    save(&project, &format!("{MIGRATION}/make.sh"), script);
    let id = format!("{MIGRATION}/.id");
    until("the command runs", || project.file(&id).exists());
    let id = project.read(&id);
    let log = watching.ends("INT");
    until("the command has ended", || !super::checks::is_running(&id));
    assert!(!log.contains("error"), "{log}");
    let after = (project.read("runner.lock"), std::fs::read(project.file("migrations/1_made.wasm")).unwrap());
    assert!(before == after);
    let names = std::fs::read_dir(project.file("migrations")).unwrap().map(|it| it.unwrap().file_name());
    assert_eq!(names.count(), 2, "no temporary file");
}

#[test]
fn a_directory_that_disappears_ends_it() {
    let project = made_by(COUNTED);
    let mut watching = Watching::start(&project, "build --watch");
    std::fs::rename(project.file("migrations"), project.file("away")).unwrap();
    assert_eq!(watching.process.wait().unwrap().code(), Some(2));
    assert!(watching.log().contains("the directory `migrations` does not exist"), "{}", watching.log());
}
