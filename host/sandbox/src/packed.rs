//! Converts between packed batches and the host's own. The numbers of a column are copied as a whole, since they have another
//! alignment in bytes.

use super::bindings::runner::migration::packed as wit;
use super::bindings::runner::migration::types::ColumnType;
use runner_data::{Batch, Column, ColumnValues, NativeValues, VarValues};
use runner_database::{DatabaseError, DatabaseErrorKind};

/// A number of a fixed width.
trait Number: Sized {
    const WIDTH: usize;
    fn append(&self, bytes: &mut Vec<u8>);
    fn of(bytes: &[u8]) -> Self;
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Number for $number {
            const WIDTH: usize = size_of::<$number>();
            fn append(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
            fn of(bytes: &[u8]) -> Self {
                let mut whole = [0; size_of::<$number>()];
                whole.copy_from_slice(bytes);
                <$number>::from_le_bytes(whole)
            }
        }
    )*};
}
numbers!(u32, i32, i64, u64, f64);

fn pack<T: Number>(numbers: &[T]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(numbers.len() * T::WIDTH);
    numbers.iter().for_each(|number| number.append(&mut bytes));
    bytes
}

fn unpack<T: Number>(what: &str, bytes: &[u8]) -> Result<Vec<T>, String> {
    if !bytes.len().is_multiple_of(T::WIDTH) {
        return Err(format!("{} bytes of {what} are no numbers of {} bytes", bytes.len(), T::WIDTH));
    }
    Ok(bytes.chunks_exact(T::WIDTH).map(T::of).collect())
}

/// A batch to a guest.
pub fn batch_out(batch: Batch) -> wit::PackedBatch {
    wit::PackedBatch {
        // A batch never holds more rows than `BatchLimits` allows, far below 2^32.
        row_count: u32::try_from(batch.row_count).unwrap_or(u32::MAX),
        columns: batch.columns.into_iter().map(column_out).collect(),
    }
}

fn column_out(column: Column) -> wit::PackedColumn {
    let fixed = |values_type, data| (values_type, String::new(), Vec::new(), data);
    let of = |values_type, type_name, values: VarValues| (values_type, type_name, pack(&values.offsets), values.data);
    let var = |values_type, values| of(values_type, String::new(), values);
    let (values_type, type_name, offsets, data) = match column.values {
        ColumnValues::Boolean(entries) => fixed(ColumnType::Boolean, entries),
        ColumnValues::Int64(entries) => fixed(ColumnType::Int64, pack(&entries)),
        ColumnValues::Float64(entries) => fixed(ColumnType::Float64, pack(&entries)),
        ColumnValues::Text(values) => var(ColumnType::Text, values),
        ColumnValues::Bytes(values) => var(ColumnType::Bytes, values),
        ColumnValues::Decimal(values) => var(ColumnType::Decimal, values),
        ColumnValues::Date(entries) => fixed(ColumnType::Date, pack(&entries)),
        ColumnValues::Time(entries) => fixed(ColumnType::Time, pack(&entries)),
        ColumnValues::Timestamp(entries) => fixed(ColumnType::Timestamp, pack(&entries)),
        ColumnValues::Timestamptz(entries) => fixed(ColumnType::Timestamptz, pack(&entries)),
        ColumnValues::Uuid(entries) => fixed(ColumnType::Uuid, pack(&entries)),
        ColumnValues::Json(values) => var(ColumnType::Json, values),
        ColumnValues::Native(values) => of(ColumnType::Native, values.type_name, values.texts),
    };
    wit::PackedColumn { name: column.name, values_type, type_name, nulls: column.nulls, offsets, data }
}

/// A batch from a guest, not validated yet: only its bytes are numbers.
pub fn batch_in(batch: wit::PackedBatch) -> Result<Batch, DatabaseError> {
    let column_in = |column: wit::PackedColumn| {
        let values = values_in(column.values_type, column.type_name, column.offsets, column.data).map_err(|why| {
            let name = super::text::cut(&column.name, super::text::WORD);
            DatabaseError::new(DatabaseErrorKind::InvalidArgument, format!("column `{name}`: {why}"))
        })?;
        Ok(Column { name: column.name, nulls: column.nulls, values })
    };
    let columns = batch.columns.into_iter().map(column_in).collect::<Result<_, DatabaseError>>()?;
    Ok(Batch { row_count: batch.row_count as usize, columns })
}

fn values_in(of: ColumnType, type_name: String, offsets: Vec<u8>, data: Vec<u8>) -> Result<ColumnValues, String> {
    let var = |data| Ok::<_, String>(VarValues { offsets: unpack("offsets", &offsets)?, data });
    Ok(match of {
        ColumnType::Boolean => ColumnValues::Boolean(data),
        ColumnType::Int64 => ColumnValues::Int64(unpack("int64", &data)?),
        ColumnType::Float64 => ColumnValues::Float64(unpack("float64", &data)?),
        ColumnType::Text => ColumnValues::Text(var(data)?),
        ColumnType::Bytes => ColumnValues::Bytes(var(data)?),
        ColumnType::Decimal => ColumnValues::Decimal(var(data)?),
        ColumnType::Date => ColumnValues::Date(unpack("date", &data)?),
        ColumnType::Time => ColumnValues::Time(unpack("time", &data)?),
        ColumnType::Timestamp => ColumnValues::Timestamp(unpack("timestamp", &data)?),
        ColumnType::Timestamptz => ColumnValues::Timestamptz(unpack("timestamptz", &data)?),
        ColumnType::Uuid => ColumnValues::Uuid(unpack("uuid", &data)?),
        ColumnType::Json => ColumnValues::Json(var(data)?),
        ColumnType::Native => ColumnValues::Native(NativeValues { type_name, texts: var(data)? }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_comes_back_as_it_was() {
        let texts = || VarValues { offsets: vec![0, 1, 3], data: b"abc".to_vec() };
        let column = |(index, values)| Column { name: format!("c{index}"), nulls: vec![0, 1], values };
        let all = [
            ColumnValues::Boolean(vec![0, 1]),
            ColumnValues::Int64(vec![i64::MIN, 258]),
            ColumnValues::Float64(vec![-0.0, 5e-324]),
            ColumnValues::Text(texts()),
            ColumnValues::Bytes(texts()),
            ColumnValues::Decimal(texts()),
            ColumnValues::Date(vec![i32::MIN, -2]),
            ColumnValues::Time(vec![0, 1]),
            ColumnValues::Timestamp(vec![-1, i64::MAX]),
            ColumnValues::Timestamptz(vec![7, 8]),
            ColumnValues::Uuid(vec![u64::MAX, 1, 2, 3]),
            ColumnValues::Json(texts()),
            ColumnValues::Native(NativeValues { type_name: "inet".to_owned(), texts: texts() }),
        ];
        let batch = Batch { row_count: 2, columns: all.into_iter().enumerate().map(column).collect() };
        let packed = batch_out(batch.clone());
        assert_eq!(packed.columns[1].data[8..], [2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(packed.columns[3].offsets, [0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0]);
        assert_eq!(batch_in(packed).expect("the same"), batch);
    }

    #[test]
    fn bytes_that_are_no_numbers_are_refused() {
        for (values_type, offsets, what) in [
            (ColumnType::Int64, Vec::new(), "column `n`: 7 bytes of int64 are no numbers of 8 bytes"),
            (ColumnType::Text, vec![0; 5], "column `n`: 5 bytes of offsets are no numbers of 4 bytes"),
        ] {
            let (name, type_name) = ("n".to_owned(), String::new());
            let column =
                wit::PackedColumn { name, values_type, type_name, nulls: Vec::new(), offsets, data: vec![0; 7] };
            let error = batch_in(wit::PackedBatch { row_count: 1, columns: vec![column] }).expect_err(what);
            assert_eq!((error.kind, error.message.as_str()), (DatabaseErrorKind::InvalidArgument, what));
        }
    }
}
