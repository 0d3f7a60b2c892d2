//! Runs migrations on an arena, as a command does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::outcome::Ran;
use super::{Arena, GUEST, How, NEXT};
use crate::class::{Attacker, Mode};
use crate::flood;
use crate::guest::{Guest, Heard};
use runner_base::error::Result;
use runner_database::{ConnectOptions, Grants, StopSignal};
use runner_drivers::{Connector, connect};
use runner_engine::apply::{Action, Engine, Preload, Request};
use runner_engine::control::RunControl;
use runner_engine::dry_run::{DryRun, DryRunRecorder, Ground as DryRunGround, RecorderOptions, Trial};
use runner_engine::event::{Event, EventSink};
use runner_engine::identity::Identity;
use runner_engine::plan::PlanOptions;
use runner_engine::sql_script::SqlScript;
use runner_engine::target::Target;
use runner_engine::{Script, ScriptLoader, ScriptSource, Transforms};
use runner_library::clock;
use runner_project::catalog::{Catalog, Migration};
use runner_project::settings::RequiredIsolation;

/// How long a run waits for the session of one that was given up.
const LOCK_WAIT: Duration = Duration::from_secs(60);

impl Arena {
    /// Runs migrations as a command does.
    pub(super) async fn run(&self, migrations: &[Migration], guest: Guest, by: Attacker, how: How) -> Result<Ran> {
        let database = connect(&self.url, &self.options).await?;
        let dialect = database.facts().dialect;
        let events: Arc<dyn EventSink> = Arc::new(Listener(guest.heard.clone()));
        let dry_run = (how.mode == Mode::DryRun).then(|| DryRun {
            trial: Trial::new(
                Arc::new(DryRunRecorder::new(events.clone(), RecorderOptions { samples: 3, all: true })),
                DryRunGround::Transaction,
            ),
            on_scratch: None,
            chunks: None,
        });
        let events: Arc<dyn EventSink> = dry_run.as_ref().map_or(events, |it| it.trial.recorder.clone());
        let granted = |(revision, name): (&str, &str), raw_sql| {
            let is_there = migrations.iter().any(|it| it.revision == revision);
            let grants = self.grants.as_ref().filter(|_| is_there);
            let grants = grants.map(|grants| Grants { raw_sql, ..grants.of(revision) });
            grants.map(|grants| (format!("{revision}_{name}"), Arc::new(grants)))
        };
        let of_guest = by.is_granted().then(|| granted(GUEST, by == Attacker::GrantedSql)).flatten();
        let grants: BTreeMap<_, _> = of_guest.into_iter().chain(granted(NEXT, false)).collect();
        let stop = StopSignal::default();
        let identity = Identity::now();
        let options = ConnectOptions { worker_of: Some(identity.run_id.clone()), ..self.options.clone() };
        let transforms = Transforms {
            connections: how.connections,
            rows: Some(20),
            connector: dry_run.is_none().then_some(Connector { url: self.url.clone(), options }),
            share: how.is_shared,
            run_id: identity.run_id.clone(),
            held_by: "doctor".to_owned(),
            ..Transforms::default()
        };
        let hangs = guest.hangs.clone();
        let flood = guest.floods();
        let flood_time = flood.as_ref().map(|_| flood::TIME);
        let loader: Arc<dyn ScriptLoader> = Arc::new(move |source: &ScriptSource| -> Result<Box<dyn Script>> {
            match source {
                ScriptSource::Sql { up, down, .. } => Ok(Box::new(SqlScript::new(up, down.as_ref(), dialect)?)),
                ScriptSource::Component { .. } if flood.is_some() => {
                    flood::script(flood.as_deref().unwrap_or_default())
                }
                _ => Ok(Box::new(guest.clone())),
            }
        });
        let _clock = clock(&stop, flood_time)?;
        let began = Instant::now();
        let engine = Engine {
            database: Arc::new(tokio::sync::Mutex::new(database)),
            catalog: Arc::new(Catalog { migrations: migrations.to_vec(), ..Catalog::default() }),
            loader,
            ahead: Preload::default(),
            control: Arc::new(RunControl::unthrottled(events.clone(), stop.clone())),
            events,
            stop,
            parameters: Arc::default(),
            grants: Arc::new(grants),
            limits: Arc::default(),
            isolation: RequiredIsolation::Any,
            identity,
            stored_artifact_bytes: 1 << 20,
            stored_call_bytes: 1 << 20,
            retries: 3,
            dry_run,
            backup: None,
            transforms: Arc::new(transforms),
        };
        let request = Request {
            action: Action::Apply(Target::Latest),
            options: PlanOptions::default(),
            lock_wait: LOCK_WAIT,
            dry_run: how.mode == Mode::DryRun,
            accept: None,
        };
        tokio::select! {
            biased;
            ran = Box::pin(engine.run(&request)) => Ok(match ran {
                Ok(outcome) => Ran::Ended(Box::new(outcome), began.elapsed()),
                Err(error) => Ran::Refused(error),
            }),
            () = hangs.notified() => Ok(Ran::GivenUp),
        }
    }
}

/// Collects what a run logs.
struct Listener(Heard);

impl EventSink for Listener {
    fn emit(&self, event: &Event) {
        if let Event::Log { message, .. } = event {
            self.0.note(message.clone());
        }
    }
}
