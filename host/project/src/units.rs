//! Durations and sizes in settings: `500ms`, `10s`, `5m`, `1h`; `64KiB`, `256MiB`, `1MB`, plain bytes.

use std::time::Duration;

const SIZES: [(&str, u64); 8] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

/// Parses a duration; the error describes the format.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration such as `500ms`, `10s`, `5m` or `1h`");
    let (number, unit) = split(text).ok_or_else(wrong)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(milliseconds).map(Duration::from_millis).ok_or_else(|| format!("`{text}` is too long"))
}

/// Parses a duration, or `none`; `no_time` is the error for zero.
pub(crate) fn parse_duration_or_none(text: &str) -> Result<Option<Duration>, String> {
    match text {
        "none" => Ok(None),
        text => match parse_duration(text)? {
            Duration::ZERO => Err("the duration must not be zero".to_owned()),
            duration => Ok(Some(duration)),
        },
    }
}

/// Parses a size in bytes; the error describes the format.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size such as `64KiB`, `256MiB`, `1MB` or a number of bytes");
    let (number, unit) = split(text).ok_or_else(wrong)?;
    let factor = match unit {
        "" | "B" => 1,
        unit => SIZES.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor).ok_or_else(wrong)?,
    };
    number.checked_mul(factor).ok_or_else(|| format!("`{text}` is too large"))
}

/// Parses an integer, which may have `_` between its digits.
pub fn parse_count(text: &str) -> Result<u64, String> {
    match split(text) {
        Some((number, "")) => Ok(number),
        _ => Err(format!("`{text}` is not a non-negative integer")),
    }
}

/// A duration in the largest unit that is exact.
pub fn format_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    match units.iter().find(|(factor, _)| milliseconds > 0 && milliseconds.is_multiple_of(*factor)) {
        Some((factor, unit)) => format!("{}{unit}", milliseconds / factor),
        None => format!("{milliseconds}ms"),
    }
}

/// A size in the largest binary unit that is exact.
pub fn format_size(bytes: u64) -> String {
    match SIZES[..4].iter().rev().find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor)) {
        Some((unit, factor)) => format!("{}{unit}", bytes / factor),
        None => format!("{bytes}B"),
    }
}

/// The leading number and its unit.
fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let number = text[..end].replace('_', "").parse().ok()?;
    Some((number, text[end..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, milliseconds, shown) in
            [("500ms", 500, "500ms"), ("10s", 10_000, "10s"), ("5m", 300_000, "5m"), ("24 h", 86_400_000, "24h")]
        {
            let duration = parse_duration(text).expect(text);
            assert_eq!(duration, Duration::from_millis(milliseconds));
            assert_eq!(format_duration(duration), shown);
        }
        for text in ["", "5", "5 years", "-1s", "1.5h", "s", "99999999999999999h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes, shown) in [
            ("0", 0, "0B"),
            ("1_000", 1_000, "1000B"),
            ("64KiB", 65_536, "64KiB"),
            ("256 MiB", 268_435_456, "256MiB"),
            ("1MB", 1_000_000, "1000000B"),
        ] {
            let size = parse_size(text).expect(text);
            assert_eq!(size, bytes);
            assert_eq!(format_size(size), shown);
        }
        for text in ["", "MiB", "1 mib", "1.5MiB", "-1", "99999999999TiB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
        assert_eq!(parse_count("1_000_000"), Ok(1_000_000));
        assert!(parse_count("1k").is_err());
    }
}
