//! The contract, run on a file.

use async_trait::async_trait;

use super::*;
use runner_contract::place::{PlaceFactory, place};
use runner_contract::{Factory, contract};
use runner_database::HistoryPlace;

struct File {
    directory: tempfile::TempDir,
}

impl File {
    fn new() -> Self {
        Self { directory: directory() }
    }
}

#[async_trait]
impl Factory for File {
    async fn open(&self) -> Box<dyn Database> {
        open_at(self.directory.path()).await
    }
}

contract!(File::new());

mod placed {
    //! Everything about the tool's tables, where their names have a prefix.

    use super::*;

    #[async_trait]
    impl PlaceFactory for File {
        async fn open_in(&self, history: HistoryPlace) -> Box<dyn Database> {
            let url = format!("sqlite:{}?mode=rwc", self.directory.path().join("a.db").display());
            let url = DatabaseUrl::parse(&url, Path::new("/")).expect("a URL");
            connect(&url, &ConnectOptions { history, ..ConnectOptions::creating() }).await.expect("a connection")
        }
    }

    struct Placed(File);

    #[async_trait]
    impl Factory for Placed {
        async fn open(&self) -> Box<dyn Database> {
            self.0.open_in(place("app")).await
        }
    }

    #[async_trait]
    impl PlaceFactory for Placed {
        async fn open_in(&self, history: HistoryPlace) -> Box<dyn Database> {
            self.0.open_in(history).await
        }
    }

    contract!(place of Placed(File::new()));
}
