//! Tries the attacks that take a whole run, each on an arena of its own.

use super::arena::{Arena, How};
use super::class::{Attempt, Class};
use super::{AttackReport, Succeeded, classes};
use runner_base::error::Result;
use runner_database::{ConnectOptions, DatabaseUrl, Dialect};
use runner_engine::isolation::Barrier;
use runner_testing::scratch::Scratch;

/// The attacks of a class, in their usual spelling.
fn attempts(class: &'static Class) -> impl Iterator<Item = Attempt> {
    class.its.iter().map(move |it| Attempt::usual(class, it))
}

/// Tries them on scratch databases of the server.
pub(super) async fn try_all(
    url: &DatabaseUrl,
    options: &ConnectOptions,
    dialect: Dialect,
    report: &mut AttackReport,
) -> Result<()> {
    let with_grants = report.barrier != Barrier::SharedLogin;
    let options = super::Field::options(options);
    let mut scratch = Scratch::create(url, &options).await?;
    let tried = async {
        let mut arena = Arena::make(&scratch.url, &options, with_grants).await?;
        let tried = arena.classes();
        for class in &tried {
            for attempt in attempts(class) {
                let verdict = arena.try_out(&attempt, How::of(class.modes[0])).await?;
                report.tried += 1;
                let is_held = verdict.broken.is_empty();
                if !is_held {
                    report.succeeded.push(Succeeded { what: vec![class.what], statements: attempt.shown() });
                }
                if !is_held || !arena.is_clean().await {
                    drop(arena.discard().await);
                    std::mem::replace(&mut scratch, Scratch::create(url, &options).await?).discard().await?;
                    arena = Arena::make(&scratch.url, &options, with_grants).await?;
                }
            }
        }
        for class in classes::of(dialect) {
            if let Some(why) = arena.why_not(class) {
                attempts(class).for_each(|attempt| report.leave(why, attempt.shown()));
            }
        }
        arena.discard().await
    }
    .await;
    tried.and(scratch.discard().await)
}

/// Notes that none of them is tried.
pub(super) fn leave(dialect: Dialect, report: &mut AttackReport, why: &str) {
    for class in classes::of(dialect) {
        attempts(class).for_each(|attempt| report.leave(why, attempt.shown()));
    }
}
