//! The address in a profile: `{"address": {"city": "Wien", …}, …}`. Everything else is left exactly as it is.

use std::collections::BTreeMap;

use runner_guest::{Context, Result};
use serde_json::value::{RawValue, to_raw_value};

/// The parts of an address that have columns, named alike in both.
pub const FIELDS: [&str; 4] = ["street", "postcode", "city", "country"];

/// One text for each of [`FIELDS`].
pub type Address = [Option<String>; FIELDS.len()];

type Object = BTreeMap<String, Box<RawValue>>;

/// The address, and the document without it; `None` if no part can be stored in columns without loss. If a part is
/// not text, the whole address stays in the document; parts without a column stay there as well.
pub fn take_address(document: &str) -> Result<Option<(Address, String)>> {
    let mut profile: Object = serde_json::from_str(document).context("the profile is no object")?;
    let Some(mut inner) = profile.get("address").and_then(|address| object(address)) else { return Ok(None) };
    let mut address = Address::default();
    for (part, name) in address.iter_mut().zip(FIELDS) {
        match inner.remove(name).map(|value| serde_json::from_str(value.get())) {
            None => {}
            Some(Ok(text)) => *part = Some(text),
            Some(Err(_)) => return Ok(None),
        }
    }
    if address.iter().all(Option::is_none) {
        return Ok(None);
    }
    if inner.is_empty() {
        profile.remove("address");
    } else {
        profile.insert("address".to_owned(), to_raw_value(&inner)?);
    }
    Ok(Some((address, serde_json::to_string(&profile)?)))
}

/// The document with the address in it.
pub fn put_address(document: &str, address: &Address) -> Result<String> {
    let mut profile: Object = serde_json::from_str(document).context("the profile is no object")?;
    let mut inner = match profile.get("address") {
        Some(inner) => object(inner).context("the profile has another address that is no object")?,
        None => Object::new(),
    };
    for (part, name) in address.iter().zip(FIELDS) {
        if let Some(text) = part {
            inner.insert(name.to_owned(), to_raw_value(text)?);
        }
    }
    profile.insert("address".to_owned(), to_raw_value(&inner)?);
    Ok(serde_json::to_string(&profile)?)
}

fn object(value: &RawValue) -> Option<Object> {
    serde_json::from_str(value.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_comes_back(document: &str, without: &str, parts: [Option<&str>; 4]) {
        let (address, rest) = take_address(document).unwrap().expect("an address");
        assert_eq!(address, parts.map(|part| part.map(str::to_owned)));
        assert_eq!(rest, without);
        assert_eq!(put_address(&rest, &address).unwrap(), document);
    }

    #[test]
    fn addresses_leave_and_come_back() {
        assert_comes_back(r#"{"address":{"city":"Wien"}}"#, "{}", [None, None, Some("Wien"), None]);
        assert_comes_back(
            r#"{"address":{"city":"Wien","floor":3,"street":"Ring \"1\"\n"},"score":1.10}"#,
            r#"{"address":{"floor":3},"score":1.10}"#,
            [Some("Ring \"1\"\n"), None, Some("Wien"), None],
        );
    }

    #[test]
    fn what_columns_cannot_hold_stays() {
        for document in [
            "{}",
            r#"{"address":{}}"#,
            r#"{"address":null}"#,
            r#"{"address":"Wien"}"#,
            r#"{"address":{"floor":3}}"#,
            r#"{"address":{"city":null}}"#,
            r#"{"address":{"postcode":1010,"city":"Wien"}}"#,
        ] {
            assert_eq!(take_address(document).unwrap(), None, "{document}");
        }
        assert!(take_address("[]").is_err());
    }

    #[test]
    fn another_address_is_not_overwritten() {
        let address = [None, None, Some("Wien".to_owned()), None];
        assert!(put_address(r#"{"address":"here"}"#, &address).is_err());
    }
}
