//! Servers, by URL and by the options of a pool.

use std::path::Path;

use runner::{Project, Runner};
use runner_tests::servers::Proxy;
use runner_tests::{Engine, EngineProject, for_each_server, project};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;

use super::{SHOP, embedded};

fn by_options(engine: Engine, url: &str) -> Runner {
    let builder = Runner::builder().project(Project::embedded(SHOP));
    let builder = match engine {
        Engine::Postgres => builder.database(url.parse::<PgConnectOptions>().unwrap()),
        _ => builder.database(url.replace("mariadb:", "mysql:").parse::<MySqlConnectOptions>().unwrap()),
    };
    builder.build().unwrap()
}

/// The round trips of connecting alone.
async fn trips_to_connect(project: &EngineProject, engine: Engine) -> usize {
    let proxy = Proxy::start(engine.server().unwrap().port());
    let url = runner::database::DatabaseUrl::parse(&project.server_database().url_at(proxy.port()), Path::new("/"));
    let options = runner::database::ConnectOptions::default();
    let database = runner::database::connect(&url.unwrap(), &options).await.unwrap();
    drop(database);
    proxy.turns()
}

for_each_server! {
    fn url_and_options_are_equivalent(engine) {
        let project: EngineProject = project!(engine);
        let url = project.server_database().url();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            assert_eq!(by_options(engine, &url).apply().await.unwrap().done.len(), 2);
            let by_url = embedded(&SHOP, &url).build().unwrap();
            assert!(by_url.apply().await.unwrap().is_up_to_date());
            assert_eq!(by_options(engine, &url).status().await.unwrap().pending(), 0);
        });
    }

    /// A program applies at every start, usually with nothing pending.
    fn nothing_pending_takes_one_round_trip(engine) {
        let project: EngineProject = project!(engine);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            embedded(&SHOP, &project.server_database().url()).build().unwrap().apply().await.unwrap();
            let to_connect = trips_to_connect(&project, engine).await;
            let proxy = Proxy::start(engine.server().unwrap().port());
            let url = project.server_database().url_at(proxy.port());
            assert!(embedded(&SHOP, &url).build().unwrap().apply().await.unwrap().is_up_to_date());
            let trips = proxy.turns() - to_connect;
            assert!(trips <= 1, "{trips} trips after connecting");
        });
    }
}
