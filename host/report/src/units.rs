//! Human-readable numbers.

use std::time::Duration;

pub use runner_data::count::{count, counted};

/// A duration with two or three significant digits: `0.8 ms`, `12 ms`, `1.2 s`, `3 min 20 s`, `2 h 5 min`.
pub fn duration(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1e3;
    let seconds = duration.as_secs_f64().round() as u64;
    if millis < 9.95 {
        format!("{millis:.1} ms")
    } else if millis < 999.5 {
        format!("{millis:.0} ms")
    } else if millis < 59_950.0 {
        format!("{:.1} s", millis / 1e3)
    } else if seconds < 3600 {
        format!("{} min {} s", seconds / 60, seconds % 60)
    } else {
        format!("{} h {} min", seconds / 3600, seconds % 3600 / 60)
    }
}

/// A duration in whole milliseconds.
pub fn milliseconds(millis: u64) -> String {
    match millis {
        0 => "< 1 ms".to_owned(),
        1..1000 => format!("{millis} ms"),
        _ => duration(Duration::from_millis(millis)),
    }
}

/// Rate per second; `None` if the time is too short to be meaningful.
pub fn rate(number: u64, duration: Duration) -> Option<u64> {
    (duration >= Duration::from_millis(5)).then(|| (number as f64 / duration.as_secs_f64()) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        for (micros, shown) in [
            (0, "0.0 ms"),
            (830, "0.8 ms"),
            (9_949, "9.9 ms"),
            (12_400, "12 ms"),
            (999_400, "999 ms"),
            (999_900, "1.0 s"),
            (1_234_000, "1.2 s"),
            (59_960_000, "1 min 0 s"),
            (200_000_000, "3 min 20 s"),
            (7_500_000_000, "2 h 5 min"),
        ] {
            assert_eq!(duration(Duration::from_micros(micros)), shown);
        }
        assert_eq!(milliseconds(0), "< 1 ms");
        assert_eq!(milliseconds(1_500), "1.5 s");
    }

    #[test]
    fn a_rate_needs_some_time() {
        assert_eq!(rate(1_000, Duration::from_millis(500)), Some(2_000));
        assert_eq!(rate(1_000, Duration::from_micros(5)), None);
    }
}
