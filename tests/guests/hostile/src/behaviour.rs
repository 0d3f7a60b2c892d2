//! The behaviours of the hostile component. The suite `sandbox` includes this file: a behaviour without a test, or a test
//! without a behaviour, does not compile.

/// Passes the list of behaviours, `Variant = "name"`, to a macro.
#[macro_export]
macro_rules! for_each_behaviour {
    ($callback:ident) => {
        $callback! {
            // Exhausts resources.
            LoopForever = loop_forever,
            LoopInTransform = loop_in_transform,
            RecurseForever = recurse_forever,
            RecurseInMemory = recurse_in_memory,
            AllocateForever = allocate_forever,
            AllocateInTransform = allocate_in_transform,
            EndlessStatement = endless_statement,
            EndlessHostCalls = endless_host_calls,
            HugeStatement = huge_statement,
            HugeParameter = huge_parameter,
            QueryManyRows = query_many_rows,
            QueryManyBytes = query_many_bytes,
            ReadLargeCell = read_large_cell,
            LeakReaders = leak_readers,
            FloodLogLines = flood_log_lines,
            FloodLogBytes = flood_log_bytes,
            OpenLargeAsset = open_large_asset,
            OpenAssetsForever = open_assets_forever,
            // Ends with a failure, or with an unjustified success.
            Trap = trap,
            Panic = panic,
            ReturnError = return_error,
            ReturnDatabaseError = return_database_error,
            ReturnWrappedError = return_wrapped_error,
            IgnoreDatabaseError = ignore_database_error,
            RollBackByConflict = roll_back_by_conflict,
            RollBackByTrigger = roll_back_by_trigger,
            // Returns nonsense from `transform-batch`.
            OffsetsFall = offsets_fall,
            OffsetsBeyondData = offsets_beyond_data,
            OffsetsStartLate = offsets_start_late,
            OffsetsMissing = offsets_missing,
            ColumnTooShort = column_too_short,
            ColumnTooLong = column_too_long,
            RowCountTooLarge = row_count_too_large,
            RowCountWithoutColumns = row_count_without_columns,
            NullsTooShort = nulls_too_short,
            NullsOutOfRange = nulls_out_of_range,
            BooleanOutOfRange = boolean_out_of_range,
            InvalidUtf8 = invalid_utf8,
            SplitCharacter = split_character,
            UnknownColumn = unknown_column,
            DuplicateColumn = duplicate_column,
            ChangedKey = changed_key,
            MissingKey = missing_key,
            KeyOfOtherType = key_of_other_type,
            NullKey = null_key,
            RepeatedRows = repeated_rows,
            ExistingKeyInserted = existing_key_inserted,
            NotANumber = not_a_number,
            LargeCell = large_cell,
            NullInNotNull = null_in_not_null,
            TransformError = transform_error,
            TransformPanic = transform_panic,
            TransformTrap = transform_trap,
            SqlInTransform = sql_in_transform,
            ReadInTransform = read_in_transform,
            WriteInTransform = write_in_transform,
            TransformInTransform = transform_in_transform,
            // Misuses readers and writers.
            WriterNotFinished = writer_not_finished,
            WriterFinishedTwice = writer_finished_twice,
            IgnoreFailedWrite = ignore_failed_write,
            WriteAfterFinish = write_after_finish,
            WriteMalformedBatch = write_malformed_batch,
            WriteOtherColumns = write_other_columns,
            WriteUnknownTable = write_unknown_table,
            UpdateMissingRow = update_missing_row,
            WriteHistory = write_history,
            TransformHistory = transform_history,
            TransformWithoutKey = transform_without_key,
            DropTableUnderReader = drop_table_under_reader,
            // Writes to the terminal and opens files.
            EscapesInLog = escapes_in_log,
            EscapesInError = escapes_in_error,
            EscapesInProgress = escapes_in_progress,
            EscapesInStatement = escapes_in_statement,
            AssetOutside = asset_outside,
            // Runs the statements of the parameter `statements`, one per line, and reports which were accepted.
            Statements = statements,
            // Behaves well.
            Behave = behave,
        }
    };
}

macro_rules! define {
    ($($variant:ident = $name:ident,)+) => {
        /// One behaviour.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the names say it")]
        pub enum Behaviour {
            $($variant,)+
        }

        impl Behaviour {
            /// All behaviours.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The value of the parameter `behaviour`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($name),)+
                }
            }

            /// The behaviour with this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|behaviour| behaviour.name() == name)
            }
        }
    };
}

for_each_behaviour!(define);
