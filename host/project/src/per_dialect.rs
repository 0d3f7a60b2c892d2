//! What a migration in SQL has for each dialect.

use runner_base::dialect::Dialect;

/// One value for each dialect that has its own, and one for all others, whose key is `None`; in the order of the keys. Nearly every
/// migration has one value, and there are thousands: a list takes the memory of that, a tree that of a whole node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PerDialect<T>(Vec<(Option<Dialect>, T)>);

impl<T> PerDialect<T> {
    /// The value of a key.
    pub fn get(&self, key: Option<Dialect>) -> Option<&T> {
        self.place(key).ok().map(|at| &self.0[at].1)
    }

    /// The value of a key, which is added if there is none.
    pub fn entry(&mut self, key: Option<Dialect>) -> &mut T
    where
        T: Default,
    {
        let at = self.place(key).unwrap_or_else(|at| {
            // Not `insert` alone: that would take room for four.
            self.0.reserve_exact(1);
            self.0.insert(at, (key, T::default()));
            at
        });
        &mut self.0[at].1
    }

    /// All keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (Option<Dialect>, &T)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = Option<Dialect>> {
        self.0.iter().map(|(key, _)| *key)
    }

    /// All values.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }

    /// What happens to each value.
    pub fn map<R>(&self, convert: impl Fn(&T) -> R) -> PerDialect<R> {
        PerDialect(self.0.iter().map(|(key, value)| (*key, convert(value))).collect())
    }

    fn place(&self, key: Option<Dialect>) -> Result<usize, usize> {
        self.0.binary_search_by_key(&key, |(key, _)| *key)
    }
}
