//! The contract, run on a server.

use async_trait::async_trait;

use super::*;
use crate::database::contract::{Factory, contract};

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
    use crate::database::contract::lease::LeaseFactory;

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
