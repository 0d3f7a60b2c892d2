//! Getting started.

use runner_tests::TestProject;

use crate::docs::story::Story;

#[test]
fn getting_started() {
    let place = TestProject::empty(env!("CARGO_BIN_EXE_runner"));
    let mut story = Story::new("getting-started", &place);
    // The binary is there.
    story.skip("git clone https://github.com/runner-migrations/runner");
    story.skip("cd runner");
    story.skip("cargo install --locked --path host/runner");
    story.prints("runner init shop", 0);
    story.run("cd shop", 0);
    story.prints("runner apply", 0);
    story.prints("runner new create_orders", 0);
    story.write_files();
    for line in ["runner plan", "runner apply", "runner status"] {
        story.prints(line, 0);
    }
    let first = story.revision("create_notes.up.sql");
    story.run("runner new tidy_names --lang rust", 0);
    story.run("runner build", 0);
    story.run("runner apply", 0);
    story.run("runner rollback", 0).says(&["rolled back"]);
    story.run("runner rollback -n 2", 0).says(&["rolled back 2 migrations"]);
    story.execute("runner apply", 0);
    story.replace("20261120093749", first);
    story.run("runner rollback --target 20261120093749", 0).says(&["rolled back 2 migrations"]);
    story.run("runner rollback --all", 0).says(&["rolled back 1 migration"]);
    story.execute("runner apply", 0);
    story.run("runner redo", 0);
    story.run("runner apply --format json", 0).prints(&["\"result\": \"up-to-date\""]);
    story.end();
}
