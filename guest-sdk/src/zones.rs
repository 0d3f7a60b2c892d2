//! Time zones: those that scripts in JavaScript and Python have, whichever crates a migration is built with.

use jiff::tz::TimeZone;

use crate::error::{Error, Result};

/// The edition, a line for each zone with its name and where its file is, and the files. `scripts/build-runtimes` writes it.
static ZONES: &[u8] = include_bytes!("zones.bin");

/// A zone of the IANA database, such as `Europe/Berlin`. All of them become a part of the component, with 0.2 megabytes, if this is
/// called.
///
/// ```
/// let zone = runner_guest::zones::load("Europe/Berlin")?;
/// let summer: jiff::Timestamp = "2026-07-01T10:00:00Z".parse().unwrap();
/// assert_eq!(summer.to_zoned(zone).to_string(), "2026-07-01T12:00:00+02:00[Europe/Berlin]");
/// # Ok::<(), runner_guest::Error>(())
/// ```
pub fn load(name: &str) -> Result<TimeZone> {
    let (lines, files) = parts().ok_or_else(|| Error::new("the time zones are damaged"))?;
    let place = lines.lines().skip(1).find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).and_then(|place| {
        let (start, size) = place.split_once(' ')?;
        files.get(start.parse().ok()?..)?.get(..size.parse().ok()?)
    });
    let file = place.ok_or_else(|| {
        let edition = lines.lines().next().unwrap_or_default();
        Error::new(format!("there is no time zone `{name}` among the {edition}"))
    })?;
    TimeZone::tzif(name, file).map_err(|error| Error::new(format!("the time zone `{name}` is damaged: {error}")))
}

fn parts() -> Option<(&'static str, &'static [u8])> {
    let end = ZONES.windows(2).position(|two| two == b"\n\n")?;
    Some((std::str::from_utf8(&ZONES[..end]).ok()?, &ZONES[end + 2..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_can_be_read() {
        let (lines, _) = parts().expect("zones");
        let names: Vec<_> = lines.lines().skip(1).filter_map(|line| line.split(' ').next()).collect();
        assert!(names.len() > 500, "{}", names.len());
        for name in names {
            let zone = load(name).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(zone.iana_name(), Some(name));
        }
    }

    #[test]
    fn an_unknown_zone_is_an_error() {
        for name in ["Europe/Nowhere", "", "Europe", "IANA time zones", "Europe/Berlin 0", "\nUTC"] {
            let error = load(name).expect_err(name);
            assert!(error.message().contains("there is no time zone"), "{error:?}");
        }
    }
}
