//! What the migrations of flight times share: the arithmetic, the view that has the time zones, the checks, and what an
//! interrupted upgrade leaves.

mod check;
mod clock;
mod columns;
mod instants;
mod view;
mod zones;

pub use check::{all_flights, no_flight};
pub use clock::{Clock, Invalid};
pub use columns::has_column;
pub use instants::{Instants, LocalTimes, instants, local_time};
pub use view::FlightsWithZones;
pub use zones::Zones;
