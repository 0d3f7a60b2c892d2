use std::collections::HashMap;

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// Time zones by their IANA names, from the database that is compiled in; each is looked up once.
#[derive(Debug)]
pub struct Zones {
    database: TimeZoneDatabase,
    found: HashMap<String, Option<TimeZone>>,
}

impl Zones {
    /// The zones of the database that is compiled in.
    pub fn bundled() -> Self {
        Self { database: TimeZoneDatabase::bundled(), found: HashMap::new() }
    }

    /// The zone of this name; none for no name, and for one that the database does not know.
    pub fn get(&mut self, name: Option<&str>) -> Option<TimeZone> {
        let name = name?;
        if let Some(found) = self.found.get(name) {
            return found.clone();
        }
        let zone = self.database.get(name).ok().filter(|zone| !zone.is_unknown());
        self.found.insert(name.to_owned(), zone.clone());
        zone
    }
}

impl Default for Zones {
    fn default() -> Self {
        Self::bundled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_database_are_zones() {
        let mut zones = Zones::bundled();
        assert!(zones.get(Some("Asia/Chongqing")).is_some(), "an old name that links to another");
        for name in [None, Some(""), Some("NA"), Some("\\N"), Some("Etc/Unknown"), Some("Mars/Olympus_Mons")] {
            assert_eq!(zones.get(name), None, "{name:?}");
        }
    }
}
