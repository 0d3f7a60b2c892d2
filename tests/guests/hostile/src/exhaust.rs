//! Exhausts resources.

use std::hint::black_box;

use runner_guest::prelude::*;

pub fn loop_forever() -> ! {
    let mut count = 0_u64;
    loop {
        count = black_box(count.wrapping_add(1));
    }
}

/// Frames with locals only, on the stack that the sandbox limits.
pub fn recurse_forever() -> Result<()> {
    #[inline(never)]
    fn deeper(depth: u64, other: u64) -> u64 {
        if depth == u64::MAX { other } else { deeper(depth + 1, other ^ depth).rotate_left(3) ^ depth }
    }
    bail!("recursion ended at {}", deeper(black_box(0), black_box(1)))
}

/// Frames that Rust keeps in linear memory, whose stack ends before the sandbox's does.
pub fn recurse_in_memory() -> Result<()> {
    fn deeper(depth: u64) -> u64 {
        let frame = black_box([depth; 16]);
        if depth == u64::MAX { 0 } else { deeper(depth + 1) + black_box(frame)[3] }
    }
    bail!("recursion ended at {}", deeper(0))
}

pub fn allocate_forever() -> ! {
    let mut kept = Vec::new();
    loop {
        kept.push(black_box(vec![1_u8; 1 << 20]));
    }
}

pub fn endless_statement() -> Result<()> {
    sql::query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n", params![])?;
    Ok(())
}

/// Little work for the guest, so that it does not run out of fuel.
pub fn endless_host_calls() -> Result<()> {
    loop {
        sql::query("SELECT 1", params![])?;
    }
}

pub fn huge_statement() -> Result<()> {
    let statement = format!("SELECT '{}'", "x".repeat(8 << 20));
    sql::query(statement, params![])?;
    Ok(())
}

pub fn huge_parameter() -> Result<()> {
    sql::query("SELECT length(?)", params![vec![7_u8; 8 << 20]])?;
    Ok(())
}

pub fn query_many_rows() -> Result<()> {
    sql::query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n", params![])?;
    Ok(())
}

pub fn query_many_bytes() -> Result<()> {
    sql::query("SELECT zeroblob(100000) FROM people", params![])?;
    Ok(())
}

pub fn read_large_cell() -> Result<()> {
    for rows in batches::read("SELECT id, zeroblob(5000000) AS large FROM people", params![])? {
        rows?;
    }
    Ok(())
}

pub fn leak_readers() -> Result<()> {
    let mut kept = Vec::new();
    loop {
        kept.push(batches::read("SELECT 1", params![])?);
    }
}

pub fn flood_log_lines() -> Result<()> {
    for line in 0..5_000 {
        info!("line {line}");
    }
    Ok(())
}

pub fn flood_log_bytes() -> Result<()> {
    for _ in 0..100 {
        info!("{}", "flood ".repeat(10_000));
    }
    Ok(())
}

pub fn open_large_asset() -> Result<()> {
    context::asset::open("large.bin")?;
    Ok(())
}

/// The host does the work, and the guest nearly nothing.
pub fn open_assets_forever() -> Result<()> {
    loop {
        drop(context::asset::open("large.bin")?);
    }
}
