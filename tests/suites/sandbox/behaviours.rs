//! Every behaviour of the hostile guest, and how a run of it has to end.

use super::*;

/// How a run of a behaviour has to end.
struct Expected {
    code: i32,
    /// What the messages must contain.
    says: &'static [&'static str],
    /// `NAME=VALUE` for `--limit`.
    limits: &'static [&'static str],
}

const fn fails(says: &'static [&'static str]) -> Expected {
    Expected { code: 1, says, limits: &[] }
}

const fn denied(says: &'static [&'static str]) -> Expected {
    Expected { code: 7, says, limits: &[] }
}

const fn succeeds(says: &'static [&'static str]) -> Expected {
    Expected { code: 0, says, limits: &[] }
}

impl Expected {
    const fn with(self, limits: &'static [&'static str]) -> Self {
        Self { limits, ..self }
    }
}

/// A new behaviour does not compile until it is listed here.
fn expected(behaviour: Behaviour) -> Expected {
    use Behaviour::*;
    match behaviour {
        LoopForever => denied(&["limit `fuel`", "--limit fuel="]).with(&["fuel=50_000_000"]),
        LoopInTransform => denied(&["limit `fuel`", "transform-batch"]).with(&["fuel=50_000_000"]),
        RecurseForever => denied(&["limit `stack` of 1MiB"]),
        RecurseInMemory => fails(&["trapped", "out of bounds memory access"]),
        AllocateForever => denied(&["limit `guest_memory` of 16MiB"]).with(&["guest_memory=16MiB"]),
        AllocateInTransform => denied(&["limit `guest_memory`", "transform-batch"]).with(&["guest_memory=16MiB"]),
        EndlessStatement => denied(&["limit `wall_time`"]).with(&["wall_time=3s"]),
        EndlessHostCalls => denied(&["limit `wall_time`"]).with(&["wall_time=3s"]),
        HugeStatement => denied(&["limit `host_call_bytes` of 4MiB"]).with(&["host_call_bytes=4MiB"]),
        HugeParameter => denied(&["limit `host_call_bytes`"]).with(&["host_call_bytes=4MiB"]),
        QueryManyRows => denied(&["more than 10000 rows", "batches"]),
        QueryManyBytes => denied(&["more than 2000000 bytes"]).with(&["query_bytes=2_000_000"]),
        ReadLargeCell => denied(&["`large`", "5000000 bytes"]).with(&["cell_bytes=4MiB"]),
        LeakReaders => denied(&["limit `handles` of 1000"]),
        FloodLogLines => succeeds(&["line 9", "used up its log volume"]).with(&["log_lines=10"]),
        FloodLogBytes => succeeds(&["used up its log volume"]).with(&["log_bytes=200kB"]),
        OpenAssetsForever => denied(&["limit `wall_time`"]).with(&["wall_time=3s"]),
        OpenLargeAsset => denied(&["large.bin", "limit `asset_bytes`"]).with(&["asset_bytes=1kB"]),

        Trap => fails(&["trapped", "unreachable"]),
        Panic => fails(&["error: the migration panicked at ", "nobody expected 7 apples", "endings.rs:"]),
        ReturnError => fails(&["the address of row 7 cannot be parsed", "it says `nowhere`"]),
        ReturnDatabaseError => fails(&["UNIQUE constraint failed: people.id", "step: 3", "INSERT INTO people"]),
        ReturnWrappedError => fails(&["while tidying up", "no such table: nowhere", "UPDATE nowhere"]),
        IgnoreDatabaseError => succeeds(&[]),
        RollBackByConflict => fails(&["SQLite has rolled the transaction back", "left no changes"]),
        RollBackByTrigger => fails(&["SQLite has rolled the transaction back", "boom", "left no changes"]),

        OffsetsFall => fails(&["malformed batch", "column `name`", "offset after row 1 falls"]),
        OffsetsBeyondData => fails(&["malformed batch", "column `name`", "the last offset is"]),
        OffsetsStartLate => fails(&["malformed batch", "the first offset is 1, not 0"]),
        OffsetsMissing => fails(&["malformed batch", "0 offsets for 100 rows"]),
        ColumnTooShort => fails(&["malformed batch", "column `score`: 99 entries for 100 rows"]),
        ColumnTooLong => fails(&["malformed batch", "column `score`: 101 entries for 100 rows"]),
        RowCountTooLarge => fails(&["malformed batch", "100 entries for 101 rows"]),
        RowCountWithoutColumns => fails(&["malformed batch"]),
        NullsTooShort => fails(&["malformed batch", "column `note`: 1 null flags for 100 rows"]),
        NullsOutOfRange => fails(&["malformed batch", "null flag of row 0 is 2, not 0 or 1"]),
        BooleanOutOfRange => fails(&["malformed batch", "boolean of row 0 is 2, not 0 or 1"]),
        InvalidUtf8 => fails(&["malformed batch", "row 0 is not UTF-8"]),
        SplitCharacter => fails(&["malformed batch", "column `name`", "begins inside a character"]),
        UnknownColumn => fails(&["`nota`", "people"]),
        DuplicateColumn => fails(&["malformed batch", "column `name` occurs twice"]),
        ChangedKey => fails(&["key id = 1000000", "keys must not be changed"]),
        MissingKey => fails(&["key column `id` is missing"]),
        KeyOfOtherType => fails(&["key column `id` was passed in as int64 and returned as float64"]),
        NullKey => fails(&["key"]),
        RepeatedRows => fails(&["malformed batch", "key id = 1", "twice"]),
        ExistingKeyInserted => fails(&["UNIQUE constraint failed: people.id"]),
        NotANumber => fails(&["NaN", "score"]),
        LargeCell => denied(&["`name`", "limit `cell_bytes`"]).with(&["cell_bytes=2MiB"]),
        NullInNotNull => fails(&["NOT NULL constraint failed: people.name"]),
        TransformError => fails(&["no rule for row 3", "transform-batch", "rows id = 1 to id = 100"]),
        TransformPanic => {
            fails(&["error: the migration panicked at ", "index 100 is out of bounds", "transform-batch"])
        }
        TransformTrap => fails(&["trapped", "unreachable", "transform-batch"]),
        SqlInTransform => fails(&["`execute` cannot be called inside `transform-batch`"]),
        ReadInTransform => fails(&["`read` cannot be called inside `transform-batch`"]),
        WriteInTransform => fails(&["`write` cannot be called inside `transform-batch`"]),
        TransformInTransform => fails(&["`transform` cannot be called inside `transform-batch`"]),

        WriterNotFinished => fails(&["writer was not finished: insert people"]),
        WriterFinishedTwice => fails(&["finished already"]),
        IgnoreFailedWrite => fails(&["writer was not finished: insert people"]),
        WriteAfterFinish => fails(&["this writer is closed"]),
        WriteMalformedBatch => fails(&["malformed", "column `id`: 2 entries for 1 rows"]),
        WriteOtherColumns => fails(&["columns"]),
        WriteUnknownTable => fails(&["nowhere"]),
        UpdateMissingRow => fails(&["people", "1000"]),
        WriteHistory => denied(&["runner_history"]),
        TransformHistory => denied(&["runner_history"]),
        TransformWithoutKey => fails(&["keyless", "key"]),
        DropTableUnderReader => fails(&["no such table: people"]),

        EscapesInLog => succeeds(&["\\u{1b}[2J", "all is well"]),
        EscapesInError => fails(&["\\u{1b}[2J", "all is well"]),
        EscapesInProgress => succeeds(&[]),
        EscapesInStatement => fails(&["no such table", "all is well"]),
        AssetOutside => fails(&["no asset was opened"]),

        // Refused statements have their own tests.
        Statements => fails(&["parameter `statements` is not set"]),
        Behave => succeeds(&[]),
    }
}

fn check(behaviour: Behaviour) {
    let Expected { code, says, limits } = expected(behaviour);
    let project = hostile();
    let before = project.dump();
    let mut output = apply(&project, behaviour, limits);
    if limits.contains(&"wall_time=3s") && !output.stderr.contains("0002_hostile") {
        // The time was up before the migration began, which proves nothing.
        output = apply(&project, behaviour, &["wall_time=60s"]);
    }
    output.exits(code).says(says);
    if code == 0 {
        return;
    }
    output.says(&["0002_hostile"]);
    assert_eq!(project.dump(), before, "a failed migration left something behind\n{output}");
    dump::check(&project.database());
    project.runner("status").succeeds();
    // Nothing is stuck: the same component can be applied when it behaves.
    apply(&project, Behaviour::Behave, &[]).succeeds();
    assert_eq!(project.value("SELECT count(*) FROM made_by_hostile"), "0");
}

macro_rules! tests {
    ($($variant:ident = $name:ident,)+) => {
        $(
            #[test]
            fn $name() {
                check(Behaviour::$variant);
            }
        )+
    };
}

for_each_behaviour!(tests);

/// Limits that no behaviour of a guest can reach, and where they are tested instead.
const NOT_REACHED_BY_GUESTS: &[&str] = &[
    "artifact_bytes",        // bad_input: a large artifact
    "fetch_time",            // fetched: servers that are slow
    "compile_time",          // bombs
    "compile_memory",        // bombs
    "host_calls",            // by_hand
    "statement_bytes",       // by_hand
    "stored_artifact_bytes", // cli: a rollback without the file
    "stored_call_bytes",     // verify: a recording that is too large
    "stored_row_bytes",      // verify: room for one chunk of four
    "batch_rows",            // data: the size of chunks
    "batch_bytes",           // data: the size of chunks
];

#[test]
fn every_limit_has_a_hostile_test() {
    let texts: Vec<String> = Behaviour::ALL
        .iter()
        .map(|behaviour| expected(*behaviour))
        .map(|expected| format!("{:?} {:?}", expected.limits, expected.says))
        .collect();
    for name in Limits::NAMES {
        let tested =
            texts.iter().any(|text| text.contains(&format!("\"{name}=")) || text.contains(&format!("`{name}`")));
        let elsewhere = NOT_REACHED_BY_GUESTS.contains(&name);
        // 10,000 rows are the default, as in the message of `query_many_rows`.
        assert!(tested || elsewhere || name == "query_rows", "no hostile test reaches the limit `{name}`");
    }
}
