//! Values of every type, written, read and told: the tests compare what each language makes of them, byte by byte.

use runner_guest::batch::*;
use runner_guest::prelude::*;
use runner_guest::value::{Date, Decimal, Json, Time, Timestamp, Timestamptz, Uuid};

struct Values;

const TYPES: [(&str, ColumnType); 13] = [
    ("id", ColumnType::Int64),
    ("truth", ColumnType::Boolean),
    ("whole", ColumnType::Int64),
    ("fraction", ColumnType::Float64),
    ("words", ColumnType::Text),
    ("octets", ColumnType::Bytes),
    ("exact", ColumnType::Decimal),
    ("d", ColumnType::Date),
    ("clock", ColumnType::Time),
    ("moment", ColumnType::Timestamp),
    ("instant", ColumnType::Timestamptz),
    ("u", ColumnType::Uuid),
    ("j", ColumnType::Json),
];
const TABLES: [&str; 3] = ["every", "copies", "told"];

/// The rows, or as many of the first.
fn given(rows: usize) -> Result<Batch> {
    let date = |year, month, day| Date::from_ymd(year, month, day);
    let moments =
        || [Some(1_772_357_400_000_001), Some(-1), None, Some(253_402_300_799_000_000)].into_iter().take(rows);
    let first: Uuid = "9b2f3c1e-6d0a-4f58-8a77-1c2d3e4f5a6b".parse().map_err(Error::from_display)?;
    let second: Uuid = "00000000-0000-0000-0000-000000000001".parse().map_err(Error::from_display)?;
    let last: Uuid = "ffffffff-ffff-ffff-ffff-ffffffffffff".parse().map_err(Error::from_display)?;
    let words = ["ünï 🦉".to_owned(), String::new(), String::new(), "x".repeat(1000)];
    let octets = [vec![0, 255, 10], vec![], vec![], vec![b'y'; 100]];
    let some = |row: usize| row != 2;
    let exact = ["12.25", "-7.75", "0", "12345678.91"].map(Decimal::new);
    let json = ["{\"a\":1}", "\"text\"", "null", "[1,null]"].map(Json::new);
    fn but_third<T>(all: [T; 4], rows: usize, some: impl Fn(usize) -> bool) -> impl Iterator<Item = Option<T>> {
        all.into_iter().enumerate().map(move |(row, it)| some(row).then_some(it)).take(rows)
    }
    Batch::new([
        Int64Builder::from_iter([1, 2, 3, 4].map(Some).into_iter().take(rows)).finish("id"),
        BooleanBuilder::from_iter(but_third([true, false, false, true], rows, some)).finish("truth"),
        Int64Builder::from_iter(but_third([i64::MAX, i64::MIN, 0, 0], rows, some)).finish("whole"),
        Float64Builder::from_iter(but_third([1.25, -0.1, 0.0, 1e300], rows, some)).finish("fraction"),
        TextBuilder::from_iter(but_third(words, rows, some)).finish("words"),
        BytesBuilder::from_iter(but_third(octets, rows, some)).finish("octets"),
        DecimalBuilder::from_iter(but_third(exact.each_ref().map(Decimal::as_str), rows, some)).finish("exact"),
        DateBuilder::from_iter([date(2026, 3, 1), date(1000, 1, 1), None, date(9999, 12, 31)].into_iter().take(rows))
            .finish("d"),
        TimeBuilder::from_iter(but_third([34_200_250_000, 0, 0, 86_399_999_999].map(Time), rows, some)).finish("clock"),
        TimestampBuilder::from_iter(moments().map(|at| at.map(Timestamp))).finish("moment"),
        TimestamptzBuilder::from_iter(moments().map(|at| at.map(Timestamptz))).finish("instant"),
        UuidBuilder::from_iter([Some(first), Some(second), None, Some(last)].into_iter().take(rows)).finish("u"),
        JsonBuilder::from_iter(but_third(json.each_ref().map(Json::as_str), rows, some)).finish("j"),
    ])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn told(rows: &Batch, row: usize, name: &str) -> Result<String> {
    let value = match name {
        "truth" => rows.boolean(name)?.get(row).map(|it| it.to_string()),
        "fraction" => rows.float64(name)?.get(row).map(|it| format!("{:016x}", it.to_bits())),
        "words" => rows.text(name)?.get(row).map(str::to_owned),
        "octets" => rows.bytes(name)?.get(row).map(hex),
        "exact" => rows.decimal(name)?.get(row).map(|it| it.to_string()),
        "d" => rows.date(name)?.get(row).map(|it| it.0.to_string()),
        "clock" => rows.time(name)?.get(row).map(|it| it.0.to_string()),
        "moment" => rows.timestamp(name)?.get(row).map(|it| it.0.to_string()),
        "instant" => rows.timestamptz(name)?.get(row).map(|it| it.0.to_string()),
        "u" => rows.uuid(name)?.get(row).map(|it| it.to_string()),
        "j" => rows.json(name)?.get(row).map(|it| it.to_string()),
        _ => rows.int64(name)?.get(row).map(|it| it.to_string()),
    };
    Ok(value.unwrap_or_else(|| "NULL".to_owned()))
}

fn source(table: &str) -> TableSource {
    TYPES.into_iter().fold(TableSource::new(table), |source, (name, read_as)| source.column_as(name, read_as))
}

impl Migration for Values {
    fn describe() -> Description {
        TABLES
            .iter()
            .fold(Description::new("values of every type"), |described, table| described.needs(Need::insert(*table)))
    }

    fn upgrade() -> Result<()> {
        let mut lines = Vec::new();
        let writer = batches::writer(&TableTarget::insert("every"))?;
        lines.push(format!("an empty batch: {}", writer.write(&given(0)?)?));
        let written = writer.write(&given(4)?)?;
        lines.push(format!("written: {written}, {}", writer.finish()?));
        let report = batches::transform("again", &source("every"), &TableTarget::insert("copies"))?;
        lines.push(format!("transformed: {}, {}, {}", report.rows_read, report.rows_written, report.chunks));
        for table in ["every", "copies"] {
            for rows in batches::read_table(&source(table))? {
                let rows = rows?;
                for row in 0..rows.len() {
                    let id = told(&rows, row, "id")?;
                    for (name, _) in TYPES {
                        lines.push(format!("{table} {id} {name}: {}", told(&rows, row, name)?));
                    }
                }
            }
        }
        for rows in batches::read("SELECT NULL AS v FROM every ORDER BY id", params![])? {
            let rows = rows?;
            let numbers = rows.float64("v")?;
            lines.push(format!("nulls alone: {}, {}", numbers.len(), numbers.iter().filter(Option::is_none).count()));
        }
        let count: i64 = sql::query_scalar("SELECT count(*) FROM copies", [])?;
        let words: String = sql::query_scalar("SELECT words FROM copies WHERE id = 1", [])?;
        lines.push(format!("asked: {count}, {words}"));
        for statement in ["SELECT FROM WHERE", "INSERT INTO every (id) VALUES (1)", "COMMIT"] {
            let kind = match sql::execute(statement, []).map_err(|error| error.kind()) {
                Ok(_) => "none",
                Err(ErrorKind::Syntax) => "syntax",
                Err(ErrorKind::Constraint) => "constraint",
                Err(ErrorKind::Denied) => "denied",
                Err(_) => "another",
            };
            lines.push(format!("{statement}: {kind}"));
        }
        let told = Batch::new([
            Int64Builder::from_iter((0..lines.len() as i64).map(Some)).finish("id"),
            TextBuilder::from_iter(lines.iter().map(Some)).finish("line"),
        ])?;
        let writer = batches::writer(&TableTarget::insert("told"))?;
        writer.write(&told)?;
        writer.finish()?;
        Ok(())
    }

    fn downgrade() -> Result<()> {
        sql::execute_all(TABLES.map(|table| format!("DELETE FROM {table}")))
    }
}

impl Transformer for Values {
    /// The same rows in new columns.
    fn transform(_name: &str, rows: Batch) -> Result<Batch> {
        let words = TextBuilder::from_iter(rows.text("words")?.iter()).finish("words");
        let octets = BytesBuilder::from_iter(rows.bytes("octets")?.iter()).finish("octets");
        let whole = Int64Builder::from_iter(rows.int64("whole")?.iter()).finish("whole");
        rows.with(words)?.with(octets)?.with(whole)
    }
}

runner_guest::export!(Values, transformer);
