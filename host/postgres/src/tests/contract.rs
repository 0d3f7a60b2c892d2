//! The contract, run on a server.

use async_trait::async_trait;

use super::*;
use runner_contract::place::{PlaceFactory, place};
use runner_contract::{Factory, contract};
use runner_database::HistoryPlace;

struct Fresh(TestDatabase);

#[async_trait]
impl Factory for Fresh {
    async fn open(&self) -> Box<dyn Database> {
        super::open(&self.0).await
    }
}

contract!(Fresh(fresh()));
contract!(logins of Fresh(fresh()));

mod leased {
    //! The lock of the contract, and what is more of a lease.

    use super::*;
    use runner_contract::lease::LeaseFactory;

    struct Leased(TestDatabase);

    #[async_trait]
    impl Factory for Leased {
        async fn open(&self) -> Box<dyn Database> {
            self.open_with("lock=lease").await
        }
    }

    #[async_trait]
    impl LeaseFactory for Leased {
        async fn open_with(&self, lock: &str) -> Box<dyn Database> {
            let url = self.0.url();
            let sign = if url.contains('?') { '&' } else { '?' };
            open_url(&format!("{url}{sign}{lock}")).await.expect("a connection")
        }
    }

    contract!(lease of Leased(fresh()));
}

mod placed {
    //! Everything about the tool's tables, where they are in a schema of the application.

    use super::*;
    use runner_contract::lease::LeaseFactory;

    struct Placed(TestDatabase);

    impl Placed {
        async fn open_at(&self, parameter: &str, history: HistoryPlace) -> Box<dyn Database> {
            let url = self.0.url();
            let sign = if url.contains('?') { '&' } else { '?' };
            let options = ConnectOptions { history, ..ConnectOptions::default() };
            open_with(&format!("{url}{sign}{parameter}"), &options).await.expect("a connection")
        }
    }

    #[async_trait]
    impl Factory for Placed {
        async fn open(&self) -> Box<dyn Database> {
            self.open_in(place("public")).await
        }
    }

    #[async_trait]
    impl PlaceFactory for Placed {
        async fn open_in(&self, history: HistoryPlace) -> Box<dyn Database> {
            self.open_at("", history).await
        }
    }

    #[async_trait]
    impl LeaseFactory for Placed {
        async fn open_with(&self, lock: &str) -> Box<dyn Database> {
            self.open_at(lock, place("public")).await
        }
    }

    contract!(place of Placed(fresh()));
    contract!(logins of Placed(fresh()));

    mod leased {
        use super::*;

        contract!(lease of Placed(fresh()));
    }
}
