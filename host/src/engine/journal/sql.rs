//! The statements of the journal's tables: one text for all dialects, in which `@` stands for the place of the tool's tables
//! and `?1` for a parameter. Parameters stand in the order of their numbers, each once.

use crate::database::Dialect;

/// Makes the journal's tables.
pub fn create(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Sqlite => &SQLITE,
        Dialect::Postgres => &POSTGRES,
        Dialect::Mysql | Dialect::Mariadb => &MYSQL,
    }
}

const SQLITE: [&str; 4] = [
    // `part` 0 is the step itself; the parts of a result that was put by have numbers from 1.
    "CREATE TABLE @.runner_journal (
        history_id INTEGER NOT NULL,
        direction TEXT NOT NULL,
        step INTEGER NOT NULL,
        part INTEGER NOT NULL,
        kind TEXT NOT NULL,
        digest TEXT NOT NULL,
        text TEXT NOT NULL,
        state TEXT NOT NULL,
        effect INTEGER NOT NULL,
        row_count INTEGER NOT NULL,
        seal TEXT NOT NULL,
        answer BLOB,
        began_at TEXT NOT NULL,
        ended_at TEXT,
        PRIMARY KEY (history_id, direction, step, part)
    ) WITHOUT ROWID",
    "CREATE TABLE @.runner_checkpoint (
        history_id INTEGER NOT NULL,
        direction TEXT NOT NULL,
        step INTEGER NOT NULL,
        source BLOB NOT NULL,
        position BLOB NOT NULL,
        rows_read INTEGER NOT NULL,
        rows_written INTEGER NOT NULL,
        chunks INTEGER NOT NULL,
        changed_at TEXT NOT NULL,
        PRIMARY KEY (history_id, direction, step)
    ) WITHOUT ROWID",
    // How far the journal must reach, apart from it: rows that are missing at its end leave no other trace.
    "CREATE TABLE @.runner_head (
        history_id INTEGER NOT NULL,
        direction TEXT NOT NULL,
        step INTEGER NOT NULL,
        seal TEXT NOT NULL,
        run_id TEXT NOT NULL,
        run_by TEXT NOT NULL,
        PRIMARY KEY (history_id, direction)
    ) WITHOUT ROWID",
    // Times are microseconds of the database's own clock. `from_key` is the key behind which a chunk begins, `size` the rows
    // that it had when it was cut; 0: they were not counted.
    "CREATE TABLE @.runner_chunk (
        history_id INTEGER NOT NULL,
        direction TEXT NOT NULL,
        step INTEGER NOT NULL,
        number INTEGER NOT NULL,
        from_key BLOB NOT NULL,
        to_key BLOB NOT NULL,
        size INTEGER NOT NULL,
        state TEXT NOT NULL,
        owner TEXT NOT NULL,
        held_by TEXT NOT NULL,
        token INTEGER NOT NULL,
        lease_until INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        rows_read INTEGER NOT NULL,
        rows_written INTEGER NOT NULL,
        seal TEXT NOT NULL,
        last_error TEXT,
        began_at INTEGER NOT NULL,
        ended_at INTEGER,
        PRIMARY KEY (history_id, direction, step, number)
    ) WITHOUT ROWID",
];

const POSTGRES: [&str; 4] = [
    "CREATE TABLE @.runner_journal (
        history_id bigint NOT NULL,
        direction text NOT NULL,
        step bigint NOT NULL,
        part bigint NOT NULL,
        kind text NOT NULL,
        digest text NOT NULL,
        text text NOT NULL,
        state text NOT NULL,
        effect bigint NOT NULL,
        row_count bigint NOT NULL,
        seal text NOT NULL,
        answer bytea,
        began_at text NOT NULL,
        ended_at text,
        PRIMARY KEY (history_id, direction, step, part)
    )",
    "CREATE TABLE @.runner_checkpoint (
        history_id bigint NOT NULL,
        direction text NOT NULL,
        step bigint NOT NULL,
        source bytea NOT NULL,
        position bytea NOT NULL,
        rows_read bigint NOT NULL,
        rows_written bigint NOT NULL,
        chunks bigint NOT NULL,
        changed_at text NOT NULL,
        PRIMARY KEY (history_id, direction, step)
    )",
    "CREATE TABLE @.runner_head (
        history_id bigint NOT NULL,
        direction text NOT NULL,
        step bigint NOT NULL,
        seal text NOT NULL,
        run_id text NOT NULL,
        run_by text NOT NULL,
        PRIMARY KEY (history_id, direction)
    )",
    "CREATE TABLE @.runner_chunk (
        history_id bigint NOT NULL,
        direction text NOT NULL,
        step bigint NOT NULL,
        number bigint NOT NULL,
        from_key bytea NOT NULL,
        to_key bytea NOT NULL,
        size bigint NOT NULL,
        state text NOT NULL,
        owner text NOT NULL,
        held_by text NOT NULL,
        token bigint NOT NULL,
        lease_until bigint NOT NULL,
        attempts bigint NOT NULL,
        rows_read bigint NOT NULL,
        rows_written bigint NOT NULL,
        seal text NOT NULL,
        last_error text,
        began_at bigint NOT NULL,
        ended_at bigint,
        PRIMARY KEY (history_id, direction, step, number)
    )",
];

const MYSQL: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS @.runner_journal (
        history_id BIGINT NOT NULL,
        direction VARCHAR(16) NOT NULL,
        step BIGINT NOT NULL,
        part BIGINT NOT NULL,
        kind VARCHAR(32) NOT NULL,
        digest VARCHAR(64) NOT NULL,
        text LONGTEXT NOT NULL,
        state VARCHAR(32) NOT NULL,
        effect BIGINT NOT NULL,
        row_count BIGINT NOT NULL,
        seal VARCHAR(64) NOT NULL,
        answer LONGBLOB,
        began_at VARCHAR(64) NOT NULL,
        ended_at VARCHAR(64),
        PRIMARY KEY (history_id, direction, step, part)
    ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "CREATE TABLE IF NOT EXISTS @.runner_checkpoint (
        history_id BIGINT NOT NULL,
        direction VARCHAR(16) NOT NULL,
        step BIGINT NOT NULL,
        source LONGBLOB NOT NULL,
        position LONGBLOB NOT NULL,
        rows_read BIGINT NOT NULL,
        rows_written BIGINT NOT NULL,
        chunks BIGINT NOT NULL,
        changed_at VARCHAR(64) NOT NULL,
        PRIMARY KEY (history_id, direction, step)
    ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "CREATE TABLE IF NOT EXISTS @.runner_head (
        history_id BIGINT NOT NULL,
        direction VARCHAR(16) NOT NULL,
        step BIGINT NOT NULL,
        seal VARCHAR(64) NOT NULL,
        run_id VARCHAR(64) NOT NULL,
        run_by LONGTEXT NOT NULL,
        PRIMARY KEY (history_id, direction)
    ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "CREATE TABLE IF NOT EXISTS @.runner_chunk (
        history_id BIGINT NOT NULL,
        direction VARCHAR(16) NOT NULL,
        step BIGINT NOT NULL,
        number BIGINT NOT NULL,
        from_key LONGBLOB NOT NULL,
        to_key LONGBLOB NOT NULL,
        size BIGINT NOT NULL,
        state VARCHAR(32) NOT NULL,
        owner VARCHAR(255) NOT NULL,
        held_by VARCHAR(255) NOT NULL,
        token BIGINT NOT NULL,
        lease_until BIGINT NOT NULL,
        attempts BIGINT NOT NULL,
        rows_read BIGINT NOT NULL,
        rows_written BIGINT NOT NULL,
        seal VARCHAR(64) NOT NULL,
        last_error LONGTEXT,
        began_at BIGINT NOT NULL,
        ended_at BIGINT,
        PRIMARY KEY (history_id, direction, step, number)
    ) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
];

macro_rules! of_run {
    () => {
        " WHERE history_id = ?1 AND direction = ?2"
    };
}

/// Adds a row. Parameters: history row, direction, step, part, kind, digest, text, state, effect, rows, seal, answer, began,
/// ended.
pub const INSERT: &str = "INSERT INTO @.runner_journal (history_id, direction, step, part, kind, digest, text, state, \
     effect, row_count, seal, answer, began_at, ended_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
/// Answers a step that was only intended. Parameters: text, effect, rows, seal, answer, ended, history row, direction, step.
pub const ANSWER: &str = "UPDATE @.runner_journal SET state = 'done', text = ?1, effect = ?2, row_count = ?3, seal = ?4, \
     answer = ?5, ended_at = ?6 WHERE history_id = ?7 AND direction = ?8 AND step = ?9 AND part = 0 AND state = 'intent'";
/// Takes an intent back. Parameters: history row, direction, step.
pub const FORGET: &str = concat!("DELETE FROM @.runner_journal", of_run!(), " AND step = ?3 AND state = 'intent'");
/// The steps behind one, as many as are kept in memory: step, kind, digest, text, state, seal, effect, rows, and the answer if it is small.
/// Parameters: history row, direction, step.
pub const PAGE: &str = concat!(
    "SELECT step, kind, digest, text, state, seal, effect, row_count, \
     CASE WHEN length(answer) <= 1024 THEN answer END FROM @.runner_journal",
    of_run!(),
    " AND part = 0 AND step > ?3 ORDER BY step LIMIT 256"
);
/// The row of the inputs: digest, seal, answer. Parameters: history row, direction.
pub const FIRST: &str =
    concat!("SELECT digest, seal, answer FROM @.runner_journal", of_run!(), " AND step = 0 AND part = 0");
/// What a step answered, or a part of it. Parameters: history row, direction, step, part.
pub const PART: &str = concat!("SELECT answer FROM @.runner_journal", of_run!(), " AND step = ?3 AND part = ?4");
/// The step that was intended and not answered: step, kind, digest, text, its answer's place, when it began. Parameters:
/// history row, direction.
pub const INTENT: &str = concat!(
    "SELECT step, kind, digest, text, answer, began_at FROM @.runner_journal",
    of_run!(),
    " AND part = 0 AND state = 'intent' ORDER BY step LIMIT 1"
);
/// How many steps are done. Parameters: history row, direction.
pub const DONE: &str =
    concat!("SELECT count(*) FROM @.runner_journal", of_run!(), " AND part = 0 AND step > 0 AND state = 'done'");
/// How many steps changed something. Parameters: history row, direction.
pub const EFFECTS: &str =
    concat!("SELECT count(*) FROM @.runner_journal", of_run!(), " AND part = 0 AND state = 'done' AND effect = 1");
/// The last steps that changed something, the last first: step, kind, text. Parameters: history row, direction.
pub const LAST: &str = concat!(
    "SELECT step, kind, text FROM @.runner_journal",
    of_run!(),
    " AND part = 0 AND state = 'done' AND effect = 1 ORDER BY step DESC LIMIT 5"
);
/// Takes all rows of a run away. Parameters: history row, direction.
pub const CLEAR: &str = concat!("DELETE FROM @.runner_journal", of_run!());
/// Takes the parts of results away. Parameters: history row, direction.
pub const CLEAR_PARTS: &str = concat!("DELETE FROM @.runner_journal", of_run!(), " AND part > 0");
/// Takes the answers away. Parameters: history row, direction.
pub const CLEAR_ANSWERS: &str =
    concat!("UPDATE @.runner_journal SET answer = NULL", of_run!(), " AND answer IS NOT NULL");

/// Adds a checkpoint. Parameters: history row, direction, step, source, position, changed.
pub const BEGIN_CHECKPOINT: &str = "INSERT INTO @.runner_checkpoint (history_id, direction, step, source, position, \
     rows_read, rows_written, chunks, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 0, ?6)";
/// Moves a checkpoint. Parameters: position, rows read, rows written, chunks, changed, history row, direction, step.
pub const MOVE_CHECKPOINT: &str = "UPDATE @.runner_checkpoint SET position = ?1, rows_read = ?2, rows_written = ?3, \
     chunks = ?4, changed_at = ?5 WHERE history_id = ?6 AND direction = ?7 AND step = ?8";
/// A checkpoint: source, position, rows read, rows written, chunks. Parameters: history row, direction, step.
pub const CHECKPOINT: &str = concat!(
    "SELECT source, position, rows_read, rows_written, chunks FROM @.runner_checkpoint",
    of_run!(),
    " AND step = ?3"
);
/// The transforms under way. Parameters: history row, direction.
pub const UNDER_WAY: &str = concat!("SELECT step FROM @.runner_checkpoint", of_run!(), " ORDER BY step");
/// How many transforms under way have written chunks. Parameters: history row, direction.
pub const MOVED: &str = concat!(
    "SELECT count(*) FROM @.runner_checkpoint",
    of_run!(),
    " AND EXISTS (SELECT 1 FROM @.runner_chunk k WHERE k.history_id = @.runner_checkpoint.history_id \
     AND k.direction = @.runner_checkpoint.direction AND k.step = @.runner_checkpoint.step AND k.state = 'done')"
);
/// Takes a checkpoint away. Parameters: history row, direction, step.
pub const CLEAR_CHECKPOINT: &str = concat!("DELETE FROM @.runner_checkpoint", of_run!(), " AND step = ?3");
/// Takes the checkpoints of a run away. Parameters: history row, direction.
pub const CLEAR_CHECKPOINTS: &str = concat!("DELETE FROM @.runner_checkpoint", of_run!());
/// Has transforms be of another direction. Parameters: that, history row, direction.
pub const TURN_CHECKPOINTS: &str =
    "UPDATE @.runner_checkpoint SET direction = ?1 WHERE history_id = ?2 AND direction = ?3";
/// Has chunks be of another direction. Parameters: that, history row, direction.
pub const TURN_CHUNKS: &str = "UPDATE @.runner_chunk SET direction = ?1 WHERE history_id = ?2 AND direction = ?3";
/// Begins the head of a journal. Parameters: history row, direction, seal, run, who.
pub const BEGIN_HEAD: &str =
    "INSERT INTO @.runner_head (history_id, direction, step, seal, run_id, run_by) VALUES (?1, ?2, 0, ?3, ?4, ?5)";
/// Notes the run that takes a journal up. Parameters: run, who, history row, direction.
pub const TAKE_HEAD: &str =
    "UPDATE @.runner_head SET run_id = ?1, run_by = ?2 WHERE history_id = ?3 AND direction = ?4";
/// The journal ends with this step, which is done. Parameters: step, seal, history row, direction.
pub const MOVE_HEAD: &str = "UPDATE @.runner_head SET step = ?1, seal = ?2 WHERE history_id = ?3 AND direction = ?4";
/// The journal ends with this step, which is begun, or behind which one was taken back. Parameters: step, history row,
/// direction.
pub const STEP_HEAD: &str = "UPDATE @.runner_head SET step = ?1 WHERE history_id = ?2 AND direction = ?3";
/// The last step, the seal over all that are done, the run that was at it, and who that was. Parameters: history row,
/// direction.
pub const HEAD: &str = concat!("SELECT step, seal, run_id, run_by FROM @.runner_head", of_run!());
/// Takes the head of a run away. Parameters: history row, direction.
pub const CLEAR_HEAD: &str = concat!("DELETE FROM @.runner_head", of_run!());

#[cfg(test)]
mod tests {
    use super::*;

    /// Where placeholders have no numbers, their order alone tells them apart.
    #[test]
    fn parameters_stand_in_the_order_of_their_numbers() {
        let all = [
            INSERT,
            ANSWER,
            FORGET,
            PAGE,
            FIRST,
            PART,
            INTENT,
            DONE,
            EFFECTS,
            LAST,
            CLEAR,
            CLEAR_PARTS,
            CLEAR_ANSWERS,
            BEGIN_CHECKPOINT,
            MOVE_CHECKPOINT,
            CHECKPOINT,
            UNDER_WAY,
            MOVED,
            CLEAR_CHECKPOINT,
            CLEAR_CHECKPOINTS,
            TURN_CHECKPOINTS,
            TURN_CHUNKS,
            BEGIN_HEAD,
            TAKE_HEAD,
            MOVE_HEAD,
            STEP_HEAD,
            HEAD,
            CLEAR_HEAD,
        ];
        for text in all {
            let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
            let numbers: Vec<usize> =
                text.split('?').skip(1).map(|rest| digits(rest).parse().expect("a number")).collect();
            assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>(), "{text}");
        }
    }
}
