//! `runner build` and the lockfile.

use super::*;

#[test]
fn a_core_module_becomes_a_component() {
    let project = project!();
    project.write("migrations/1_hostile.wasm", guests::core_module("hostile"));
    project.runner("build").succeeds();
    let text = project.read("runner.lock");
    assert!(text.contains("1_hostile") && text.contains("misbehave") && text.contains("transformer = true"), "{text}");
    project.runner("validate").succeeds();
    // There is nothing to do, so nothing changes.
    project.runner("build").succeeds();
    assert_eq!(project.read("runner.lock"), text);
}

#[test]
fn the_lockfile_lists_all_artifacts() {
    let project = with_component();
    assert_snapshot!(normalise(&project.read("runner.lock"), project.root()));
}

#[test]
fn nothing_to_build() {
    project!().runner("build").succeeds();
}

#[test]
fn an_unknown_revision() {
    shop().runner("build 0777").exits(2).says(&["0777"]);
}
