//! Statements of the tool's own that lose against another session. Triggers on its tables say so, as a cluster does whose other
//! nodes write at the same time.

use runner_tests::servers::mariadb;

use super::leases::leased;
use super::shop::{is_sound, shop};

/// The tool's tables, and what it does to them.
const WRITES: [(&str, &str); 12] = [
    ("runner_lease", "UPDATE"),
    ("runner_heartbeat", "UPDATE"),
    ("runner_history", "INSERT"),
    ("runner_history", "UPDATE"),
    ("runner_history", "DELETE"),
    ("runner_journal", "INSERT"),
    ("runner_journal", "UPDATE"),
    ("runner_journal", "DELETE"),
    ("runner_head", "INSERT"),
    ("runner_head", "UPDATE"),
    ("runner_artifact", "INSERT"),
    ("runner_progress", "DELETE"),
];

/// One in 29 loses: pauses between the attempts at one migration grow. No rollback restores a sequence.
#[test]
fn what_the_tool_writes_is_tried_again() {
    let project = leased(shop(mariadb()), "lock=lease");
    project.runner("apply --target 1").succeeds();
    project.execute("CREATE SEQUENCE lost");
    for (table, verb) in WRITES {
        project.execute(&format!(
            "DELIMITER //\nCREATE TRIGGER lost_{table}_{verb} BEFORE {verb} ON {table} FOR EACH ROW BEGIN \
             IF NEXTVAL(lost) % 29 = 0 THEN \
             SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'lost'; END IF; END//\nDELIMITER ;\n"
        ));
    }
    for (line, left) in [("apply --retries 50", 3), ("rollback --target 1 --retries 50", 1), ("apply --retries 50", 3)]
    {
        let before: u64 = project.value("SELECT NEXTVAL(lost)").parse().unwrap();
        let mut output = project.runner(line);
        // A rollback that has begun is not tried again by itself.
        for _ in 0..20 {
            if matches!(output.exit_code(), Some(5 | 6)) && line.starts_with("rollback") {
                output = project.runner(line);
            }
        }
        output.succeeds();
        let after: u64 = project.value("SELECT NEXTVAL(lost)").parse().unwrap();
        assert!(after - before >= 29, "{before} {after}\n{output}");
        assert_eq!(project.history().len(), left, "{output}");
    }
    for (table, verb) in WRITES {
        project.execute(&format!("DROP TRIGGER lost_{table}_{verb}"));
    }
    project.execute("DROP SEQUENCE lost");
    assert_eq!(is_sound(&project, "after what was lost", ""), 3);
}
