//! A user's project on disk: settings, migrations, lockfile. Knows neither databases nor sandboxes.

pub mod catalog;
