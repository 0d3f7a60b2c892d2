//! What the migrations of flight times share: the arithmetic, the view that has the time zones, and the checks.

mod check;
mod clock;
mod instants;
mod view;
mod zones;

pub use check::{all_flights, no_flight};
pub use clock::{Clock, Invalid};
pub use instants::{Instants, LocalTimes, instants, local_time};
pub use view::FlightsWithZones;
pub use zones::Zones;
