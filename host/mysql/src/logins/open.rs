//! Opens the session of a component's login.

use std::time::{Duration, Instant};

use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use sqlx::MySqlConnection;

use super::super::MysqlDatabase;
use super::super::connect::Endpoint;
use super::super::lock;
use super::super::session::{self, SessionFacts, literal, text};
use super::catalogue::{Open, account, reached, shown};
use super::gate;
use super::session::Gated;
use super::sync::everybody;
use super::wanted::{RANDOM_PASSWORD, align};
use runner_base::backoff::Backoff;
use runner_database::logins::refusals::{WRONG_SECRET, cannot_set_password, no_secret, out_of_line, refused};
use runner_database::logins::rights;
use runner_database::logins::sessions::LoginRights;
use runner_database::logins::{ATTEMPTS, PAUSES, Secret};
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Grants};

/// How long this process uses a password that it has set: another run of the same component may set one too.
const RECENT: Duration = Duration::from_secs(60);

/// The length of the passwords that MySQL generates, of some 90 characters each.
const PASSWORD_LENGTH: &str = "SET SESSION generated_random_password_length = 32";

/// Answers to a wrong password.
const WRONG_PASSWORD: [&str; 2] = ["1045", "1698"];

/// How long the session of another component of this run may take to end, and other processes to log in.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a user lock is asked for.
const POLL: Duration = Duration::from_millis(20);

impl MysqlDatabase {
    /// Opens a session of the login of a component with these grants. Fails if its rights are not in line, after the attempt to bring
    /// them there if that is asked for.
    pub(super) async fn log_in_now(&mut self, grants: &Grants, rights: LoginRights) -> Result<Self, DatabaseError> {
        let (login, wanted) = self.align_now(grants, rights).await?;
        let (mut connection, server, endpoint) = self.open_as(&login, grants).await?;
        // The server's own word about its rights, which every user may ask for, counts.
        let mut found = shown(&mut connection, None).await?;
        let statements = align(&login, &found.rights, &wanted.rights);
        // A host that may not read them could not compare before. Where it may not grant either, the rest is reported
        // below.
        if rights == LoginRights::Align && !statements.is_empty() && self.run_each(&statements).await.is_ok() {
            found = shown(&mut connection, None).await?;
        }
        let mut open: Vec<Open> = found.open.iter().map(|object| Open::of_public(object)).collect();
        open.extend(mandatory(&mut connection, server.facts.dialect, &found.roles).await?);
        everybody(&open)?;
        let mut differences = rights::differences(&found.rights, &wanted.rights);
        differences.extend(found.roles.iter().map(|role| format!("it has the role {role}")));
        if !differences.is_empty() {
            return Err(out_of_line(format!(
                "the login `{login}` does not have the rights that its component is granted"
            ))
            .detail(differences.join("; ")));
        }
        let reached = reached(&mut connection, &wanted.objects).await?;
        if !reached.is_empty() {
            return Err(DatabaseError::new(
                DatabaseErrorKind::Denied,
                format!("the login `{login}` has rights on {}, which its grants do not list", reached.join(", ")),
            )
            .hint(
                "they come from what everybody has, such as rights of the anonymous user (`SELECT * FROM mysql.db WHERE User = ''`): \
                 revoke them, or list what the component needs in its grants",
            ));
        }
        let token = Secret::random();
        let digest = hex::encode(Sha256::digest(token.reveal()));
        let user = text(&session::one(&mut connection, "SELECT USER()").await?, 0);
        let lock = format!("{}:{}", self.guest_lock(), &digest[..16]);
        self.hold_guest_locks(&mut connection, &lock).await?;
        // What it says apart from transactions of the run is read-only.
        session::run(&mut connection, "SET SESSION TRANSACTION READ ONLY".to_owned()).await?;
        let ticket = gate::ticket(self.endpoint.database(), &digest, &user, server.id);
        session::run(&mut self.connection, ticket).await?;
        let mut guest = Self::of(connection, server, endpoint, self.url.clone());
        guest.gated = Some(Gated::new(token, lock));
        Ok(guest)
    }

    /// Takes the user locks by which the end of a component's session is known. The first is for the next run, which has to wait
    /// for what a killed one has left; runs that only take part in a transform do not hold the lock of the run either.
    async fn hold_guest_locks(&self, connection: &mut MySqlConnection, lock: &str) -> Result<(), DatabaseError> {
        let mut names = vec![lock.to_owned()];
        if self.lock.is_some() {
            names.push(self.guest_lock());
        }
        for name in names {
            let started = Instant::now();
            while !lock::get(connection, &name).await? {
                if started.elapsed() > PATIENCE {
                    return Err(DatabaseError::new(
                        DatabaseErrorKind::Busy,
                        "the session of another component of this run has not ended",
                    )
                    .hint("look for it with `SHOW PROCESSLIST`"));
                }
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }

    async fn open_as(
        &mut self,
        login: &str,
        grants: &Grants,
    ) -> Result<(MySqlConnection, SessionFacts, Endpoint), DatabaseError> {
        if let (Some(variable), None) = (&grants.password_env, &grants.secret) {
            return Err(no_secret(variable, login));
        }
        let is_wrong = |error: &DatabaseError| WRONG_PASSWORD.contains(&error.code.as_str());
        if let Some(secret) = &grants.secret {
            let endpoint = self.endpoint.as_login(login, secret.reveal());
            return match endpoint.connect_further().await {
                Ok((connection, server)) => Ok((connection, server, endpoint)),
                Err(error) if is_wrong(&error) => Err(refused(login, &error).hint(WRONG_SECRET)),
                Err(error) => Err(error),
            };
        }
        let passwords = self.endpoint.passwords();
        let _turn = passwords.turn().await;
        let is_alone = self.take_turn(login).await;
        let opened = self.open_with_password(login).await;
        if is_alone {
            lock::release(&mut self.connection, login).await?;
        }
        opened
    }

    /// Waits until no other process logs in, so that none makes the password of another useless: whether it holds the user lock of the
    /// login's name. Without it, which holds on one node of a cluster only, attempts do.
    async fn take_turn(&mut self, login: &str) -> bool {
        let started = Instant::now();
        let mut pauses = Backoff::new(POLL, POLL);
        loop {
            match lock::get(&mut self.connection, login).await {
                Ok(false) if started.elapsed() < PATIENCE => tokio::time::sleep(pauses.pause()).await,
                taken => return taken.unwrap_or_default(),
            }
        }
    }

    async fn open_with_password(
        &mut self,
        login: &str,
    ) -> Result<(MySqlConnection, SessionFacts, Endpoint), DatabaseError> {
        let is_wrong = |error: &DatabaseError| WRONG_PASSWORD.contains(&error.code.as_str());
        let passwords = self.endpoint.passwords();
        let mut last = None;
        let mut pauses = PAUSES;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(pauses.pause()).await;
            }
            let secret = match passwords.recent(login, RECENT) {
                Some(secret) => secret,
                None => self.set_password(login).await?,
            };
            let endpoint = self.endpoint.as_login(login, secret.reveal());
            match endpoint.connect_further().await {
                Ok((connection, server)) => return Ok((connection, server, endpoint)),
                Err(error) if is_wrong(&error) => {
                    passwords.forget(login);
                    last = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        let error = last.unwrap_or_else(|| DatabaseError::invalid("no attempt was made"));
        Err(refused(login, &error).hint(
            "an anonymous user of the server (`''@'localhost'`) may take its place: drop that, or look at what the server \
             accepts from this machine",
        ))
    }

    /// Gives a login a password of this run. No statement has it, so no log does: MariaDB gets its digest, and MySQL makes it up.
    async fn set_password(&mut self, login: &str) -> Result<Secret, DatabaseError> {
        self.renew_lease().await?;
        let (user, random) = (account(login), Secret::random());
        let secret = match self.server.facts.dialect {
            Dialect::Mysql => {
                let set = format!("{PASSWORD_LENGTH}; ALTER USER {user} IDENTIFIED {RANDOM_PASSWORD}");
                session::one(&mut self.connection, set).await.map(|row| Secret::new(text(&row, 2)))
            }
            _ => {
                let digest = literal(&native_digest(random.reveal()));
                let set = format!("ALTER USER {user} IDENTIFIED BY PASSWORD {digest}");
                session::run(&mut self.connection, set).await.map(|_| random)
            }
        };
        let secret = secret.map_err(|error| match error.kind {
            DatabaseErrorKind::Denied => cannot_set_password(login, error.code, "the privilege `CREATE USER`"),
            _ => error,
        })?;
        self.endpoint.passwords().keep(login, secret.clone());
        Ok(secret)
    }
}

/// Those of the roles of a session that MySQL gives to every user, which no `REVOKE` takes away.
async fn mandatory(
    connection: &mut MySqlConnection,
    dialect: Dialect,
    roles: &[String],
) -> Result<Vec<Open>, DatabaseError> {
    if roles.is_empty() || dialect != Dialect::Mysql {
        return Ok(Vec::new());
    }
    let listed = text(&session::one(connection, "SELECT @@GLOBAL.mandatory_roles").await?, 0);
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
