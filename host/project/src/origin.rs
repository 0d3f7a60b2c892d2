//! Where the value of a setting comes from.

use std::fmt;

/// Where a value comes from; `Display` completes a sentence: "from `DATABASE_URL` in the environment".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command line, with its dashes.
    Flag(&'static str),
    /// A variable of the process.
    Environment(String),
    /// A variable of the file `.env`.
    DotEnv(String),
    /// The settings file.
    File {
        /// The file as messages show it.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// The key with its tables: `environments.production.url`.
        key: String,
    },
    /// The program that embeds runner.
    Program,
    /// The default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "from `{flag}`"),
            Self::Environment(name) => write!(f, "from `{name}` in the environment"),
            Self::DotEnv(name) => write!(f, "from `{name}` in `.env`"),
            Self::File { file, line, key } => write!(f, "from `{key}` in `{file}`, line {line}"),
            Self::Program => f.write_str("from the program"),
            Self::Default => f.write_str("by default"),
        }
    }
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub origin: Origin,
}

impl<T> Sourced<T> {
    /// A value from a flag.
    pub fn flag(value: T, flag: &'static str) -> Self {
        Self { value, origin: Origin::Flag(flag) }
    }

    /// A default value.
    pub fn default(value: T) -> Self {
        Self { value, origin: Origin::Default }
    }
}
