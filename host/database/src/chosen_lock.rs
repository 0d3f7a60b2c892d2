//! The lock that an operator chooses in place of the server's own, in the URL or in the settings.

use std::fmt;

use super::Dialect;

/// How runs are kept apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChosenLock {
    /// By a lease, even if the server has a lock of its own.
    Lease,
    /// On the one node of a Galera cluster that all runs use.
    Node(String),
}

impl ChosenLock {
    /// Reads `lease` or `node:NAME`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("node:") {
            Some(node) => Some(Self::Node(node.to_owned())).filter(|_| !node.is_empty()),
            None => (text == "lease").then_some(Self::Lease),
        }
    }

    /// Whether databases of this kind can have it.
    pub fn fits(&self, dialect: Dialect) -> bool {
        match self {
            Self::Lease => dialect.has_server(),
            Self::Node(_) => matches!(dialect, Dialect::Mysql | Dialect::Mariadb),
        }
    }
}

impl fmt::Display for ChosenLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lease => f.write_str("lease"),
            Self::Node(node) => write!(f, "node:{node}"),
        }
    }
}
