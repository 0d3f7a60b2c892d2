//! Common parts of all typed views of a column.

/// A typed view of a column: as many entries as the batch has rows, `None` where a row is NULL.
pub trait View: Copy {
    /// The type of an entry.
    type Item;

    /// The number of rows.
    fn rows(self) -> usize;

    /// The entry of a row. Panics if there is no such row.
    fn entry(self, row: usize) -> Option<Self::Item>;
}

/// The entries of a view, from the first row to the last.
#[derive(Clone, Debug)]
pub struct Iter<V> {
    view: V,
    next: usize,
    rows: usize,
}

impl<V: View> Iter<V> {
    pub(super) fn new(view: V) -> Self {
        Self { view, next: 0, rows: view.rows() }
    }
}

impl<V: View> Iterator for Iter<V> {
    type Item = Option<V::Item>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.rows {
            return None;
        }
        let entry = self.view.entry(self.next);
        self.next += 1;
        Some(entry)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.rows - self.next;
        (left, Some(left))
    }
}

impl<V: View> ExactSizeIterator for Iter<V> {}

/// Whether a row is NULL according to a mask that may be empty.
#[inline]
pub(super) fn is_null(nulls: &[u8], row: usize) -> bool {
    !nulls.is_empty() && nulls[row] != 0
}
