//! Changing columns in place.

use std::borrow::Cow;
use std::convert::Infallible;

use super::view::is_null;
use super::{Column, ColumnValues, Fixed, VarValues};
use crate::{ColumnType, Error, ErrorKind, Result};

impl Column {
    /// The entries of a fixed-size column, for changes in place. The entry of a NULL has no meaning.
    pub fn fixed_mut<T: Fixed>(&mut self) -> Result<&mut [T::Stored]> {
        if T::values(&self.values).is_none() {
            self.all_null(T::TYPE)?;
            self.values = T::wrap(vec![T::Stored::default(); self.len() * T::WIDTH]);
        }
        Ok(T::values_mut(&mut self.values).expect("the column has this type, or was given it"))
    }

    /// The entries of a column of strings, for changes in place.
    pub fn text_mut(&mut self) -> Result<TextMut<'_>> {
        if self.column_type() != ColumnType::Text {
            self.all_null(ColumnType::Text)?;
            let offsets = vec![0; self.len() + 1];
            self.values = ColumnValues::Text(VarValues { offsets, data: Vec::new() });
        }
        match &mut self.values {
            ColumnValues::Text(values) => Ok(TextMut { name: &self.name, nulls: &self.nulls, values }),
            _ => unreachable!("the column is of type text, or was made so"),
        }
    }
}

/// A column of strings, for changes in place.
#[derive(Debug)]
pub struct TextMut<'a> {
    name: &'a str,
    nulls: &'a [u8],
    values: &'a mut VarValues,
}

impl TextMut<'_> {
    /// Converts `a` to `z` to upper case, eight bytes at a time; no string grows or moves.
    pub fn make_ascii_uppercase(self) {
        flip_case(&mut self.values.data, b'a', b'z');
    }

    /// Converts `A` to `Z` to lower case, eight bytes at a time; no string grows or moves.
    pub fn make_ascii_lowercase(self) {
        flip_case(&mut self.values.data, b'A', b'Z');
    }

    /// Replaces every string that is not NULL.
    ///
    /// ```
    /// use runner_guest::prelude::*;
    ///
    /// fn trim(mut rows: Batch) -> Result<Batch> {
    ///     rows.text_mut("name")?.map(|text| text.trim().into())?;
    ///     rows.text_mut("code")?.map(|text| text.replace('-', "").into())?;
    ///     Ok(rows)
    /// }
    /// ```
    pub fn map(self, mut change: impl FnMut(&str) -> Cow<'_, str>) -> Result<()> {
        self.try_map::<Infallible>(|text| Ok(change(text)))
    }

    /// Like `map`, up to the first string that cannot be replaced.
    pub fn try_map<E: Into<Error>>(self, mut change: impl FnMut(&str) -> Result<Cow<'_, str>, E>) -> Result<()> {
        let old = std::str::from_utf8(&self.values.data).map_err(|_| {
            Error::with_kind(ErrorKind::InvalidArgument, format!("column `{}`: the texts are not UTF-8", self.name))
        })?;
        let mut data = Vec::with_capacity(old.len());
        let mut offsets = Vec::with_capacity(self.values.offsets.len());
        offsets.push(0);
        for (row, bounds) in self.values.offsets.windows(2).enumerate() {
            if !is_null(self.nulls, row) {
                let text = change(&old[bounds[0] as usize..bounds[1] as usize]).map_err(Into::into)?;
                data.extend_from_slice(text.as_bytes());
            }
            offsets.push(u32::try_from(data.len())?);
        }
        *self.values = VarValues { offsets, data };
        Ok(())
    }
}

/// Flips the case bit of every byte from `first` to `last`, all of them ASCII letters.
///
/// Eight bytes at a time in one integer: WebAssembly without SIMD has nothing wider, and a loop over bytes would take
/// most of a transform's time.
fn flip_case(data: &mut [u8], first: u8, last: u8) {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES * 0x80;
    let from_first = ONES * u64::from(0x80 - first);
    let beyond_last = ONES * u64::from(0x7f - last);
    let (words, rest) = data.as_chunks_mut::<8>();
    for bytes in words {
        let word = u64::from_le_bytes(*bytes);
        // The high bit of each sum is set if the byte's lower seven bits reach `first`, or exceed `last`.
        let low = word & !HIGH;
        let letters = (low + from_first) & !(low + beyond_last) & !word & HIGH;
        *bytes = (word ^ letters >> 2).to_le_bytes();
    }
    for byte in rest.iter_mut().filter(|byte| (first..=last).contains(*byte)) {
        *byte ^= 0x20;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Batch, TextBuilder};

    #[test]
    fn flips_the_case_of_ascii_letters_alone() {
        let all: Vec<u8> = (0..=255).chain(0..7).collect();
        let (mut upper, mut lower) = (all.clone(), all.clone());
        flip_case(&mut upper, b'a', b'z');
        flip_case(&mut lower, b'A', b'Z');
        assert_eq!(upper, all.to_ascii_uppercase());
        assert_eq!(lower, all.to_ascii_lowercase());
    }

    #[test]
    fn replaces_texts_and_leaves_nulls() {
        let mut names = TextBuilder::new();
        names.extend([Some(" Ada "), None, Some("é")]);
        let mut rows = Batch::new([names.finish("name")]).unwrap();
        rows.text_mut("name").unwrap().map(|text| text.trim().into()).unwrap();
        assert_eq!(rows.text("name").unwrap().iter().collect::<Vec<_>>(), [Some("Ada"), None, Some("é")]);
        let error = rows.text_mut("name").unwrap().try_map(|_| Err(Error::new("no"))).unwrap_err();
        assert_eq!(error.message(), "no");
    }

    #[test]
    fn gives_a_column_of_nulls_the_type_that_is_asked_for() {
        let mut names = TextBuilder::new();
        names.extend([None::<&str>, None]);
        let mut rows = Batch::new([names.finish("n")]).unwrap();
        assert_eq!(rows.float64_mut("n").unwrap(), [0.0, 0.0]);
        assert_eq!(rows.column("n").unwrap().column_type(), ColumnType::Float64);
        assert_eq!(rows.uuid_mut("n").unwrap().len(), 4);
        rows.text_mut("n").unwrap().make_ascii_uppercase();
        assert_eq!(rows.text("n").unwrap().iter().collect::<Vec<_>>(), [None, None]);
    }
}
