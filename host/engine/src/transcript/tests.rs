//! Transcripts, recordings and ledgers.

use super::recording::Corrupt;
use super::*;
use crate::call::codec::tests::assert_no_panic;
use crate::call::golden_tests::values;
use crate::call::{Call, CallKind, codec};
use runner_data::{Batch, ColumnType, Digest, Value};
use runner_database::{DatabaseError, DatabaseErrorKind, TableName, TableSource, TableTarget, WriteMode};

fn call(text: &str) -> Call<'_> {
    Call { kind: CallKind::Execute, text, parameters: "" }
}

fn refused() -> DatabaseError {
    DatabaseError::new(DatabaseErrorKind::Constraint, "no")
}

#[test]
fn the_digest_depends_on_the_order_of_calls_and_on_their_answers() {
    let digest = |calls: &[(&str, Result<u64, DatabaseError>)]| {
        let mut transcript = Transcript::default();
        for (text, answer) in calls {
            transcript.called(&call(text));
            transcript.answered(answer.as_ref());
        }
        transcript.digest()
    };
    let all = [
        digest(&[]),
        digest(&[("a", Ok(1))]),
        digest(&[("a", Ok(2))]),
        digest(&[("a", Err(refused()))]),
        digest(&[("a", Ok(1)), ("b", Ok(1))]),
        digest(&[("b", Ok(1)), ("a", Ok(1))]),
        digest(&[("ab", Ok(1))]),
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(!all[..at].contains(one), "{at}");
    }
    assert_eq!(digest(&[("a", Ok(1))]), all[1]);
}

/// Published transcripts must never change. This digest follows the description of the encoding in the design note.
#[test]
fn the_encoding_is_fixed() {
    let mut plain = Vec::new();
    plain.extend(19_u64.to_le_bytes());
    plain.extend(b"runner transcript 1");
    plain.push(1);
    for part in [&b"execute"[..], b"a", b""] {
        plain.extend((part.len() as u64).to_le_bytes());
        plain.extend(part);
    }
    plain.push(2);
    plain.extend(Digest::of(&7_u64.to_le_bytes()).0);
    let mut transcript = Transcript::default();
    transcript.called(&call("a"));
    transcript.answered(Ok(&7_u64));
    assert_eq!(transcript.digest(), Digest::of(&plain));
}

fn recorded(calls: &[(&str, Result<u64, DatabaseError>)]) -> Vec<u8> {
    let mut recorder = TranscriptRecorder::new(1 << 20).expect("a recorder");
    for (text, answer) in calls {
        recorder.called(&call(text));
        recorder.answered(answer.as_ref());
    }
    recorder.finish().expect("within the limit")
}

#[test]
fn a_recording_returns_the_recorded_answers() {
    let bytes = recorded(&[("a", Ok(5)), ("b", Err(refused()))]);
    let replay = Replay::new(Recording::new(bytes.clone()).expect("a recording"));
    assert_eq!(replay.answer::<u64>(&call("a")).expect("recorded"), (1, Ok(5)));
    assert_eq!(replay.answer::<u64>(&call("b")).expect("recorded"), (2, Err(refused())));
    replay.end().expect("the end");
    let error = replay.answer::<u64>(&call("c")).expect_err("more than was recorded");
    assert_eq!(error.causes[0], "recorded: the end of the migration");

    let replay = Replay::new(Recording::new(bytes).expect("a recording"));
    let error = replay.answer::<u64>(&call("x")).expect_err("another call");
    assert_eq!(error.causes, ["recorded: execute `a`", "now: execute `x`"]);
    assert!(replay.end().is_err(), "it stopped early");
}

#[test]
fn calls_with_other_parameters_differ() {
    let replay = Replay::new(Recording::new(recorded(&[("a", Ok(5))])).expect("a recording"));
    let other = Call { parameters: "x", ..call("a") };
    let error = replay.answer::<u64>(&other).expect_err("other parameters");
    assert_eq!(error.causes[1], "now: execute `a` with other parameters or rows");
}

#[test]
fn a_recording_that_exceeds_its_limit_is_dropped() {
    assert!(TranscriptRecorder::new(0).is_none());
    let mut recorder = TranscriptRecorder::new(64).expect("a recorder");
    for at in 0..10_000_u64 {
        recorder.called(&call("x"));
        recorder.answered(Ok(&at.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    }
    assert!(recorder.finish().is_none());
}

fn chunk(at: u8) -> ChunkRecord {
    ChunkRecord {
        after: Some(vec![Value::Int64(i64::from(at))]),
        last: None,
        types: vec![None, Some(ColumnType::Int64)],
        columns: vec![("a".to_owned(), ColumnType::Text)],
        aligned: at.is_multiple_of(2),
        rows_in: 1,
        rows_out: 2,
        input: Digest([at; 32]),
        output: Digest([at + 1; 32]),
        written: Some(WrittenRange {
            first: vec![Value::Int64(1)],
            last: vec![Value::Text("a".to_owned())],
            content: Digest([at; 32]),
        }),
        rows: at.is_multiple_of(3).then(|| StoredRows::pack(&Batch::default())),
    }
}

#[test]
fn the_size_of_a_ledger_does_not_depend_on_the_number_of_chunks() {
    let mut ledger = Ledger::default();
    for at in 0..100_000_u64 {
        ledger.push(chunk((at % 200) as u8));
        assert!(ledger.kept.len() <= 2048);
    }
    assert_eq!((ledger.chunks, ledger.proves_itself()), (100_000, None));
    assert!(ledger.kept.len() > 1024, "{}", ledger.kept.len());
    let mut small = Ledger::default();
    (0..3).for_each(|at| small.push(chunk(at)));
    assert_eq!(small.proves_itself(), Some(true));
    small.kept[1].output = Digest::default();
    assert_eq!(small.proves_itself(), Some(false));
}

#[test]
fn a_transform_reads_back() {
    let mut ledger = Ledger::default();
    (0..3).for_each(|at| ledger.push(chunk(at)));
    let record = TransformRecord {
        name: "t".to_owned(),
        source: TableSource {
            table: TableName { schema: Some("s".to_owned()), name: "t".to_owned() },
            columns: vec![("a".to_owned(), Some(ColumnType::Uuid)), ("b".to_owned(), None)],
            key: vec!["a".to_owned()],
            filter: Some("b > ?".to_owned()),
            parameters: vec![Value::Int64(1)],
            descending: true,
        },
        target: TableTarget { table: TableName::new("u"), mode: WriteMode::Upsert, key: Vec::new() },
        bound: Some(vec![Value::Text("z".to_owned())]),
        ledger,
    };
    let again: TransformRecord = codec::unpack(&codec::pack(&record)).expect("a transform");
    assert_eq!(format!("{again:?}"), format!("{record:?}"));
    assert_no_panic::<TransformRecord>(&codec::encode(&record));
}

/// A transform's source with everything that a source may have.
fn source() -> TableSource {
    TableSource {
        table: TableName { schema: Some("s".to_owned()), name: "t".to_owned() },
        columns: vec![("a".to_owned(), Some(ColumnType::Uuid)), ("b".to_owned(), None)],
        key: vec!["a".to_owned(), "b".to_owned()],
        filter: Some("b > ?".to_owned()),
        parameters: values(),
        descending: true,
    }
}

fn target(mode: WriteMode) -> TableTarget {
    TableTarget { table: TableName::new("u"), mode, key: vec!["k".to_owned()] }
}

/// Published transcripts and recorded calls must never change.
#[test]
fn the_digests_of_calls_and_errors_are_fixed() {
    let kinds = [
        DatabaseErrorKind::Denied,
        DatabaseErrorKind::Syntax,
        DatabaseErrorKind::Constraint,
        DatabaseErrorKind::Conversion,
        DatabaseErrorKind::InvalidArgument,
        DatabaseErrorKind::Timeout,
        DatabaseErrorKind::Busy,
        DatabaseErrorKind::Limit,
        DatabaseErrorKind::Connection,
        DatabaseErrorKind::NotFound,
        DatabaseErrorKind::Configuration,
        DatabaseErrorKind::ReadOnly,
        DatabaseErrorKind::Full,
        DatabaseErrorKind::Corrupt,
        DatabaseErrorKind::Interrupted,
        DatabaseErrorKind::Other,
    ];
    let mut transcript = Transcript::default();
    for kind in kinds {
        let plain = DatabaseError::new(kind, "no");
        transcript.answered::<u64>(Err(&plain));
        let full = DatabaseError { statement: Some("SELECT 1".into()), ..plain.code("1").detail("d").hint("h") };
        transcript.answered::<u64>(Err(&full));
    }
    let modes = [WriteMode::Insert, WriteMode::Update, WriteMode::Upsert, WriteMode::Delete];
    let targets: Vec<String> = modes.iter().map(|mode| tables::of_target(&target(*mode))).collect();
    let bare = TableSource::all_of(TableName::new("t"));
    let mut ledger = Ledger::default();
    (0..3).for_each(|at| ledger.push(chunk(at)));
    let found = [
        transcript.digest().hex(),
        tables::of_parameters(&values()),
        tables::of_source(&source()),
        tables::of_source(&bare),
        tables::of_transform("f", &source(), &target(WriteMode::Upsert)),
        ledger.content.hex(),
    ];
    let golden = [
        "d75e99fc979750975510703cbef2d5f7ae895664b0bbf9fdfdd42a4b1506046b",
        "54874db9f5e5ed69ea8dfc16ce3604f1b2fae892057192ee49f43554674fd2e7",
        "9ddf1adc3f40d1754431b41e21e58e67c99aa490187535de4b0ef417fd8c7f7c",
        "1e93540735d41496a1a29c5ca46f739be5a135f37128fd3488edf6d860757593",
        "2446636897d5d0d73745abfadaba1e652c81d170e8853e290fd55f513dfcc34a",
        "47efba2b8dcce8ed45e9a6c769bd93d542b9608b42f444bc9cc6030217ed23e3",
    ];
    assert_eq!(found, golden);
    let golden = [
        "6d4fc1e4fcb9ba27ac9eb7b32acea2667374510c8bd2e5e6dab8e1f27870601d",
        "46ab4e9ad8d068b6ef1c99136cb91aa53eb230b33ab87892eb75dc0edd97d3fd",
        "888787603cc535f79adf52cbf45ac8f69ea3915328611f7ea86a2b9444ce0c2e",
        "f4a0e36ed333856c1ae026a633e9d7af61bdef7e8767e596f7422a892084ca4f",
    ];
    assert_eq!(targets, golden);
    assert_eq!(tables::of_parameters(&[]), "");
}

#[test]
fn a_damaged_recording_is_an_error() {
    let bytes = recorded(&[("a", Ok(5)), ("b", Err(refused())), ("c", Ok(7))]);
    let read = |bytes: Vec<u8>| -> Result<u32, Corrupt> {
        let mut recording = Recording::new(bytes)?;
        let mut count = 0;
        while recording.call()?.is_some() {
            recording.answer::<u64>()?;
            count += 1;
        }
        Ok(count)
    };
    assert!(matches!(read(bytes.clone()), Ok(3)));
    for length in 1..bytes.len() {
        assert!(read(bytes[..length].to_vec()).is_err(), "cut at {length}");
    }
    for at in 0..bytes.len() {
        for flipped in [1, 2, 4, 8, 16, 32, 64, 128, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= flipped;
            // Some changes yield other calls, which `verify` compares. None may panic.
            let _ = read(changed);
        }
    }
}

#[test]
fn a_claimed_length_is_not_believed() {
    for (length, present) in [(u64::MAX, 0_usize), (1 << 30, 0), (5_000, 5_000), (3, 2)] {
        let mut plain = length.to_le_bytes().to_vec();
        plain.resize(8 + present, 0);
        let mut recording = Recording::new(zstd::encode_all(&plain[..], 1).expect("compressed")).expect("a frame");
        assert!(recording.call().is_err(), "{length}");
    }
}

#[test]
fn damaged_chunks_are_refused_or_counted() {
    assert_no_panic::<ChunkRecord>(&codec::encode(&chunk(1)));
    let mut ledger = Ledger::default();
    for _ in 0..3 {
        ledger.push(ChunkRecord { rows_in: u64::MAX, ..chunk(1) });
    }
    assert_eq!(ledger.rows_in, u64::MAX);
}
