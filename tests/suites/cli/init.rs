//! `runner init --ci github`: a workflow whose commands run.

use runner_tests::{Engine, for_each_engine};

use super::*;

const WORKFLOW: &str = ".github/workflows/migrations.yml";

#[test]
fn a_new_project_can_have_a_workflow() {
    let project = project!(empty);
    project.runner("init --ci github").succeeds().says(&[&format!("created {WORKFLOW}")[..], "next: runner apply"]);
    assert_snapshot!(normalise(&project.read(WORKFLOW), project.root()));
    // It is not written twice, and nothing else is either.
    project.runner("init --ci github").exits(2).says(&["migrations.yml` already exists", "delete it"]);
    std::fs::remove_file(project.file("runner.toml")).unwrap();
    project.runner("init --ci github").exits(2);
    assert!(!project.file("runner.toml").exists());
    project.runner("init --ci gitlab").exits(2).says(&["possible values: github"]);
}

#[test]
fn the_workflow_is_at_the_root_of_the_repository() {
    let project = project!(empty);
    std::fs::create_dir(project.file(".git")).unwrap();
    project
        .runner("init services/shop --ci github")
        .succeeds()
        .says(&["created ../../.github/workflows/migrations.yml"]);
    assert!(!project.file("services/shop/.github").exists());
    let workflow = project.read(WORKFLOW);
    assert!(
        workflow.contains("    defaults:\n      run:\n        working-directory: \"services/shop\"\n"),
        "{workflow}"
    );
    project.runner("init services/shop --ci github").exits(2).says(&["already exists"]);
}

/// Neither the repository of the current directory nor a project that the environment names has to do with it.
#[test]
fn the_workflow_is_that_of_the_new_project() {
    let project = project!(empty);
    for repository in ["app", "elsewhere"] {
        std::fs::create_dir_all(project.file(&format!("{repository}/.git"))).unwrap();
    }
    project.write(&format!("app/{WORKFLOW}"), "theirs").write("elsewhere/runner.toml", "");
    let mut command = project.command(["init", "../shop", "--ci", "github"]);
    command.current_dir(project.file("app")).env("RUNNER_CONFIG", project.file("elsewhere/runner.toml"));
    project.finish(&mut command).succeeds().says(&[&format!("created {WORKFLOW}")[..]]);
    assert!(project.file(&format!("shop/{WORKFLOW}")).is_file());
    assert!(!project.file(&format!("elsewhere/{WORKFLOW}")).exists());
    assert_eq!(project.read(&format!("app/{WORKFLOW}")), "theirs");
}

for_each_engine! {
    fn what_the_workflow_runs_succeeds(engine) {
        let project = project!(engine);
        project.sql("1_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);", "DROP TABLE a;");
        project.runner("build").succeeds();
        project.runner("init --ci github").succeeds().does_not_say(&["next:", "runner.toml"]);
        let workflow = project.read(WORKFLOW);
        let image = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some("image: postgres:"),
            Engine::Mariadb if project.url().starts_with("mysql:") => Some("image: mysql:"),
            Engine::Mariadb => Some("image: mariadb:"),
        };
        assert_eq!(image.is_some(), workflow.contains("services:"), "{workflow}");
        assert!(image.is_none_or(|image| workflow.contains(image)), "{workflow}");
        let (of_pull_requests, commands): (Vec<&str>, Vec<&str>) = workflow
            .lines()
            .filter_map(|line| line.trim().strip_prefix("run: runner "))
            .partition(|command| command.contains("github."));
        assert_eq!(of_pull_requests, ["check --base \"origin/${{ github.base_ref }}\" --locked"]);
        assert!(workflow.contains("fetch-depth: 0"), "{workflow}");
        assert_eq!(commands.len(), 3, "{workflow}");
        for command in commands {
            assert!(command.contains(" --locked"), "{command}");
            let words = command.split(' ').map(|word| match word {
                "\"$RUNNER_DATABASE_URL\"" => project.url(),
                word => word.to_owned(),
            });
            project.run(words).succeeds();
        }
    }
}

/// A project with source code checks its artifacts; what the builds need is installed before.
#[test]
fn the_workflow_of_components_builds_them_again() {
    let project = commands::made_by("cp core.bin build/module.wasm\n");
    let manifest = format!("{}/migration.toml", commands::MIGRATION);
    let tools = "[build.tools]\n\"pip install it==1.0\" = [\"true\"]\n\"Tool 2: https://get.it\" = [\"true\"]\n";
    project.write(&manifest, project.read(&manifest) + tools);
    // What is made by the same tool is installed once.
    project.write("migrations/2_again/migration.toml", project.read(&manifest).replace("make.sh", "../1_made/make.sh"));
    project.write("migrations/2_again/core.bin", guests::core_module("hostile"));
    project.runner("build").succeeds();
    project.runner("init --ci github").succeeds();
    let workflow = project.read(WORKFLOW);
    let steps = "        run: |\n          pip install it==1.0\n      # The builds need Tool 2: https://get.it\n      - name: Prove";
    assert_eq!(workflow.matches(steps).count(), 1, "{workflow}");
    project.runner("build --check").succeeds().prints(&["same 1_made", "same 2_again"]);
    // Rust's target is not installed with the compiler.
    let rust = project!();
    rust.write("migrations/1_r/Cargo.toml", "[package]").runner("init --ci github").succeeds();
    assert!(rust.read(WORKFLOW).contains("          rustup target add wasm32-unknown-unknown\n"));
}
