//! The statements of the table `runner_evidence`: one text for all dialects, in which `@` stands for the place of the tool's
//! tables and `?1` for a parameter. Parameters stand in the order of their numbers, each once.

use crate::database::Dialect;

/// Makes the table.
pub fn create(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "CREATE TABLE @.runner_evidence (
                history_id INTEGER NOT NULL,
                direction TEXT NOT NULL,
                kind TEXT NOT NULL,
                step INTEGER NOT NULL,
                part INTEGER NOT NULL,
                content BLOB NOT NULL,
                PRIMARY KEY (history_id, direction, kind, step, part)
            ) WITHOUT ROWID"
        }
        Dialect::Postgres => {
            "CREATE TABLE @.runner_evidence (
                history_id bigint NOT NULL,
                direction text NOT NULL,
                kind text NOT NULL,
                step bigint NOT NULL,
                part bigint NOT NULL,
                content bytea NOT NULL,
                PRIMARY KEY (history_id, direction, kind, step, part)
            )"
        }
        Dialect::Mysql | Dialect::Mariadb => {
            "CREATE TABLE IF NOT EXISTS @.runner_evidence (
                history_id BIGINT NOT NULL,
                direction VARCHAR(16) NOT NULL,
                kind VARCHAR(32) NOT NULL,
                step BIGINT NOT NULL,
                part BIGINT NOT NULL,
                content LONGBLOB NOT NULL,
                PRIMARY KEY (history_id, direction, kind, step, part)
            ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        }
    }
}

/// Adds a part. Parameters: history row, direction, kind, step, part, content.
pub const INSERT: &str = "INSERT INTO @.runner_evidence (history_id, direction, kind, step, part, content) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
/// Steps and contents of a kind, in order. Parameters: history row, direction, kind.
pub const ALL: &str = "SELECT step, content FROM @.runner_evidence WHERE history_id = ?1 AND direction = ?2 AND kind = ?3 \
     ORDER BY step, part";
/// Parts of a step behind one, as many as are kept in memory. Parameters: history row, direction, kind, step, part.
pub const PAGE: &str = "SELECT part, content FROM @.runner_evidence WHERE history_id = ?1 AND direction = ?2 AND kind = ?3 \
     AND step = ?4 AND part > ?5 ORDER BY part LIMIT 256";
/// Takes a step of a kind away. Parameters: history row, direction, kind, step.
pub const CLEAR_STEP: &str =
    "DELETE FROM @.runner_evidence WHERE history_id = ?1 AND direction = ?2 AND kind = ?3 AND step = ?4";
/// Takes everything of a run away. Parameters: history row, direction.
pub const CLEAR: &str = "DELETE FROM @.runner_evidence WHERE history_id = ?1 AND direction = ?2";
/// Takes away what nobody asks for once a row of history is no longer in force. Parameter: history row.
pub const RETIRE: &str = "DELETE FROM @.runner_evidence WHERE history_id = ?1 AND kind <> 'unordered'";
/// Statements without an order that runs of an artifact have met. Parameters: revision, digest of the artifact.
pub const UNORDERED: &str = "SELECT DISTINCT e.content FROM @.runner_evidence e \
     JOIN @.runner_history h ON h.id = e.history_id WHERE h.revision = ?1 AND h.sha256 = ?2 AND e.kind = 'unordered'";
/// The row in force of a revision. Parameter: the revision.
pub const LIVE: &str = "SELECT id FROM @.runner_history WHERE revision = ?1 AND active = 1";

#[cfg(test)]
mod tests {
    use super::*;

    /// Where placeholders have no numbers, their order alone tells them apart.
    #[test]
    fn parameters_stand_in_the_order_of_their_numbers() {
        for text in [INSERT, ALL, PAGE, CLEAR_STEP, CLEAR, RETIRE, UNORDERED, LIVE] {
            let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
            let numbers: Vec<usize> =
                text.split('?').skip(1).map(|rest| digits(rest).parse().expect("a number")).collect();
            assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>(), "{text}");
        }
    }
}
