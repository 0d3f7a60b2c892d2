//! Files without a statement: migrations that do nothing.

use super::*;

for_each_engine! {
    /// They are applied between, before and after others, and each is told of once, in its place.
    fn files_without_a_statement(engine) {
        let project = project!(engine);
        project.sql("1_nothing", "", "");
        project.sql("2_a", "CREATE TABLE a (id INTEGER PRIMARY KEY);", "DROP TABLE a;");
        project.sql("3_nothing", "", "-- nothing either");
        project.sql("4_nothing", "-- for another database", "");
        project.sql("5_b", "CREATE TABLE b (id INTEGER PRIMARY KEY);", "DROP TABLE b;");
        project.sql("6_nothing", "", "");
        let all = ["1", "2", "3", "4", "5", "6"];
        let applied = project.runner("apply");
        let lines = &applied.succeeds().stderr;
        let told: Vec<&str> = lines.lines().filter_map(|line| line.strip_prefix("applied ")?.split('_').next()).collect();
        assert_eq!(told[..6], all, "{lines}");
        assert_eq!(project.history(), all);
        project.runner("rollback --target 2").succeeds();
        assert_eq!(project.history(), all[..2]);
        project.runner("apply --target 3").succeeds();
        project.runner("apply").succeeds();
        assert_eq!(project.history(), all);
        project.runner("rollback --all --yes").succeeds();
        assert!(project.history().is_empty());
    }
}
