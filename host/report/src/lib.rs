//! Shows events and outcomes as text and JSON: the only crate that knows about terminals and colours.
//!
//! It may import whatever has results to show: `runner-attack`, `runner-library`, `runner-testing`, `runner-packages`, and what is below
//! them. It runs nothing.

pub mod error;
pub mod escape;
pub mod fleet;
mod granted;
pub mod json;
pub mod junit;
mod lines;
pub mod printer;
pub mod progress;
pub mod sink;
pub mod styled;
pub mod table;
mod terminal;
pub mod text;
mod ticker;
pub mod units;

pub use granted::GrantedComponent;
pub use lines::Lines;
pub use printer::{ColorWhen, Format, Printer, Verbosity};
pub use sink::{SinkOptions, sink};
pub use styled::Text;
pub use terminal::erase_at_exit;
