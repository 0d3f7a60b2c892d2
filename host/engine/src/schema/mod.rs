//! The tables that the tool owns: their definitions, their format, and every statement about them.
//!
//! A statement is one template for all dialects. [`tool_sql`](runner_database::tool_sql) replaces `@` by the schema of the
//! tool's tables, `?1` by a placeholder, and a word such as `~now_ms~` by what the dialect writes in its place. Statements
//! that differ more are in the [`ToolSchema`](runner_database::dialect_sql::ToolSchema) of the driver. Tables are always addressed by qualified names, so neither a temporary
//! table of the same name nor a search path can substitute another table. Parameters appear in the order of their
//! numbers, and each is used once, because placeholders without numbers are distinguished by their order alone.

/// Declares statements, and lists them for tests.
macro_rules! statements {
    ($($(#[$doc:meta])* pub const $name:ident: &str = $text:expr;)*) => {
        $($(#[$doc])* pub const $name: &str = $text;)*
        #[cfg(test)]
        pub(super) const STATEMENTS: &[&str] = &[$($name),*];
    };
}

pub mod chunk;
pub mod control;
pub mod evidence;
pub mod history;
pub mod journal;
pub mod repair;
#[cfg(test)]
mod tests;

/// The format of the tables and of what they store, as recorded in `runner_meta`.
pub const FORMAT: i64 = 4;
