//! Results of `transform-batch`, most of them malformed.

use std::hint::black_box;

use runner_guest::batch::{ColumnValues, VarValues};
use runner_guest::prelude::*;

use crate::behaviour::Behaviour;
use crate::exhaust;

/// The result for a chunk of `people`.
pub fn turn(behaviour: Behaviour, mut rows: Batch) -> Result<Batch> {
    let count = rows.row_count as usize;
    match behaviour {
        Behaviour::OffsetsFall => names(&mut rows)?.offsets[1] = u32::MAX,
        Behaviour::OffsetsBeyondData => {
            if let Some(last) = names(&mut rows)?.offsets.last_mut() {
                *last += 1;
            }
        }
        Behaviour::OffsetsStartLate => names(&mut rows)?.offsets[0] = 1,
        Behaviour::OffsetsMissing => names(&mut rows)?.offsets.clear(),
        Behaviour::ColumnTooShort => drop(scores(&mut rows)?.pop()),
        Behaviour::ColumnTooLong => scores(&mut rows)?.push(1.0),
        Behaviour::RowCountTooLarge => rows.row_count += 1,
        Behaviour::RowCountWithoutColumns => rows = Batch { row_count: u32::MAX, columns: Vec::new() },
        Behaviour::NullsTooShort => rows.column_mut("note")?.nulls = vec![1],
        Behaviour::NullsOutOfRange => rows.column_mut("note")?.nulls = vec![2; count],
        Behaviour::BooleanOutOfRange => {
            rows.set(Column {
                name: "active".into(),
                nulls: Vec::new(),
                values: ColumnValues::Boolean(vec![2; count]),
            })?;
        }
        Behaviour::InvalidUtf8 => names(&mut rows)?.data[0] = 0xff,
        Behaviour::SplitCharacter => {
            // Every entry is one byte of a two-byte character: the whole is valid UTF-8, but no entry is.
            let data = "é".repeat(count.div_ceil(2)).into_bytes();
            let offsets = (0..=count as u32).collect();
            *names(&mut rows)? = VarValues { offsets, data: data[..count].to_vec() };
        }
        Behaviour::UnknownColumn => rows.rename("note", "nota")?,
        Behaviour::DuplicateColumn => rows.columns.push(rows.column("name")?.clone()),
        Behaviour::ChangedKey => rows.int64_mut("id")?[0] = 1_000_000,
        Behaviour::MissingKey => drop(rows.take("id")?),
        Behaviour::KeyOfOtherType => {
            let values = ColumnValues::Float64(rows.int64_mut("id")?.iter().map(|id| *id as f64).collect());
            rows.set(Column { name: "id".into(), nulls: Vec::new(), values })?;
        }
        Behaviour::NullKey => {
            let mut nulls = vec![0; count];
            nulls[0] = 1;
            rows.column_mut("id")?.nulls = nulls;
        }
        Behaviour::RepeatedRows => {
            let first = rows.int64_mut("id")?[0];
            rows.int64_mut("id")?.fill(first);
            rows.take("note")?;
        }
        Behaviour::ExistingKeyInserted => {}
        Behaviour::TransformHistory => rows = rows.keep(["id", "name"])?,
        Behaviour::NotANumber => scores(&mut rows)?.fill(f64::NAN),
        Behaviour::LargeCell => {
            let mut offsets = vec![3 << 20; count + 1];
            offsets[0] = 0;
            *names(&mut rows)? = VarValues { offsets, data: vec![b'x'; 3 << 20] };
        }
        Behaviour::NullInNotNull => rows.column_mut("name")?.nulls = vec![1; count],
        Behaviour::TransformError => bail!("no rule for row {}", rows.int64_mut("id")?[2]),
        Behaviour::TransformPanic => panic!("index {} is out of bounds", black_box(count)),
        Behaviour::TransformTrap => crate::endings::trap()?,
        Behaviour::SqlInTransform => drop(sql::execute("DELETE FROM people", params![])?),
        Behaviour::ReadInTransform => drop(batches::read("SELECT 1", params![])?),
        Behaviour::WriteInTransform => drop(batches::writer(&TableTarget::insert("people"))?.finish()?),
        Behaviour::TransformInTransform => {
            batches::transform("behave", &TableSource::new("people"), &TableTarget::update("people"))?;
        }
        Behaviour::LoopInTransform => exhaust::loop_forever(),
        Behaviour::AllocateInTransform => exhaust::allocate_forever(),
        other => bail!("`{}` is no behaviour of a batch function", other.name()),
    }
    Ok(rows)
}

fn names(rows: &mut Batch) -> Result<&mut VarValues> {
    match &mut rows.column_mut("name")?.values {
        ColumnValues::Text(values) => Ok(values),
        _ => bail!("`name` is no text"),
    }
}

fn scores(rows: &mut Batch) -> Result<&mut Vec<f64>> {
    match &mut rows.column_mut("score")?.values {
        ColumnValues::Float64(values) => Ok(values),
        _ => bail!("`score` is no float64"),
    }
}
