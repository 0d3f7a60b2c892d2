//! Calls of everything that the host offers, and what it answers: the tests compare what each language is told.
//!
//! says error: no such country: Züri
//! says raised: index out of bounds: the len is 0 but the index is 5
//! says raised: calls.rs:@LINE:
//! says batch: row id = 1: too many rows

use std::io::Read;

use runner_guest::batch::*;
use runner_guest::prelude::*;

struct Calls;

const NAMES: &str = "id, truth, whole, fraction, words, octets, exact, d, clock, moment, instant, u, j";

/// The placeholder of a parameter.
fn place(number: usize) -> String {
    match context::dialect() {
        Dialect::Postgres => format!("${number}"),
        _ => "?".to_owned(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A value and its kind.
fn told(value: &Value) -> String {
    let text = match value {
        Value::Null => return "null".to_owned(),
        Value::Boolean(it) => it.to_string(),
        Value::Int64(it) | Value::Time(it) | Value::Timestamp(it) | Value::Timestamptz(it) => it.to_string(),
        Value::Float64(it) => format!("{:016x}", it.to_bits()),
        Value::Text(it) | Value::Decimal(it) | Value::Json(it) => it.clone(),
        Value::Bytes(it) => hex(it),
        Value::Date(it) => it.to_string(),
        Value::Uuid((high, low)) => Uuid::from_halves(*high, *low).to_string(),
        Value::Native(it) => format!("{} {}", it.type_name, it.text),
    };
    format!("{} {text}", value.type_name())
}

fn kind(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::Denied => "denied",
        ErrorKind::Syntax => "syntax",
        ErrorKind::Constraint => "constraint",
        ErrorKind::Conversion => "conversion",
        ErrorKind::InvalidArgument => "invalid-argument",
        _ => "another",
    }
}

fn run(lines: &mut Vec<String>) -> Result<()> {
    let dialect = match context::dialect() {
        Dialect::Sqlite => "sqlite",
        Dialect::Postgres => "postgres",
        Dialect::Mysql => "mysql",
        Dialect::Mariadb => "mariadb",
    };
    lines.push(format!("dialect: {dialect}"));
    lines.push(format!("version: {}", context::server_version()));
    lines.push(format!("time: {}", context::run_timestamp().0));
    lines.push(format!("seed: {}", context::seed()));
    let mut parameters = context::parameters();
    parameters.sort_by(|one, other| one.name.cmp(&other.name));
    lines.extend(parameters.iter().map(|it| format!("parameter {}: {}", it.name, told(&it.value))));
    let mut asset = context::asset::open("deeper/words.bin")?;
    let mut bytes = Vec::new();
    asset.read_to_end(&mut bytes)?;
    lines.push(format!("asset: {}, {}", asset.size(), hex(&bytes)));
    let missing = context::asset::open("missing.txt").err().map_or("none", |error| kind(&error));
    lines.push(format!("no asset: {missing}"));
    debug!("debug ünï");
    info!("info 🦉");
    warning!("warning");
    context::progress(1, 2, "checks");
    context::progress(2, None, "checks");
    Ok(())
}

fn scalars(lines: &mut Vec<String>) -> Result<()> {
    let uuid = |text: &str| text.parse::<Uuid>().map(Value::from).map_err(Error::from_display);
    let at = |micros: i64| [Value::Timestamp(micros), Value::Timestamptz(micros)];
    let rows = |id: i64, values: Vec<Value>, micros: i64, rest: [Value; 2]| {
        [vec![Value::Int64(id)], values, at(micros).to_vec(), rest.to_vec()].concat()
    };
    let given = [
        rows(
            1,
            params![
                true,
                i64::MAX,
                1.25,
                "ünï 🦉 \u{10fffd}",
                vec![0_u8, 255, 10],
                Decimal::new("12.25"),
                Date(20513),
                Time(34_200_250_000)
            ]
            .to_vec(),
            1_772_357_400_000_001,
            [uuid("9b2f3c1e-6d0a-4f58-8a77-1c2d3e4f5a6b")?, Json::new("{\"a\":1}").into()],
        ),
        rows(
            2,
            params![false, i64::MIN, -0.1, "", Vec::<u8>::new(), Decimal::new("-7.75"), Date(-354_285), Time(0)]
                .to_vec(),
            -1,
            [uuid("00000000-0000-0000-0000-000000000001")?, Json::new("\"text\"").into()],
        ),
        [vec![Value::Int64(3)], vec![Value::Null; 12]].concat(),
        rows(
            4,
            params![
                true,
                0,
                1e300,
                "x".repeat(1000),
                vec![b'y'; 100],
                Decimal::new("12345678.91"),
                Date(2_932_896),
                Time(86_399_999_999)
            ]
            .to_vec(),
            253_402_300_799_000_000,
            [uuid("ffffffff-ffff-ffff-ffff-ffffffffffff")?, Json::new("[1,null]").into()],
        ),
    ];
    let places: Vec<String> = (1..=13).map(place).collect();
    let insert = format!("INSERT INTO scalars ({NAMES}) VALUES ({})", places.join(", "));
    let inserted: Vec<String> =
        given.iter().map(|row| Ok(sql::execute(&insert, row)?.to_string())).collect::<Result<_>>()?;
    lines.push(format!("inserted: {}", inserted.join(", ")));
    let found = sql::query(format!("SELECT {NAMES} FROM scalars ORDER BY id"), [])?;
    for row in &found {
        let id: i64 = row.get("id")?;
        for (name, value) in found.columns().iter().zip(row.values()) {
            lines.push(format!("scalar {id} {name}: {}", told(value)));
        }
    }
    let updated = sql::execute(format!("UPDATE scalars SET whole = 7 WHERE id < {}", place(1)), params![3])?;
    lines.push(format!("updated: {updated}"));
    lines.push(format!("no rows: {}", sql::query("SELECT id FROM scalars WHERE id > 9", [])?.len()));
    // A type that the contract has no case for.
    if context::dialect() == Dialect::Postgres {
        let asked = sql::query_one("SELECT CAST($1 AS inet)", [Value::native("inet", "10.0.0.1/8")])?;
        lines.push(format!("native: {}", told(&asked.values()[0])));
        for batch in batches::read("SELECT CAST('fe80::1/64' AS inet) AS address", [])? {
            let batch = batch?;
            let column = batch.native("address")?;
            lines.push(format!("native column: {} {}", column.type_name, column.texts.get(0).unwrap_or_default()));
        }
    }
    Ok(())
}

fn many(lines: &mut Vec<String>) -> Result<()> {
    let writer = batches::writer(&TableTarget::insert("many"))?;
    let mut write = |ids: std::ops::RangeInclusive<i64>| {
        writer.write(&Batch::new([
            Int64Builder::from_iter(ids.clone().map(Some)).finish("id"),
            Int64Builder::from_iter(ids.clone().map(|id| Some(3 * id))).finish("n"),
            TextBuilder::from_iter(ids.map(|id| Some(format!("n{id} ü🦉")))).finish("name"),
        ])?)
    };
    let (first, second) = (write(1..=20_000)?, write(20_001..=40_000)?);
    lines.push(format!("many written: {first}, {second}, {}", writer.finish()?));
    let source = TableSource::new("many").columns(["n", "name"]).filter(format!("id > {}", place(1)), params![100]);
    let report = batches::transform("changed", &source, &TableTarget::update("many"))?;
    lines.push(format!("many transformed: {}, {}, {}", report.rows_read, report.rows_written, report.chunks));
    let report = batches::transform("halved", &TableSource::new("many"), &TableTarget::insert("more"))?;
    lines.push(format!("more transformed: {}, {}, {}", report.rows_read, report.rows_written, report.chunks));

    let (mut rows, mut first, mut sum, mut hash) = (0, None, 0, 0_u32);
    let select = format!("SELECT id, n, name FROM many WHERE id > {} ORDER BY id DESC", place(1));
    for batch in batches::read(select, params![5])? {
        let batch = batch?;
        rows += batch.len();
        first = first.or(batch.int64("id")?.get(0));
        sum += batch.int64("n")?.iter().flatten().sum::<i64>();
        let bytes = batch.text("name")?.iter().flatten().flat_map(str::bytes);
        hash = bytes.fold(hash, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    }
    lines.push(format!("many read: {rows}, {}, {sum}, {hash}", first.unwrap_or_default()));

    let source = TableSource::new("more").columns(["n"]).key(["id"]).descending();
    let mut ids = Vec::new();
    for batch in batches::read_table(&source.filter(format!("id <= {}", place(1)), params![1000]))? {
        ids.extend(batch?.int64("id")?.iter().flatten());
    }
    lines.push(format!("more read: {}, {:?}, {:?}", ids.len(), ids.first().unwrap_or(&0), ids.last().unwrap_or(&0)));
    // One that is not read to its end.
    drop(batches::read_table(&TableSource::new("many"))?.next());

    let write = |target: &TableTarget, rows: &[(i64, i64, &str)], has: usize| {
        let writer = batches::writer(target)?;
        let columns = [
            Int64Builder::from_iter(rows.iter().map(|row| Some(row.0))).finish("id"),
            Int64Builder::from_iter(rows.iter().map(|row| Some(row.1))).finish("n"),
            TextBuilder::from_iter(rows.iter().map(|row| Some(row.2))).finish("name"),
        ];
        writer.write(&Batch::new(columns.into_iter().take(has))?)?;
        writer.finish()
    };
    let updated = write(&TableTarget::update("more").key(["id"]), &[(2, -1, ""), (4, -2, "")], 2)?;
    lines.push(format!("more updated: {updated}"));
    let upserted = write(&TableTarget::upsert("more"), &[(4, -3, "four"), (5, -4, "five")], 3)?;
    lines.push(format!("more upserted: {upserted}"));
    lines.push(format!("more deleted: {}", write(&TableTarget::delete("more"), &[(2, 0, "")], 1)?));
    let left = sql::query_one("SELECT count(*), min(n), max(n) FROM more", [])?;
    let left: Vec<String> = left.values().iter().map(told).collect();
    lines.push(format!("more left: {}", left.join(", ")));
    Ok(())
}

fn errors(lines: &mut Vec<String>) {
    for statement in [
        "SELECT FROM WHERE",
        "SELECT nothing FROM nowhere",
        "INSERT INTO many (id, n, name) VALUES (1, 1, 'x')",
        "INSERT INTO many (id, n, name) VALUES (0, NULL, 'x')",
        "COMMIT",
    ] {
        lines.push(match sql::execute(statement, []) {
            Ok(rows) => format!("error {statement}: none, {rows}"),
            Err(error) => {
                let detail = error.detail().unwrap_or_default();
                format!("error {statement}: {}|{}|{}|{detail}", kind(&error), error.code(), error.message())
            }
        });
    }
    for (what, source) in [
        ("conversion", TableSource::new("many").column_as("name", ColumnType::Int64)),
        ("no column", TableSource::new("many").columns(["missing"])),
        ("no table", TableSource::new("nowhere")),
    ] {
        let first = batches::read_table(&source).and_then(|mut reader| reader.next().transpose());
        lines.push(format!("{what}: {}", first.err().map_or("none", |error| kind(&error))));
    }
}

/// Fails, as the operator asks for it.
fn fail(how: &str) -> Result<()> {
    if how == "error" {
        bail!("no such country: Züri");
    }
    if how == "batch" {
        sql::execute("INSERT INTO many (id, n, name) VALUES (1, 1, 'x')", [])?;
        batches::transform("fails", &TableSource::new("many"), &TableTarget::update("many"))?;
    }
    let none: Vec<u8> = Vec::new();
    let byte = none[context::parameters().len()]; // raises raised
    bail!("the byte is {byte}")
}

impl Migration for Calls {
    fn describe() -> Description {
        Description::new("calls of everything")
    }

    fn upgrade() -> Result<()> {
        if let Some(how) = context::parameter::<Option<String>>("failing")? {
            return fail(&how);
        }
        let mut lines = Vec::new();
        run(&mut lines)?;
        scalars(&mut lines)?;
        many(&mut lines)?;
        errors(&mut lines);
        let writer = batches::writer(&TableTarget::insert("told"))?;
        writer.write(&Batch::new([
            Int64Builder::from_iter((0..lines.len() as i64).map(Some)).finish("id"),
            TextBuilder::from_iter(lines.iter().map(Some)).finish("line"),
        ])?)?;
        writer.finish()?;
        Ok(())
    }

    fn downgrade() -> Result<()> {
        sql::execute_all(["scalars", "many", "more", "told"].map(|table| format!("DELETE FROM {table}")))
    }
}

impl Transformer for Calls {
    fn transform(name: &str, mut rows: Batch) -> Result<Batch> {
        match name {
            "changed" => {
                rows.int64_mut("n")?.iter_mut().for_each(|n| *n += 1);
                rows.text_mut("name")?.map(|name| format!("{name}!").into())?;
                Ok(rows)
            }
            "halved" => {
                let even: Vec<bool> = rows.int64("id")?.iter().map(|id| id.is_some_and(|id| id % 2 == 0)).collect();
                Ok(rows.filter(|row| even[row]))
            }
            _ => Err(rows.row_error(0, "too many rows")),
        }
    }
}

runner_guest::export!(Calls, transformer);
