//! Mutated answers of the journal, rows of the history, and batches of guests.

use runner_data::{Batch, Column, ColumnValues, NativeValues, RowSet, Value, VarValues, digest, order};
use runner_database::{DatabaseError, DatabaseErrorKind};
use runner_engine::call::{answer, codec};
use runner_engine::history::parse_rows;
use runner_engine::transcript::{ChunkRecord, TransformRecord};
use runner_report::json::{DatabaseJson, HistoryJson};
use runner_report::text;
use runner_tests::random::Random;

use super::*;

fn texts(of: &[&str]) -> VarValues {
    let mut values = VarValues::default();
    for text in of {
        values.data.extend(text.as_bytes());
        values.offsets.push(values.data.len() as u32);
    }
    values
}

fn column(name: &str, values: ColumnValues) -> Column {
    Column { name: name.to_owned(), values, nulls: Vec::new() }
}

/// Two rows with a column of each type.
fn batch() -> Batch {
    let columns = vec![
        column("boolean", ColumnValues::Boolean(vec![0, 1])),
        column("int64", ColumnValues::Int64(vec![-1, 2])),
        column("float64", ColumnValues::Float64(vec![0.5, f64::NAN])),
        column("text", ColumnValues::Text(texts(&["a", "日本"]))),
        column("bytes", ColumnValues::Bytes(texts(&["", "x"]))),
        column("decimal", ColumnValues::Decimal(texts(&["1.50", "-2"]))),
        column("date", ColumnValues::Date(vec![0, 20_000])),
        column("time", ColumnValues::Time(vec![0, 1])),
        column("timestamp", ColumnValues::Timestamp(vec![0, 1])),
        column("timestamptz", ColumnValues::Timestamptz(vec![0, 1])),
        column("uuid", ColumnValues::Uuid(vec![1, 2, 3, 4])),
        column("json", ColumnValues::Json(texts(&["{}", "[1]"]))),
        column(
            "native",
            ColumnValues::Native(NativeValues { type_name: "inet".to_owned(), texts: texts(&["::1", "x"]) }),
        ),
    ];
    Batch { row_count: 2, columns }
}

#[test]
fn answers_of_the_journal() {
    let rows = RowSet {
        columns: vec!["id".to_owned(), "name".to_owned()],
        rows: vec![vec![Value::Int64(1), Value::Text("x".repeat(600))], vec![Value::Null, Value::Uuid(1, 2)]],
    };
    let refused = DatabaseError::new(DatabaseErrorKind::Constraint, "no").code("23505").detail("why");
    let corpus = Corpus::new(
        [
            answer::pack(Ok(&rows)),
            answer::pack(Ok(&7_u64)),
            answer::pack::<u64>(Err(&refused)),
            codec::pack(&batch()),
            codec::pack_raw(&Some(batch())),
            codec::encode(&batch()),
        ],
        &["\u{0}", "\u{1}", "\u{28}\u{b5}", "\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}"],
    );
    try_on(&corpus, "answers", |input| {
        ends((answer::unpack::<RowSet>(input), answer::unpack::<u64>(input), codec::unpack::<Option<Batch>>(input)));
        ends((
            codec::decode::<ChunkRecord>(input),
            codec::decode::<TransformRecord>(input),
            codec::decode::<Value>(input),
        ));
        if let Some(batch) = codec::decode::<Batch>(input) {
            use_of(&batch);
        }
    });
}

/// What the host does with a batch that was validated.
fn use_of(batch: &Batch) {
    ends((batch.byte_len(), batch.largest_cell().map(|(_, size)| size), digest::of_batch(batch)));
    for column in &batch.columns {
        for row in 0..batch.row_count.min(4) {
            ends(runner_database::message::cell_text(column, row));
        }
    }
    ends(order::by_key(batch, &["int64".to_owned(), "text".to_owned()]));
    ends(order::by_key(batch, &["nothing".to_owned()]));
}

#[test]
fn batches() {
    let corpus = Corpus::new(["seed"], &[]);
    try_on(&corpus, "batches", |input| {
        // The bytes of the input are the seed of the changes.
        let seed =
            input.iter().fold(input.len() as u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        let random = &mut Random::new(seed);
        let mut batch = batch();
        for _ in 0..=random.below(4) {
            change(&mut batch, random);
        }
        if batch.validate().is_ok() {
            use_of(&batch);
        }
    });
}

fn change(batch: &mut Batch, random: &mut Random) {
    const COUNTS: [usize; 8] = [0, 1, 2, 3, 1 << 31, usize::MAX, usize::MAX / 2 + 1, 1 << 20];
    let count = COUNTS[random.below(8) as usize];
    let at = random.below(batch.columns.len().max(1) as u64) as usize;
    if batch.columns.is_empty() || random.below(12) == 0 {
        batch.row_count = count;
        return;
    }
    let column = &mut batch.columns[at];
    match random.below(6) {
        0 => column.name = ["", "int64", "\u{1b}[2J", "text"][random.below(4) as usize].to_owned(),
        1 => column.nulls = vec![random.below(3) as u8; count.min(5)],
        2 => drop(batch.columns.remove(at)),
        3 => {
            let copy = column.clone();
            batch.columns.push(copy);
        }
        _ => change_values(&mut column.values, count, random),
    }
}

fn change_values(values: &mut ColumnValues, count: usize, random: &mut Random) {
    let number = random.draw();
    match values {
        ColumnValues::Boolean(entries) => entries.push(number as u8),
        ColumnValues::Int64(entries)
        | ColumnValues::Time(entries)
        | ColumnValues::Timestamp(entries)
        | ColumnValues::Timestamptz(entries) => match random.below(3) {
            0 => entries.push(number as i64),
            1 => entries[0] = i64::MIN,
            _ => entries[1] = number as i64,
        },
        ColumnValues::Float64(entries) => entries[0] = f64::from_bits(number),
        ColumnValues::Date(entries) => entries[0] = number as i32,
        ColumnValues::Uuid(entries) => entries.truncate(count.min(4)),
        ColumnValues::Text(values)
        | ColumnValues::Bytes(values)
        | ColumnValues::Decimal(values)
        | ColumnValues::Json(values) => {
            change_var(values, count, number, random);
        }
        ColumnValues::Native(values) => change_var(&mut values.texts, count, number, random),
    }
}

fn change_var(values: &mut VarValues, count: usize, number: u64, random: &mut Random) {
    let at = random.below(values.offsets.len().max(1) as u64) as usize;
    match random.below(5) {
        0 if at < values.offsets.len() => values.offsets[at] = number as u32,
        1 if at < values.offsets.len() => values.offsets[at] = u32::MAX,
        2 => values.offsets.truncate(count.min(3)),
        3 => values.data.push(number as u8),
        _ => values.data.truncate(count.min(3)),
    }
}

/// A row of the history as a database returns it, after its format.
fn row() -> Vec<Value> {
    let text = |text: &str| Value::Text(text.to_owned());
    let number = Value::Int64;
    vec![
        text("2"),
        number(1),
        text("20260105093000"),
        text("create_users"),
        text("a summary"),
        text("sql"),
        text(&"ab".repeat(32)),
        text("atomic"),
        text(
            r#"{"depends_on":["1"],"mode":"auto","dialects":["sqlite"],"irreversible":false,"needs":[],"down_mode":null,"no_downgrade":false}"#,
        ),
        text("applied"),
        text("2026-01-05T09:30:00Z"),
        text("2026-01-05T09:30:01Z"),
        number(1000),
        number(3),
        number(4),
        number(5),
        text("transcript"),
        text("run"),
        number(1_767_605_400_000_000),
        number(12_345),
        text("me@host"),
        text("0.1.0"),
        Value::Null,
        Value::Null,
        Value::Null,
        Value::Null,
        Value::Null,
        Value::Null,
        Value::Null,
        Value::Null,
    ]
}

#[test]
fn rows_of_the_history() {
    let corpus = Corpus::new(
        [
            "applied",
            "20260105093000",
            "2026-01-05T09:30:00Z",
            "{\"depends_on\":[],\"mode\":\"auto\"}",
            "1",
            "sql",
            "atomic",
        ],
        &[
            "partial",
            "rolled-back",
            "component",
            "stepwise",
            "\u{1b}[2J",
            "\u{202e}",
            "-1",
            "9223372036854775808",
            "{",
            "[",
        ],
    );
    // What a test writes by hand must be what we write, or nothing is tested.
    let format = (1..100).map(|number| Value::Text(number.to_string())).find(|format| {
        let mut row = row();
        row[0] = format.clone();
        parse_rows(vec![row]).is_ok()
    });
    let format = format.expect("a row that is read");
    try_on(&corpus, "history", |input| {
        let seed = input.iter().fold(7_u64, |seed, byte| seed.wrapping_mul(131).wrapping_add(u64::from(*byte)));
        let random = &mut Random::new(seed);
        let mut row = row();
        row[0] = format.clone();
        let said = String::from_utf8_lossy(input).into_owned();
        for _ in 0..=random.below(3) {
            let at = random.below(row.len() as u64) as usize;
            row[at] = match random.below(9) {
                0 => Value::Null,
                1 => Value::Int64(random.draw() as i64),
                2 => Value::Int64([i64::MIN, -1, 0, i64::MAX][random.below(4) as usize]),
                3 => Value::Float64(f64::from_bits(random.draw())),
                4 => Value::Bytes(input.to_vec()),
                5 => Value::Json(said.clone()),
                6 => {
                    row.remove(at);
                    continue;
                }
                _ => Value::Text(said.clone()),
            };
        }
        let Ok(records) = parse_rows(vec![row]) else { return };
        let shown = text::history(&records, &[]);
        assert!(!shown.styled().contains(['\u{202e}', '\u{7}']), "{shown:?}");
        for record in &records {
            ends((record.id(), record.was_whole(), record.description()));
        }
        let database = DatabaseJson::new(None, String::new(), String::new());
        serde_json::to_string(&HistoryJson::new(database, &records, &[])).expect("JSON");
    });
}

/// A guest can pass as many columns as a call has room for. Comparing every two names would take hours.
#[test]
fn a_batch_of_very_many_columns_is_validated_at_once() {
    let columns = (0..400_000).map(|at| column(&at.to_string(), ColumnValues::Int64(Vec::new()))).collect();
    let mut batch = Batch { row_count: 0, columns };
    assert_eq!(batch.validate(), Ok(()));
    batch.columns.push(column("7", ColumnValues::Int64(Vec::new())));
    assert_eq!(batch.validate(), Err("column `7` occurs twice in the batch".to_owned()));
}
