//! Random cells are the same to the last bit, whichever way they are copied.

use super::*;
use runner_database::DatabaseErrorKind;

/// A small pseudo-random number generator; it yields the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        // Xorshift64*.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.roll() >> 16) % limit
    }

    fn integer(&mut self) -> i64 {
        match self.below(4) {
            0 => [0, 1, -1, i64::MIN, i64::MAX, 1 << 53, (1 << 53) + 1, 255, -129][self.below(9) as usize],
            1 => self.below(1000) as i64 - 500,
            _ => (self.roll() >> self.below(64)) as i64,
        }
    }

    fn real(&mut self) -> f64 {
        match self.below(3) {
            0 => [0.0, 1.0, 0.1, f64::INFINITY, f64::NEG_INFINITY, 5e-324, f64::MAX, f64::MIN_POSITIVE, 1e15, 1e16]
                [self.below(10) as usize],
            1 => self.integer() as f64 / 64.0,
            _ => Some(f64::from_bits(self.roll())).filter(|number| !number.is_nan()).unwrap_or(-2.5),
        }
    }

    fn text(&mut self) -> String {
        const PARTS: [&str; 14] = ["a", "Z", " ", "0", "7", ".", "-", "e", "\0", "ä", "€", "😀", "'", "\n"];
        (0..self.below(12)).map(|_| PARTS[self.below(14) as usize]).collect()
    }

    fn bytes(&mut self) -> Vec<u8> {
        (0..self.below(40)).map(|_| self.roll() as u8).collect()
    }

    /// A value that a column of that type may hold.
    fn value(&mut self, declared: &str) -> Value {
        if self.below(6) == 0 {
            return Value::Null;
        }
        match declared {
            "INTEGER" => Value::Int64(self.integer()),
            "BOOLEAN" => Value::Boolean(self.below(2) == 1),
            "REAL" => Value::Float64(self.real()),
            "TEXT" | "DATETIME" => Value::Text(self.text()),
            "BLOB" => Value::Bytes(self.bytes()),
            _ if self.below(2) == 0 => Value::Int64(self.integer()),
            _ => Value::Float64(Some(self.real()).filter(|number| number.is_finite()).unwrap_or(0.5)),
        }
    }
}

const COLUMNS: [(&str, &str); 7] = [
    ("i", "INTEGER"),
    ("b", "BOOLEAN"),
    ("r", "REAL"),
    ("s", "TEXT"),
    ("t", "DATETIME"),
    ("x", "BLOB"),
    ("d", "DECIMAL(30,10)"),
];

async fn shown(database: &mut dyn Database, table: &str) -> Vec<Vec<Value>> {
    let cells: Vec<String> = COLUMNS
        .iter()
        .map(|(name, _)| format!("typeof({name}), quote({name}), hex({name}), printf('%!.20g', {name})"))
        .collect();
    rows(database, &format!("SELECT id, {} FROM {table} ORDER BY id", cells.join(", "))).await
}

#[tokio::test]
async fn every_way_of_writing_preserves_every_bit() {
    const ROWS: i64 = 3_000;
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut database = in_memory().await;
    let database = database.as_mut();
    let columns: Vec<String> = COLUMNS.iter().map(|(name, declared)| format!("{name} {declared}")).collect();
    for table in ["source", "inserted", "upserted", "pulled", "by_row"] {
        run(database, &format!("CREATE TABLE {table} (id INTEGER PRIMARY KEY, {})", columns.join(", "))).await;
    }
    database.begin(TransactionOptions::default()).await.expect("begun");
    for id in 1..=ROWS {
        let mut row = vec![Value::Int64(id)];
        row.extend(COLUMNS.iter().map(|(_, declared)| dice.value(declared)));
        database.execute("INSERT INTO source VALUES (?, ?, ?, ?, ?, ?, ?, ?)", &row).await.expect("inserted");
    }
    for table in ["pulled", "by_row"] {
        run(database, &format!("INSERT INTO {table} (id) SELECT id FROM source")).await;
    }
    // Text that SQLite has turned into a number is already a number in the source, so its column is read as it was
    // stored.
    let mut types = vec![None; COLUMNS.len() + 1];
    types[5] = Some(runner_data::ColumnType::Text);
    run(database, "DELETE FROM source WHERE typeof(t) IN ('integer', 'real')").await;
    let kept = rows(database, "SELECT id FROM source ORDER BY id").await.len();
    for table in ["pulled", "by_row"] {
        run(database, &format!("DELETE FROM {table} WHERE id NOT IN (SELECT id FROM source)")).await;
    }
    let limits = BatchLimits { rows: 700, ..BatchLimits::default() };
    let batches = read(database, "SELECT * FROM source ORDER BY id", &types, limits).await.expect("batches");
    let mut copied = 0;
    for batch in &batches {
        for (table, mode) in [
            ("inserted", WriteMode::Insert),
            ("upserted", WriteMode::Upsert),
            ("upserted", WriteMode::Upsert),
            ("pulled", WriteMode::Update),
        ] {
            write(database, table, mode, &[], batch).await.expect(table);
        }
        // Batches with duplicate keys are written row by row.
        let mut twice = batch.clone();
        if let ColumnValues::Int64(ids) = &mut twice.columns[0].values {
            let last = ids.len() - 1;
            ids[0] = ids[last];
        }
        write(database, "by_row", WriteMode::Update, &[], &twice).await.expect("by row");
        let first = Batch { row_count: 1, columns: batch.columns.iter().map(first_of).collect() };
        write(database, "by_row", WriteMode::Update, &[], &first).await.expect("the first row");
        copied += batch.row_count;
    }
    assert_eq!(copied, kept);
    let expected = shown(database, "source").await;
    for table in ["inserted", "upserted", "pulled", "by_row"] {
        for (found, expected) in shown(database, table).await.iter().zip(&expected) {
            assert_eq!(found, expected, "{table}");
        }
    }
}

/// The first row of a column.
fn first_of(column: &Column) -> Column {
    let var = |values: &VarValues| VarValues {
        offsets: values.offsets[..2].to_vec(),
        data: values.data[..values.offsets[1] as usize].to_vec(),
    };
    let values = match &column.values {
        ColumnValues::Boolean(entries) => ColumnValues::Boolean(entries[..1].to_vec()),
        ColumnValues::Int64(entries) => ColumnValues::Int64(entries[..1].to_vec()),
        ColumnValues::Float64(entries) => ColumnValues::Float64(entries[..1].to_vec()),
        ColumnValues::Text(values) => ColumnValues::Text(var(values)),
        ColumnValues::Bytes(values) => ColumnValues::Bytes(var(values)),
        ColumnValues::Decimal(values) => ColumnValues::Decimal(var(values)),
        other => panic!("no column is read as {}", other.column_type()),
    };
    Column { name: column.name.clone(), nulls: column.nulls.get(..1).unwrap_or_default().to_vec(), values }
}

#[tokio::test]
async fn numeric_text_never_changes_silently() {
    const CHARACTERS: &[u8; 15] = b"0123456789.-+e ";
    let mut database = in_memory().await;
    let database = database.as_mut();
    run(database, "CREATE TABLE t (i INTEGER, n NUMERIC, r REAL)").await;
    let mut dice = Dice(42);
    let (mut kept, mut refused) = (0, 0);
    for _ in 0..4_000 {
        let text: String = (0..dice.below(7)).map(|_| char::from(CHARACTERS[dice.below(15) as usize])).collect();
        for name in ["i", "n", "r"] {
            run(database, "DELETE FROM t").await;
            let cell = batch(1, vec![texts(name, &[&text])]);
            if let Err(error) = write(database, "t", WriteMode::Insert, &[], &cell).await {
                assert_eq!(error.kind, DatabaseErrorKind::Conversion, "{error}");
                refused += 1;
                continue;
            }
            let as_text = [Some(runner_data::ColumnType::Text)];
            let select = format!("SELECT {name} FROM t");
            let back = read(database, &select, &as_text, BatchLimits::default()).await.expect("text");
            assert_eq!(back, [cell], "{name}");
            kept += 1;
        }
    }
    assert!(kept > 1_000 && refused > 1_000, "{kept} were kept, {refused} refused");
}
