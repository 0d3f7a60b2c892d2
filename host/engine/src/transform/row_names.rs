//! Names the rows of a batch in an error. Code that transforms a batch knows a row by its position, and writes `{row 17}`; the
//! operator sees its key and what the function was given.

use runner_base::error::Error;
use runner_data::Batch;
use runner_database::message::{cells_text, row_text};

/// The error with the keys of the rows that it names by position, and the values of the first of them.
pub fn named_rows(mut error: Error, rows: &Batch, key: &[String]) -> Error {
    let (mut message, mut first) = (String::new(), None);
    let mut rest = error.message.as_str();
    while let Some((before, row, after)) = next_row(rest, rows.row_count) {
        first.get_or_insert(row);
        let named = cells_text(key.iter().filter_map(|name| rows.column(name)), row);
        message.push_str(before);
        message.push_str("row ");
        // A batch without its key is named by what else it holds.
        message.push_str(&if named.is_empty() { row_text(rows, key, row) } else { named });
        rest = after;
    }
    let Some(row) = first else { return error };
    message.push_str(rest);
    error.message = message;
    error.at("row", row_text(rows, key, row))
}

/// What is before the first `{row N}`, its number, and what follows.
fn next_row(text: &str, count: usize) -> Option<(&str, usize, &str)> {
    text.match_indices("{row ").find_map(|(at, begin)| {
        let (number, after) = text[at + begin.len()..].split_once('}')?;
        let row = number.parse().ok().filter(|row| *row < count)?;
        Some((&text[..at], row, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use runner_data::{Column, ColumnValues, VarValues};

    fn rows(name: &str) -> Batch {
        let texts = VarValues { offsets: vec![0, 0, u32::try_from(name.len()).expect("short")], data: name.into() };
        let column = |name: &str, nulls, values| Column { name: name.to_owned(), nulls, values };
        Batch {
            row_count: 2,
            columns: vec![
                column("name", vec![1, 0], ColumnValues::Text(texts)),
                column("id", vec![], ColumnValues::Int64(vec![7, 4711])),
            ],
        }
    }

    fn named(message: &str, rows: &Batch) -> (String, Vec<(&'static str, String)>) {
        let error = named_rows(Error::failed(message), rows, &["id".to_owned()]);
        (error.message, error.places)
    }

    #[test]
    fn a_row_is_named_by_its_key_and_shown() {
        let (message, places) = named("{row 1}: TypeError: x, after {row 0}", &rows("Anna"));
        assert_eq!(message, "row id = 4711: TypeError: x, after row id = 7");
        assert_eq!(places, [("row", "id = 4711, name = \"Anna\"".to_owned())]);
        let (_, places) = named("{row 0}", &rows(""));
        assert_eq!(places, [("row", "id = 7, name = NULL".to_owned())]);
    }

    #[test]
    fn what_names_no_row_of_the_batch_stays() {
        for message in ["plain", "{row 2}", "{row x}", "{row -1}", "{row 1", "{row }"] {
            assert_eq!(named(message, &rows("Anna")), (message.to_owned(), vec![]), "{message}");
        }
        assert_eq!(named("{row x} and {row 0}", &rows("")).0, "{row x} and row id = 7");
    }

    #[test]
    fn a_long_value_is_cut() {
        let (_, places) = named("{row 1}", &rows(&"ä".repeat(5000)));
        assert_eq!(places, [("row", format!("id = 4711, name = \"{}\"…", "ä".repeat(40)))]);
    }
}
