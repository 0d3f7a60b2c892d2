//! Shows events and outcomes to people and machines: the only room that knows terminals, colour and JSON.

pub mod error;
pub mod escape;
pub mod json;
mod lines;
pub mod printer;
pub mod progress;
pub mod sink;
pub mod table;
pub mod text;
pub mod units;

pub use printer::{ColorWhen, Format, Printer, Verbosity};
pub use sink::{Flavour, sink};
pub use text::Text;
