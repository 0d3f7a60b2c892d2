//! Checks the logins of components, and brings them in line: in one transaction, so that an interrupted run leaves
//! nothing half-way.

use std::collections::BTreeSet;

use super::super::PostgresDatabase;
use super::super::scope::simple;
use super::super::search_path::OURS;
use super::super::settings::prologue;
use super::super::speech::{in_server, without_place};
use super::catalogue::Catalogue;
use super::gate;
use super::wanted::{self, Wanted};
use runner_database::facts::Citus;
use runner_database::logins::names::{login_of, scope};
use runner_database::logins::refusals::{
    DBA, all_out_of_line, broken_gate, cannot_bring_in_line, check_reached, check_secrets, out_of_line, superuser,
    unknown,
};
use runner_database::logins::rights;
use runner_database::logins::{LoginReport, LoginRequest, LoginTask, WantedLogin};
use runner_database::{DatabaseError, DatabaseErrorKind, Dialect, Grants};

impl PostgresDatabase {
    /// See [`scope`].
    pub(super) fn login_scope(&self) -> String {
        scope(&self.facts, &self.database)
    }

    /// Checks the logins; brings them in line if it is asked to.
    pub(super) async fn logins_now(&mut self, request: &LoginRequest) -> Result<LoginReport, DatabaseError> {
        let task = request.task;
        for wanted in &request.wanted {
            wanted::check(wanted)?;
        }
        self.apart(async |database: &mut Self| {
            let found = database.look_at_logins(request).await?;
            if task == LoginTask::Look {
                return Ok((found, false));
            }
            if !found.unknown.is_empty() {
                return Err(unknown(&found.unknown));
            }
            if task == LoginTask::Script {
                return Ok((found, false));
            }
            check_reached(&found.reached)?;
            if found.statements.is_empty() {
                return Ok((found, false));
            }
            if database.facts.read_only {
                return Err(super::super::transaction::read_only());
            }
            let done = simple(&mut database.connection, &in_server(&found.statements.join(";\n"))).await;
            done.map_err(without_place).map_err(cannot_bring_in_line)?;
            // What the server only warned of was not done.
            let after = database.look_at_logins(request).await?;
            let differences =
                after.logins.iter().filter(|login| login.component.is_some()).flat_map(|it| &it.differences);
            let left: Vec<String> = after.statements.iter().chain(differences).take(3).cloned().collect();
            if !left.is_empty() {
                return Err(DatabaseError::new(
                    DatabaseErrorKind::Denied,
                    "the logins cannot be brought in line, and nothing was changed",
                )
                .detail(format!("the server did not do this for the login of this run: {}", left.join("; ")))
                .hint(DBA));
            }
            Ok((LoginReport { logins: after.logins, ..found }, true))
        })
        .await
    }

    /// Fails, with all reasons, if components with these grants could not run.
    pub(super) async fn check_logins_now(&mut self, wanted: &[WantedLogin]) -> Result<(), DatabaseError> {
        for wanted in wanted {
            wanted::check(wanted)?;
        }
        check_secrets(wanted)?;
        self.apart(async |database: &mut Self| {
            let names = database.names_of(wanted);
            let scope = database.login_scope();
            let catalogue = Catalogue::read(&mut database.connection, scope, &names).await?;
            if let Some(wanted) = wanted.iter().find(|wanted| catalogue.is_superuser && !wanted.grants.superuser) {
                return Err(superuser(
                    &wanted.id,
                    &catalogue.host,
                    "is a superuser",
                    "a role that owns the database and is no superuser",
                ));
            }
            if let Some(difference) = gate::difference(&mut database.connection).await? {
                return Err(broken_gate(&difference));
            }
            let schema = database.schema_of_names();
            let (mut reasons, mut reached) = (Vec::new(), BTreeSet::new());
            for wanted in wanted {
                let login = login_of(Dialect::Postgres, &catalogue.scope, &wanted.grants.component);
                let whole = Wanted {
                    rights: catalogue.logins.get(&login).map(|it| it.rights.clone()).unwrap_or_default(),
                    ..Wanted::default()
                };
                // The rights are brought in line when it runs: migrations before it may create the tables.
                let found = catalogue.logins.get(&login);
                let differences = wanted::differences(found, &whole, &catalogue);
                // What it has itself is brought in line then; what everybody has is not.
                let of = Wanted::of(&wanted.grants, &catalogue, &schema);
                reached.extend(wanted::reached(found, &of, &catalogue));
                reasons.extend(
                    differences
                        .iter()
                        .map(|difference| format!("the login `{login}` of `{}`: {difference}", wanted.id)),
                );
            }
            if catalogue.temporary || catalogue.create {
                reasons.push("everybody may create temporary tables or schemas in the database".to_owned());
            }
            let open = catalogue.open_schemas.iter();
            reasons.extend(open.map(|schema| format!("everybody may create objects in the schema `{schema}`")));
            all_out_of_line(reasons)?;
            check_reached(&reached.into_iter().collect::<Vec<_>>()).map(|()| ((), false))
        })
        .await
    }

    /// Gives a login the rights that its component is granted now. Returns its name.
    pub(super) async fn align_now(&mut self, grants: &Grants) -> Result<String, DatabaseError> {
        self.apart(async |database: &mut Self| {
            let schema = database.schema_of_names();
            let login = login_of(Dialect::Postgres, &database.login_scope(), &grants.component);
            let scope = database.login_scope();
            let catalogue = Catalogue::read(&mut database.connection, scope, std::slice::from_ref(&login)).await?;
            if let Some(difference) = gate::difference(&mut database.connection).await? {
                return Err(broken_gate(&difference));
            }
            let wanted = Wanted::of(grants, &catalogue, &schema);
            if !wanted.unknown.is_empty() {
                return Err(unknown(&wanted.unknown));
            }
            let Some(found) = catalogue.logins.get(&login) else {
                return Err(out_of_line(format!("the login `{login}` does not exist")));
            };
            // A migration of this run may have granted it to everybody.
            check_reached(&wanted::reached(Some(found), &wanted, &catalogue))?;
            let statements = wanted::align(&login, &found.rights, &wanted.rights);
            if statements.is_empty() {
                return Ok((login, false));
            }
            let again =
                out_of_line(format!("the login `{login}` does not have the rights that its component is granted"));
            if let Err(error) = simple(&mut database.connection, &in_server(&statements.join(";\n"))).await {
                return Err(again.detail(error.message));
            }
            let scope = database.login_scope();
            let after = Catalogue::read(&mut database.connection, scope, std::slice::from_ref(&login)).await?;
            let left = after
                .logins
                .get(&login)
                .map(|found| rights::differences(&found.rights, &wanted.rights))
                .unwrap_or_default();
            match left.is_empty() {
                true => Ok((login, true)),
                false => Err(again.detail(left.join("; "))),
            }
        })
        .await
    }

    async fn look_at_logins(&mut self, request: &LoginRequest) -> Result<LoginReport, DatabaseError> {
        let schema = self.schema_of_names();
        let names = self.names_of(&request.wanted);
        let scope = self.login_scope();
        let catalogue = Catalogue::read(&mut self.connection, scope, &names).await?;
        let gate = gate::difference(&mut self.connection).await?;
        let mut report = wanted::report(request, &catalogue, &schema, gate.as_deref())?;
        if self.facts.citus.is_some() && gate.is_some() && !report.statements.is_empty() {
            report.statements.insert(0, Citus::STAYS.to_owned());
        }
        Ok(report)
    }

    fn names_of(&self, wanted: &[WantedLogin]) -> Vec<String> {
        let scope = self.login_scope();
        wanted.iter().map(|wanted| login_of(Dialect::Postgres, &scope, &wanted.grants.component)).collect()
    }

    pub(super) fn schema_of_names(&self) -> String {
        self.facts.schema_of_names().to_owned()
    }

    /// Works in a transaction of its own, with our names; the work says whether it is committed.
    async fn apart<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Self) -> Result<(T, bool), DatabaseError>,
    ) -> Result<T, DatabaseError> {
        self.check_free()?;
        let commit = format!("{}COMMIT", self.fence()?);
        self.busy = true;
        let begin = format!("{}; {OURS}", prologue(&self.own, "NULL"));
        let done = match simple(&mut self.connection, &begin).await {
            Ok(()) => work(self).await,
            Err(error) => Err(error),
        };
        let done = match done {
            Ok((value, true)) => {
                let committed = simple(&mut self.connection, &commit).await;
                committed.map(|()| value).map_err(|error| super::super::record::ours(error, None))
            }
            Ok((value, false)) => simple(&mut self.connection, "ROLLBACK").await.map(|()| value),
            Err(error) => Err(error),
        };
        self.note_loss(&done);
        if done.is_err() {
            self.roll_back().await;
        }
        self.busy = false;
        done
    }
}
