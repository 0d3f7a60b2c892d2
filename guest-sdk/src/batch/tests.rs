//! Columns as guests meet them: built, read, refused.

use super::*;
use crate::value::{Date, Timestamptz, Uuid};
use crate::{ColumnType, ErrorKind, Result};

fn flights() -> Batch {
    let mut carrier = TextBuilder::with_capacity(3);
    carrier.extend([Some("UA"), None, Some("é")]);
    let delay: Float64Builder = [None, Some(-1.5), Some(2.0)].into_iter().collect();
    Batch::builder()
        .column(Column::new("id", ColumnValues::Int64(vec![7, 8, 9])))
        .column(carrier.finish("carrier"))
        .column(delay.finish("delay"))
        .build()
        .unwrap()
}

fn nothing() -> Column {
    let mut column = BytesBuilder::new();
    column.extend([None::<&[u8]>; 3]);
    column.finish("nothing")
}

#[test]
fn reads_what_was_built() {
    let rows = flights();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows.int64("id").unwrap().values(), Some([7, 8, 9].as_slice()));
    let carrier = rows.text("carrier").unwrap();
    assert_eq!((carrier.get(0), carrier.get(1), carrier.get(2)), (Some("UA"), None, Some("é")));
    assert_eq!(carrier.iter().len(), 3);
    assert_eq!(carrier.data(), ("UAé", [0, 2, 2, 4].as_slice()));
    let delay = rows.float64("delay").unwrap();
    assert_eq!(delay.iter().collect::<Vec<_>>(), [None, Some(-1.5), Some(2.0)]);
    // NULLs bar the plain slice.
    assert_eq!(delay.values(), None);
    assert_eq!(rows.column("delay").unwrap().null_count(), 1);
}

#[test]
fn every_type_goes_in_and_comes_out() -> Result<()> {
    let mut at = TimestamptzBuilder::new();
    at.push(Timestamptz(5));
    let mut day = DateBuilder::new();
    day.push_null();
    let mut id = UuidBuilder::new();
    id.push(Uuid::from_halves(1, 2));
    let mut yes = BooleanBuilder::new();
    yes.push(true);
    let mut price = DecimalBuilder::new();
    price.push_display(format_args!("{}.{:02}", 12, 5));
    let mut note = JsonBuilder::new();
    note.push("{}");
    let mut address = TextBuilder::new();
    address.push("::1");
    let rows = Batch::new([
        at.finish("at"),
        day.finish("day"),
        id.finish("id"),
        yes.finish("yes"),
        price.finish("price"),
        note.finish("note"),
        address.finish_native("address", "inet"),
    ])?;
    assert_eq!(rows.timestamptz("at")?.get(0), Some(Timestamptz(5)));
    assert_eq!(rows.date("day")?.get(0), None::<Date>);
    assert_eq!(rows.uuid("id")?.get(0), Some(Uuid::from_halves(1, 2)));
    assert_eq!(rows.uuid("id")?.values(), Some([1, 2].as_slice()));
    assert_eq!(rows.boolean("yes")?.get(0), Some(true));
    assert_eq!(rows.decimal("price")?.get(0), Some("12.05"));
    assert_eq!(rows.json("note")?.get(0), Some("{}"));
    let native = rows.native("address")?;
    assert_eq!((native.type_name, native.texts.get(0)), ("inet", Some("::1")));
    Ok(())
}

#[test]
fn says_which_column_is_of_which_type() {
    let rows = flights();
    let wrong = rows.text("delay").unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Conversion);
    assert_eq!(wrong.message(), "column `delay` is of type float64, not text");
    let missing = rows.text("Delay").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::InvalidArgument);
    assert_eq!(missing.message(), "the batch has no column `Delay`; its columns are `id`, `carrier`, `delay`");
}

#[test]
fn reads_a_column_of_nulls_as_any_type() {
    let rows = flights().with(nothing()).unwrap();
    assert_eq!(rows.column("nothing").unwrap().column_type(), ColumnType::Bytes);
    assert_eq!(rows.int64("nothing").unwrap().iter().collect::<Vec<_>>(), [None; 3]);
    assert_eq!(rows.text("nothing").unwrap().iter().collect::<Vec<_>>(), [None; 3]);
    assert_eq!(rows.native("nothing").unwrap().texts.len(), 3);
    assert_eq!(rows.int64("nothing").unwrap().values(), None);
}

#[test]
fn refuses_columns_that_do_not_fit_together() {
    let id = || Column::new("id", ColumnValues::Int64(vec![1]));
    let uneven = Batch::new([id(), Column::new("b", ColumnValues::Date(vec![1, 2]))]).unwrap_err();
    assert_eq!(uneven.message(), "column `b` has 2 rows where the batch has 1");
    assert_eq!(Batch::new([id(), id()]).unwrap_err().message(), "the batch has two columns `id`");
    assert!(flights().with(id()).is_err());
    assert!(Batch::empty().is_empty());
}

#[test]
fn refuses_columns_that_are_malformed() {
    let texts = |offsets: Vec<u32>, data: &[u8]| {
        Column::new("t", ColumnValues::Text(VarValues { offsets, data: data.to_vec() }))
    };
    assert!(texts(vec![0, 1], b"\xff").text().is_err());
    assert!(texts(vec![], b"").text().is_err());
    let mut masked = texts(vec![0, 1], b"a");
    masked.nulls = vec![0, 0];
    assert_eq!(masked.text().unwrap_err().message(), "column `t` has 1 rows, but a mask for 2");
}

#[test]
fn takes_columns_out_and_puts_them_in() {
    let mut rows = flights();
    let id = rows.take("id").unwrap();
    assert!(rows.take("id").is_err());
    rows.set(id.renamed("number")).unwrap();
    rows.rename("delay", "late").unwrap();
    let rows = rows.keep(["late", "number"]).unwrap();
    let names: Vec<_> = rows.into_columns().into_iter().map(|column| column.name).collect();
    assert_eq!(names, ["late", "number"]);
}

#[test]
fn changes_numbers_in_place() {
    let mut rows = flights();
    rows.float64_mut("delay").unwrap().iter_mut().for_each(|delay| *delay *= 2.0);
    rows.int64_mut("id").unwrap()[0] = 1;
    assert_eq!(rows.float64("delay").unwrap().get(1), Some(-3.0));
    assert_eq!(rows.int64("id").unwrap().get(0), Some(1));
    assert!(rows.int64_mut("delay").is_err());
}

#[test]
fn chooses_rows() {
    let rows = flights();
    let delay = rows.float64("delay").unwrap();
    let late = rows.filter(|row| delay.get(row).is_some());
    assert_eq!(late.int64("id").unwrap().values(), Some([8, 9].as_slice()));
    let twice = rows.select(&[2, 0, 2]);
    assert_eq!(twice.text("carrier").unwrap().iter().collect::<Vec<_>>(), [Some("é"), Some("UA"), Some("é")]);
    assert_eq!(rows.filter(|_| false).len(), 0);
}
