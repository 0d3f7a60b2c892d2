//! One component that does everything a migration should not do. The parameter `behaviour` selects what.
//!
//! It expects the table `people` of the suite `sandbox`: `id INTEGER PRIMARY KEY, name TEXT NOT NULL, score REAL,
//! active BOOLEAN, note TEXT UNIQUE`.

mod behaviour;
mod endings;
mod exhaust;
mod misuse;
mod speech;
mod turn;

use behaviour::Behaviour;
use runner_guest::prelude::*;

struct Hostile;

impl Migration for Hostile {
    fn describe() -> Description {
        Description::new("misbehave")
    }

    fn upgrade() -> Result<()> {
        // These changes must not survive a failure, whatever follows.
        sql::execute("UPDATE people SET score = score + 1", params![])?;
        sql::execute("CREATE TABLE made_by_hostile (id INTEGER PRIMARY KEY)", params![])?;
        act(chosen()?)
    }

    fn downgrade() -> Result<()> {
        sql::execute("UPDATE people SET score = score - 1", params![])?;
        sql::execute("DROP TABLE made_by_hostile", params![])?;
        Ok(())
    }
}

impl Transformer for Hostile {
    fn transform(name: &str, rows: Batch) -> Result<Batch> {
        match Behaviour::from_name(name) {
            Some(behaviour) => turn::turn(behaviour, rows),
            None => bail!("there is no behaviour `{name}`"),
        }
    }
}

fn chosen() -> Result<Behaviour> {
    let name: String = context::parameter("behaviour")?;
    Behaviour::from_name(&name).ok_or_else(|| Error::new(format!("there is no behaviour `{name}`")))
}

fn act(behaviour: Behaviour) -> Result<()> {
    use Behaviour::*;
    match behaviour {
        LoopForever => exhaust::loop_forever(),
        RecurseForever => exhaust::recurse_forever(),
        RecurseInMemory => exhaust::recurse_in_memory(),
        AllocateForever => exhaust::allocate_forever(),
        EndlessStatement => exhaust::endless_statement(),
        EndlessHostCalls => exhaust::endless_host_calls(),
        HugeStatement => exhaust::huge_statement(),
        HugeParameter => exhaust::huge_parameter(),
        QueryManyRows => exhaust::query_many_rows(),
        QueryManyBytes => exhaust::query_many_bytes(),
        ReadLargeCell => exhaust::read_large_cell(),
        LeakReaders => exhaust::leak_readers(),
        FloodLogLines => exhaust::flood_log_lines(),
        FloodLogBytes => exhaust::flood_log_bytes(),
        OpenLargeAsset => exhaust::open_large_asset(),
        OpenAssetsForever => exhaust::open_assets_forever(),

        Trap => endings::trap(),
        Panic => endings::panic(),
        ReturnError => endings::return_error(),
        ReturnDatabaseError => endings::return_database_error(),
        ReturnWrappedError => endings::return_wrapped_error(),
        IgnoreDatabaseError => endings::ignore_database_error(),
        RollBackByConflict => endings::roll_back_by_conflict(),
        RollBackByTrigger => endings::roll_back_by_trigger(),

        WriterNotFinished => misuse::writer_not_finished(),
        WriterFinishedTwice => misuse::writer_finished_twice(),
        IgnoreFailedWrite => misuse::ignore_failed_write(),
        WriteAfterFinish => misuse::write_after_finish(),
        WriteMalformedBatch => misuse::write_malformed_batch(),
        WriteOtherColumns => misuse::write_other_columns(),
        WriteUnknownTable => misuse::write_unknown_table(),
        UpdateMissingRow => misuse::update_missing_row(),
        WriteHistory => misuse::write_history(),
        TransformHistory => misuse::transform_history(),
        TransformWithoutKey => misuse::transform_without_key(),
        DropTableUnderReader => misuse::drop_table_under_reader(),
        Statements => misuse::statements(),

        EscapesInLog => speech::escapes_in_log(),
        EscapesInError => speech::escapes_in_error(),
        EscapesInProgress => speech::escapes_in_progress(),
        EscapesInStatement => speech::escapes_in_statement(),
        AssetOutside => speech::asset_outside(),

        Behave => Ok(()),

        ExistingKeyInserted => turn_people(behaviour, TableTarget::insert("people")),
        OffsetsFall
        | OffsetsBeyondData
        | OffsetsStartLate
        | OffsetsMissing
        | ColumnTooShort
        | ColumnTooLong
        | RowCountTooLarge
        | RowCountWithoutColumns
        | NullsTooShort
        | NullsOutOfRange
        | BooleanOutOfRange
        | InvalidUtf8
        | SplitCharacter
        | UnknownColumn
        | DuplicateColumn
        | ChangedKey
        | MissingKey
        | KeyOfOtherType
        | NullKey
        | RepeatedRows
        | NotANumber
        | LargeCell
        | NullInNotNull
        | TransformError
        | TransformPanic
        | TransformTrap
        | SqlInTransform
        | ReadInTransform
        | WriteInTransform
        | TransformInTransform
        | LoopInTransform
        | AllocateInTransform => turn_people(behaviour, TableTarget::update("people")),
    }
}

fn turn_people(behaviour: Behaviour, target: TableTarget) -> Result<()> {
    batches::transform(behaviour.name(), &TableSource::new("people"), &target)?;
    Ok(())
}

runner_guest::export!(Hostile, transformer);
