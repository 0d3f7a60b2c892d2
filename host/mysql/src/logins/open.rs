//! Opens the session of a component's login.

use std::time::Duration;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::catalogue::{Open, account, reached, shown};
use super::desired::{RANDOM_PASSWORD, align};
use super::gate;
use super::guest::Gate;
use super::sync::{self, check_public_rights};
use crate::error::Result;
use crate::host_sql::{HostExecutor as _, literal, text};
use crate::link::Link;
use crate::link::work::WorkSession;
use crate::lock::guest_lock;
use crate::lock::user_lock::{self, Wait};
use crate::session::RunSession;
use runner_database::logins::refusals::{WRONG_SECRET, cannot_set_password, no_secret, out_of_line, refused};
use runner_database::logins::rights;
use runner_database::logins::sessions::LoginRights;
use runner_database::logins::{ATTEMPTS, PAUSES, Secret};
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Grants, StopSignal};

/// How long this process uses a password that it has set: another run of the same component may set one too.
const RECENT: Duration = Duration::from_secs(60);

/// The length of the passwords that MySQL generates, of some 90 characters each.
const PASSWORD_LENGTH: &str = "SET SESSION generated_random_password_length = 32";

/// Answers to a wrong password.
const WRONG_PASSWORD: [&str; 2] = ["1045", "1698"];

fn is_wrong(error: &DatabaseError) -> bool {
    WRONG_PASSWORD.contains(&error.code.as_str())
}

/// How long the session of another component of this run may take to end, and other processes to log in.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens a session of the login of a component with these grants. Fails if its rights are not in line, after the attempt to bring
/// them there if that is asked for.
pub(crate) async fn log_in(host: &mut RunSession, grants: &Grants, rights: LoginRights) -> Result<(Link, Gate)> {
    let (login, wanted) = sync::align(host, grants, rights).await?;
    let mut guest = open_as(host, &login, grants).await?;
    let connection = &mut guest.work;
    // The server's own word about its rights, which every user may ask for, counts.
    let mut found = shown(connection, None).await?;
    let statements = align(&login, &found.rights, &wanted.rights);
    // A host that may not read them could not compare before. Where it may not grant either, the rest is reported
    // below.
    if rights == LoginRights::Align && !statements.is_empty() && sync::run_each(host, &statements).await.is_ok() {
        found = shown(connection, None).await?;
    }
    let mut open: Vec<Open> = found.open.iter().map(|object| Open::of_public(object)).collect();
    open.extend(mandatory(connection, host.link.dialect(), &found.roles).await?);
    check_public_rights(&open)?;
    let mut differences = rights::differences(&found.rights, &wanted.rights);
    differences.extend(found.roles.iter().map(|role| format!("it has the role {role}")));
    if !differences.is_empty() {
        return Err(out_of_line(format!("the login `{login}` does not have the rights that its component is granted"))
            .detail(differences.join("; ")));
    }
    let reached = reached(connection, &wanted.objects).await?;
    if !reached.is_empty() {
        return Err(DatabaseError::new(
            DatabaseErrorKind::Denied,
            format!("the login `{login}` has rights on {}, which its grants do not list", reached.join(", ")),
        )
        .hint(
            "they come from what every user has, such as rights of the anonymous user (`SELECT * FROM mysql.db WHERE User = ''`): \
             revoke them, or list what the component needs in its grants",
        ));
    }
    let token = Secret::random();
    let digest = hex::encode(Sha256::digest(token.reveal()));
    let user = text(&connection.one("SELECT USER()").await?, 0);
    let lock = format!("{}:{}", guest_lock(host.link.server()), &digest[..16]);
    hold_guest_locks(host, connection, &lock).await?;
    // What it says apart from transactions of the run is read-only.
    connection.run("SET SESSION TRANSACTION READ ONLY").await?;
    let ticket = gate::ticket(host.link.endpoint().database(), &digest, &user, guest.server().id);
    host.link.work.run(ticket).await?;
    Ok((guest, Gate::new(token, lock)))
}

/// Takes the user locks by which the end of a component's session is known. The first is for the next run, which has to wait
/// for what a killed one has left; runs that only take part in a transform do not hold the lock of the run either.
async fn hold_guest_locks(host: &RunSession, connection: &mut WorkSession, lock: &str) -> Result<()> {
    let of_run = host.lock.is_taken().then(|| guest_lock(host.link.server()));
    for name in std::iter::once(lock).chain(of_run.as_deref()) {
        let mut wait = Wait::new(PATIENCE);
        while !user_lock::get(connection, name).await? {
            if !wait.pause(&StopSignal::never()).await {
                return Err(DatabaseError::new(
                    DatabaseErrorKind::Busy,
                    "the session of another component of this run has not ended",
                )
                .hint("look for it with `SHOW PROCESSLIST`"));
            }
        }
    }
    Ok(())
}

async fn open_as(host: &mut RunSession, login: &str, grants: &Grants) -> Result<Link> {
    if let (Some(variable), None) = (&grants.password_env, &grants.secret) {
        return Err(no_secret(variable, login));
    }
    if let Some(secret) = &grants.secret {
        let endpoint = host.link.endpoint().as_login(login, secret.reveal());
        return Link::open(endpoint).await.map_err(|error| match is_wrong(&error) {
            true => refused(login, &error).hint(WRONG_SECRET),
            false => error,
        });
    }
    let passwords = host.link.endpoint().passwords();
    let _turn = passwords.turn().await;
    let is_alone = take_turn(host, login).await;
    let opened = open_with_password(host, login).await;
    if is_alone {
        user_lock::release(&mut host.link.work, login).await?;
    }
    opened
}

/// Waits until no other process logs in, so that none makes the password of another useless: whether it holds the user lock of the
/// login's name. Without it, which holds on one node of a cluster only, attempts do.
async fn take_turn(host: &mut RunSession, login: &str) -> bool {
    let mut wait = Wait::new(PATIENCE);
    loop {
        match user_lock::get(&mut host.link.work, login).await {
            Ok(false) if wait.pause(&StopSignal::never()).await => {}
            taken => return taken.unwrap_or_default(),
        }
    }
}

async fn open_with_password(host: &mut RunSession, login: &str) -> Result<Link> {
    let passwords = host.link.endpoint().passwords();
    let mut last = None;
    let mut pauses = PAUSES;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(pauses.pause()).await;
        }
        let secret = match passwords.recent(login, RECENT) {
            Some(secret) => secret,
            None => set_password(host, login).await?,
        };
        let endpoint = host.link.endpoint().as_login(login, secret.reveal());
        match Link::open(endpoint).await {
            Err(error) if is_wrong(&error) => {
                passwords.forget(login);
                last = Some(error);
            }
            opened => return opened,
        }
    }
    let error = last.unwrap_or_else(|| DatabaseError::invalid("no attempt was made"));
    Err(refused(login, &error).hint(
        "an anonymous user of the server (`''@'localhost'`) may take its place: drop that, or look at what the server \
         accepts from this machine",
    ))
}

/// Gives a login a password of this run. No statement has it, so no log does: MariaDB gets its digest, and MySQL makes it up.
async fn set_password(host: &mut RunSession, login: &str) -> Result<Secret> {
    host.lock.renew_lease(&mut host.link).await?;
    let (user, random) = (account(login), Secret::random());
    let secret = match host.link.dialect() {
        Dialect::Mysql => {
            let set = format!("{PASSWORD_LENGTH}; ALTER USER {user} IDENTIFIED {RANDOM_PASSWORD}");
            host.link.work.one(set).await.map(|row| Secret::new(text(&row, 2)))
        }
        _ => {
            let digest = literal(&native_digest(random.reveal()));
            let set = format!("ALTER USER {user} IDENTIFIED BY PASSWORD {digest}");
            host.link.work.run(set).await.map(|_| random)
        }
    };
    let secret = secret.map_err(|error| match error.kind {
        DatabaseErrorKind::Denied => cannot_set_password(login, error.code, "the privilege `CREATE USER`"),
        _ => error,
    })?;
    host.link.endpoint().passwords().keep(login, secret.clone());
    Ok(secret)
}

/// Those of the roles of a session that MySQL gives to every user, which no `REVOKE` takes away.
async fn mandatory(connection: &mut WorkSession, dialect: Dialect, roles: &[String]) -> Result<Vec<Open>> {
    if roles.is_empty() || dialect != Dialect::Mysql {
        return Ok(Vec::new());
    }
    let listed = text(&connection.one("SELECT @@GLOBAL.mandatory_roles").await?, 0);
    let bare = |role: &str| {
        let name: String = role.chars().filter(|c| !matches!(c, '`' | '\'' | '"' | ' ')).collect();
        if name.contains('@') { name } else { format!("{name}@%") }
    };
    let listed: Vec<String> = listed.split(',').map(bare).collect();
    let found = roles.iter().flat_map(|roles| roles.split(',')).filter(|role| listed.contains(&bare(role)));
    Ok(found.map(|role| Open::of_role(role.trim())).collect())
}

/// What the server keeps of a password, for `mysql_native_password`.
fn native_digest(password: &str) -> String {
    format!("*{}", hex::encode_upper(Sha1::digest(Sha1::digest(password))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `SELECT PASSWORD('123456')` answers.
    #[test]
    fn the_digest_is_that_of_the_server() {
        assert_eq!(native_digest("123456"), "*6BB4837EB74329105EE4568DDA7DC67ED2CA2AD9");
    }
}
