//! Which edition of the time zones a component has.

/// What is before the edition, in the data of the runtimes and of the SDKs (`scripts/build-runtimes`).
const MARK: &[u8] = b"IANA time zones ";

/// The longest name of an edition that is looked for: `2026f` has five letters.
const LONGEST: usize = 8;

/// The edition of the IANA time zones in a component, such as `2026f`. A crate or a module with zones of its own does not say it.
pub fn time_zones(component: &[u8]) -> Option<String> {
    let mut rest = component;
    while let Some(at) = rest.iter().position(|byte| *byte == MARK[0]) {
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix(MARK) {
            let edition = after.iter().take(LONGEST).take_while(|byte| byte.is_ascii_alphanumeric());
            let edition: String = edition.map(|byte| char::from(*byte)).collect();
            if edition.starts_with("20") {
                return Some(edition);
            }
        }
        rest = &rest[1..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edition_follows_its_mark() {
        assert_eq!(time_zones(b"\0IIANA time zones 2026f\nAfrica/Abidjan 0 130").as_deref(), Some("2026f"));
        assert_eq!(time_zones(b"among the IANA time zones {}\0IANA time zones 2027a").as_deref(), Some("2027a"));
        for without in [&b""[..], b"I", b"IANA time zones", b"IANA time zones \xff", b"the IANA time zones of others"] {
            assert_eq!(time_zones(without), None);
        }
    }
}
