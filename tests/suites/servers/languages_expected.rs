//! What the programs of [`super::languages`] tell.

use runner_tests::Engine;

const NAMES: [&str; 13] =
    ["id", "truth", "whole", "fraction", "words", "octets", "exact", "d", "clock", "moment", "instant", "u", "j"];

/// The cells of the four rows, as they are in batches.
fn cells() -> [Vec<String>; 4] {
    [
        "1|true|9223372036854775807|3ff4000000000000|ünï 🦉|00ff0a|12.25|20513|34200250000|1772357400000001|1772357400000001|\
         9b2f3c1e-6d0a-4f58-8a77-1c2d3e4f5a6b|{\"a\":1}"
            .to_owned(),
        "2|false|-9223372036854775808|bfb999999999999a|||-7.75|-354285|0|-1|-1|00000000-0000-0000-0000-000000000001|\"text\""
            .to_owned(),
        format!("3{}", "|NULL".repeat(12)),
        format!(
            "4|true|0|7e37e43c8800759c|{}|{}|12345678.91|2932896|86399999999|253402300799000000|253402300799000000|\
             ffffffff-ffff-ffff-ffff-ffffffffffff|[1,null]",
            "x".repeat(1000),
            "79".repeat(100)
        ),
    ]
    .map(|row| row.split('|').map(str::to_owned).collect())
}

/// The lines that `values` tells, in every language and on every engine.
pub fn values_expected() -> Vec<String> {
    let mut lines: Vec<String> =
        ["an empty batch: 0", "written: 4, 4", "transformed: 4, 4, 1"].map(str::to_owned).into();
    for table in ["every", "copies"] {
        for row in cells() {
            lines.extend(NAMES.iter().zip(&row).map(|(name, cell)| format!("{table} {} {name}: {cell}", row[0])));
        }
    }
    lines.push("nulls alone: 4, 4".to_owned());
    lines.push("asked: 4, ünï 🦉".to_owned());
    for (statement, kind) in
        [("SELECT FROM WHERE", "syntax"), ("INSERT INTO every (id) VALUES (1)", "constraint"), ("COMMIT", "denied")]
    {
        lines.push(format!("{statement}: {kind}"));
    }
    lines
}

/// The kinds of the columns in the result of a query.
fn kinds(engine: Engine) -> [&'static str; 13] {
    let first = ["int64", "boolean", "int64", "float64", "text", "bytes", "decimal"];
    // What the engine has no type for is text.
    let last = match engine {
        Engine::Postgres => ["date", "time", "timestamp", "timestamptz", "uuid", "json"],
        Engine::Mariadb => ["date", "time", "timestamp", "timestamp", "text", "text"],
        Engine::Sqlite => ["text", "text", "text", "text", "text", "json"],
    };
    std::array::from_fn(|column| *first.iter().chain(&last).nth(column).unwrap())
}

/// A cell as a scalar, which SQLite keeps as text if it is a time.
fn scalar(engine: Engine, row: usize, column: usize, cell: &str) -> String {
    let texts = [
        ["2026-03-01", "09:30:00.250000", "2026-03-01 09:30:00.000001", "2026-03-01T09:30:00.000001Z"],
        ["1000-01-01", "00:00:00", "1969-12-31 23:59:59.999999", "1969-12-31T23:59:59.999999Z"],
        [""; 4],
        ["9999-12-31", "23:59:59.999999", "9999-12-31 23:59:59", "9999-12-31T23:59:59Z"],
    ];
    let kind = kinds(engine)[column];
    match (cell, column) {
        ("NULL", _) => "null".to_owned(),
        (_, 4) if row == 0 => format!("{kind} {cell} \u{10fffd}"),
        (_, 7..=10) if engine == Engine::Sqlite => format!("{kind} {}", texts[row][column - 7]),
        _ => format!("{kind} {cell}"),
    }
}

/// What `calls` computes over the rows that it reads: the number of rows, the first key, the sum, and a hash of the texts.
fn read() -> String {
    let (mut rows, mut sum, mut hash) = (0, 0, 0_u32);
    for id in (6..=40_000_i64).rev() {
        rows += 1;
        sum += 3 * id + i64::from(id > 100);
        let name = format!("n{id} ü🦉{}", if id > 100 { "!" } else { "" });
        hash = name.bytes().fold(hash, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    }
    format!("many read: {rows}, 40000, {sum}, {hash}")
}

/// The lines that `calls` tells on an engine, without time and seed, the server's version, and the messages of its errors.
pub fn calls_expected(engine: Engine, asset: &[u8]) -> Vec<String> {
    let dialect = match engine {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
        Engine::Mariadb if runner_tests::servers::Kind::Mariadb.is_mysql() => "mysql",
        Engine::Mariadb => "mariadb",
    };
    let hex: String = asset.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut lines = vec![
        format!("dialect: {dialect}"),
        "version".to_owned(),
        "parameter country: text CH".to_owned(),
        "parameter limit: int64 7".to_owned(),
        "parameter rate: float64 3ff8000000000000".to_owned(),
        "parameter strict: boolean true".to_owned(),
        format!("asset: {}, {hex}", asset.len()),
        "no asset: invalid-argument".to_owned(),
        "inserted: 1, 1, 1, 1".to_owned(),
    ];
    for (row, cells) in cells().iter().enumerate() {
        for (column, (name, cell)) in NAMES.iter().zip(cells).enumerate() {
            lines.push(format!("scalar {} {name}: {}", cells[0], scalar(engine, row, column, cell)));
        }
    }
    lines.extend(["updated: 2", "no rows: 0"].map(str::to_owned));
    if engine == Engine::Postgres {
        lines.extend(["native: native inet 10.0.0.1/8", "native column: inet fe80::1/64"].map(str::to_owned));
    }
    let rest = [
        "many written: 20000, 20000, 40000",
        "many transformed: 39900, 39900, 3",
        "more transformed: 40000, 20000, 3",
        &read(),
        "more read: 500, 1000, 2",
        "more updated: 2",
        "more upserted: 2",
        "more deleted: 1",
        "more left: int64 20000, int64 -4, int64 120001",
        "error SELECT FROM WHERE: syntax",
        "error SELECT nothing FROM nowhere: syntax",
        "error INSERT INTO many (id, n, name) VALUES (1, 1, 'x'): constraint",
        "error INSERT INTO many (id, n, name) VALUES (0, NULL, 'x'): constraint",
        "error COMMIT: denied",
        "conversion: conversion",
        "no column: invalid-argument",
        "no table: syntax",
    ];
    lines.extend(rest.map(str::to_owned));
    lines
}
