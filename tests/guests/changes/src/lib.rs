//! A component that changes the schema. Without parameters it does all that `schema` can, and undoes it; with `changes`, it does
//! what the lines say, one per line, words separated by `|`; a change after `?` may fail. `\0` is a NUL character, and `s/t` the
//! table `t` of the schema `s`.

use runner_guest::batches::TableName;
use runner_guest::prelude::*;
use runner_guest::schema::{Column, DataType, DeleteAction, ForeignKey, Index, Table};

struct Changes;

impl Migration for Changes {
    fn describe() -> Description {
        let description = Description::new("change the schema");
        match context::asset::open("stepwise") {
            Ok(_) => description.stepwise(),
            Err(_) => description,
        }
    }

    fn upgrade() -> Result<()> {
        let lines: Option<String> = context::parameter("changes")?;
        let Some(lines) = lines else { return everything() };
        for line in lines.lines() {
            let line = line.replace("\\0", "\0");
            match line.strip_prefix('?') {
                None => one(&line)?,
                Some(line) => match one(line) {
                    Ok(()) => info!("accepted: {line}"),
                    Err(error) => info!("refused: {line}: {error}"),
                },
            }
        }
        Ok(())
    }

    fn downgrade() -> Result<()> {
        schema::drop_index("parents", "parents_code")?;
        schema::drop_table("children")?;
        schema::drop_table("parents")
    }
}

fn one(line: &str) -> Result<()> {
    let words: Vec<&str> = line.split('|').collect();
    match words[..] {
        ["create", table] => plain(table).create(),
        ["create", table, other] => {
            let key = ForeignKey::new(["other"], name(other), ["id"]);
            plain(table).column(Column::new("other", DataType::Int64)).foreign_key(key).create()
        }
        ["drop", table] => schema::drop_table(name(table)),
        ["rename", table, to] => schema::rename_table(name(table), to),
        ["add", table, column] => schema::add_column(name(table), Column::new(column, DataType::Text)),
        ["remove", table, column] => schema::drop_column(name(table), column),
        ["call", table, column, to] => schema::rename_column(name(table), column, to),
        ["index", table, index, column] => Index::new(index, name(table)).columns([column]).create(),
        ["unique", table, index, column] => Index::new(index, name(table)).columns([column]).unique().create(),
        ["unindex", table, index] => schema::drop_index(name(table), index),
        ["insert", table, column] => insert(table, column),
        ["read", table, column] => {
            for rows in batches::read_table(&TableSource::new(table).columns([column]))? {
                info!("read {} rows of {table}", rows?.len());
            }
            Ok(())
        }
        _ => bail!("there is no change `{line}`"),
    }
}

fn name(text: &str) -> TableName {
    text.split_once('/').map_or_else(|| TableName::new(text), |(schema, name)| TableName::in_schema(schema, name))
}

fn plain(table: &str) -> Table {
    Table::new(name(table))
        .column(Column::new("id", DataType::Int64).identity())
        .column(Column::new("label", DataType::Varchar(50)))
        .primary_key(["id"])
}

fn insert(table: &str, column: &str) -> Result<()> {
    let mut labels = runner_guest::batch::TextBuilder::new();
    labels.push("one");
    let writer = batches::writer(&TableTarget::insert(table))?;
    writer.write(&Batch::new([labels.finish(column)])?)?;
    writer.finish().map(drop)
}

/// Each type with a default, each constraint, and each change.
fn everything() -> Result<()> {
    let column = |name: &str, data_type| Column::new(name, data_type).not_null();
    Table::new("parents")
        .column(Column::new("id", DataType::Int64).identity())
        .column(column("code", DataType::Varchar(20)).default("it's \\ \"here\""))
        .column(column("flag", DataType::Boolean).default(true))
        .column(column("small", DataType::Int32).default(-5))
        .column(column("large", DataType::Int64).default(i64::MAX))
        .column(column("ratio", DataType::Float64).default(0.1))
        .column(column("note", DataType::Text).default("ünï\ncode"))
        .column(column("raw", DataType::Bytes).default(&b"\0\xff'"[..]))
        .column(column("price", DataType::decimal(10, 2)).default(Value::Decimal("-12.50".into())))
        .column(column("day", DataType::Date).default(Date(20_000)))
        .column(column("hour", DataType::Time).default(Time(3_600_000_001)))
        .column(column("at", DataType::Timestamp).default(Timestamp(1_700_000_000_000_001)))
        .column(column("instant", DataType::Timestamptz).default(Timestamptz(1_700_000_000_000_000)))
        .column(column("made", DataType::Timestamptz).default_current_timestamp())
        .column(column("key", DataType::Uuid).default(Value::Uuid((1, 2))))
        .column(column("data", DataType::Json).default(Value::Json("{\"a\": [1, null]}".into())))
        .column(Column::new("order", DataType::Text))
        .primary_key(["id"])
        .unique(["code", "small"])
        .create()?;
    Table::new("child ren")
        .column(column("a", DataType::Int64))
        .column(column("b", DataType::Int64))
        .column(Column::new("parent", DataType::Int64))
        .primary_key(["a", "b"])
        .foreign_key(ForeignKey::new(["parent"], "parents", ["id"]).on_delete(DeleteAction::SetNull))
        .create()?;
    schema::rename_table("child ren", "children")?;
    schema::add_column("children", Column::new("say \"hi\"", DataType::Text))?;
    schema::rename_column("children", "say \"hi\"", "said")?;
    schema::add_column("children", column("paid", DataType::Boolean).default(false))?;
    schema::drop_column("children", "said")?;
    Index::new("children_paid", "children").columns(["paid", "b"]).create()?;
    schema::drop_index("children", "children_paid")?;
    Index::new("parents_code", "parents").columns(["code"]).unique().create()?;
    let mut numbers = runner_guest::batch::Int64Builder::new();
    numbers.push(7);
    let writer = batches::writer(&TableTarget::insert("parents"))?;
    writer.write(&Batch::new([numbers.finish("id")])?)?;
    writer.finish()?;
    let source = TableSource::new("parents").column_as("day", ColumnType::Date).column_as("at", ColumnType::Timestamp);
    let source = source.column_as("instant", ColumnType::Timestamptz).column_as("made", ColumnType::Timestamptz);
    let source = source
        .column_as("key", ColumnType::Uuid)
        .column_as("hour", ColumnType::Time)
        .columns(["code", "flag", "small", "large", "ratio", "note", "raw", "price", "data"]);
    let rows = batches::read_table(&source)?.next().context("no row")??;
    ensure!(rows.date("day")?.get(0) == Some(Date(20_000)), "day");
    ensure!(rows.time("hour")?.get(0) == Some(Time(3_600_000_001)), "hour");
    ensure!(rows.timestamp("at")?.get(0) == Some(Timestamp(1_700_000_000_000_001)), "at");
    ensure!(rows.timestamptz("instant")?.get(0) == Some(Timestamptz(1_700_000_000_000_000)), "instant");
    ensure!(rows.timestamptz("made")?.get(0) > Some(Timestamptz(1_700_000_000_000_000)), "made");
    ensure!(rows.uuid("key")?.get(0).map(|key| key.into_halves()) == Some((1, 2)), "key");
    ensure!(rows.text("code")?.get(0) == Some("it's \\ \"here\""), "code");
    ensure!(rows.text("note")?.get(0) == Some("ünï\ncode"), "note");
    ensure!(rows.bytes("raw")?.get(0) == Some(&b"\0\xff'"[..]), "raw");
    ensure!(rows.boolean("flag")?.get(0) == Some(true), "flag");
    ensure!(rows.int64("small")?.get(0) == Some(-5) && rows.int64("large")?.get(0) == Some(i64::MAX), "numbers");
    ensure!(rows.float64("ratio")?.get(0) == Some(0.1), "ratio");
    let price = rows.decimal("price")?.get(0).unwrap_or_default().to_owned();
    ensure!(price == "-12.50" || price == "-12.5", "price {price}");
    ensure!(rows.json("data")?.get(0).is_some_and(|text| text.contains("null")), "data");
    // The time of the insert is that of the server, and so differs from run to run.
    let writer = batches::writer(&TableTarget::delete("parents"))?;
    writer.write(&rows.keep(["id"])?)?;
    writer.finish().map(drop)
}

runner_guest::export!(Changes);
