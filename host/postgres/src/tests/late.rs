//! What code of a guest does in the COMMIT itself, after all that was reset before it.

use super::hostile::{Field, MIGRATION, Way, attack};
use super::*;
use runner_data::Value;
use runner_database::DatabaseErrorKind;

/// The objects of the attacker. What the trigger defers once more runs in the COMMIT.
const FIELD: &str = "CREATE SCHEMA evil; CREATE TABLE evil.target (id int); CREATE TABLE public.target (id int); \
    GRANT ALL ON SCHEMA public, evil TO {other}; GRANT ALL ON evil.target, public.target TO {other}; \
    CREATE TABLE public.late (id int); \
    CREATE FUNCTION public.late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        IF current_setting('transaction_read_only') = 'on' THEN \
            PERFORM pg_advisory_lock(4711), set_config('search_path', 'evil, public', false); \
            EXECUTE 'LISTEN evil'; EXECUTE 'PREPARE mine AS SELECT 1'; \
            PERFORM set_config('role', '{other}', false); \
        ELSE SET CONSTRAINTS ALL DEFERRED; INSERT INTO public.late VALUES (2); END IF; \
        RETURN NULL; END $$; \
    CREATE CONSTRAINT TRIGGER late AFTER INSERT ON public.late DEFERRABLE INITIALLY DEFERRED \
        FOR EACH ROW EXECUTE FUNCTION public.late()";

/// What is left of it in the session.
const LEFT: &str = "SELECT current_setting('search_path') LIKE '%evil%', current_user <> session_user, \
    (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), \
    (SELECT count(*) FROM pg_listening_channels()), (SELECT count(*) FROM pg_prepared_statements WHERE name = 'mine')";

#[tokio::test]
async fn what_a_commit_sets_for_the_session_does_not_reach_the_next_migration() {
    let field = Field::new().await;
    if !since(&field.fresh, 16) {
        // Nothing of a guest runs in a commit there.
        return;
    }
    let other = format!("other_{}", field.fresh.name());
    field.fresh.sql(&format!("CREATE ROLE {other}; GRANT {other} TO {}", field.user));
    field.fresh.client().as_user(&field.user, "").sql(&FIELD.replace("{other}", &other));
    let mut expected = 0;
    for (way, role) in [
        (Way::Finish, Role::SqlScript),
        (Way::Finish, Role::Component),
        (Way::Commit, Role::Component),
        (Way::Alone, Role::Component),
    ] {
        for is_ahead in [false, true] {
            let mut database = field.open().await;
            let database = database.as_mut();
            let statement = "INSERT INTO public.late VALUES (1)";
            if is_ahead && matches!(way, Way::Finish) {
                database.begin(MIGRATION).await.expect("begun");
                database.set_role(role);
                database.execute(statement, &[]).await.expect("inserted");
                database.set_role(Role::Host);
                database.commit(UnitOfWork::Migration(&[])).await.result().expect("finished");
            } else {
                attack(database, statement, role, way).await.expect("committed");
            }
            let what = format!("{way:?} {role:?} {is_ahead}");
            database.begin(MIGRATION).await.expect(&what);
            database.set_role(Role::SqlScript);
            let left = database.query(LEFT, &[], QueryLimits::NONE).await.expect(&what);
            database.execute("INSERT INTO target VALUES (1)", &[]).await.expect(&what);
            database.set_role(Role::Host);
            database.commit(UnitOfWork::Migration(&[])).await.result().expect(&what);
            let none = Value::Int64(0);
            let nothing = [Value::Boolean(false), Value::Boolean(false), none.clone(), none.clone(), none];
            if matches!(way, Way::Alone) {
                // The driver's own statements are prepared in the same session, so the component's stay too.
                assert_eq!(left.rows[0][..4], nothing[..4], "{what}");
            } else {
                assert_eq!(left.rows, [nothing], "{what}");
            }
            expected += 1;
            assert_eq!(field.fresh.value("SELECT count(*) FROM public.target"), expected.to_string(), "{what}");
        }
    }
    assert_eq!(field.fresh.value("SELECT count(*) FROM public.late WHERE id = 2"), "8", "the attack is real");
}

/// Code that runs in the commit, makes it write again and forges the history.
const FORGES: &str = "CREATE FUNCTION public.forges() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN \
        IF current_setting('transaction_read_only') = 'on' THEN \
            PERFORM set_config('transaction_read_only', NULL, true); \
            EXECUTE replace('UPDATE Xner.Xner_repair SET state = ''forged''', 'X', 'run'); \
            RETURN true; \
        ELSE SET CONSTRAINTS ALL DEFERRED; RETURN false; END IF; END $$; \
    CREATE FUNCTION public.forges_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        IF NOT public.forges() THEN INSERT INTO public.late VALUES (2); END IF; RETURN NULL; END $$; \
    CREATE TABLE public.late (id int); \
    CREATE CONSTRAINT TRIGGER late AFTER INSERT ON public.late DEFERRABLE INITIALLY DEFERRED \
        FOR EACH ROW EXECUTE FUNCTION public.forges_late()";

/// Guests that run such code, each with what the error names.
const LATE: [(&str, &str); 2] = [
    ("INSERT INTO public.late VALUES (1)", "late"),
    ("DECLARE held CURSOR WITH HOLD FOR SELECT public.forges()", "WITH HOLD"),
];

#[tokio::test]
async fn a_commit_cannot_be_made_to_write_again() {
    let field = Field::new().await;
    field.fresh.client().as_user(&field.user, "").sql(FORGES);
    let before = field.state();
    for (statement, name) in LATE {
        for (way, role) in [
            (Way::Finish, Role::SqlScript),
            (Way::Finish, Role::Component),
            (Way::Commit, Role::SqlScript),
            (Way::Commit, Role::Component),
            (Way::Alone, Role::SqlScript),
            (Way::Alone, Role::Component),
        ] {
            let what = format!("{way:?} {role:?} {statement}");
            let mut database = field.open().await;
            let result = attack(database.as_mut(), statement, role, way).await;
            assert_eq!(field.state(), before, "{what}: {result:?}");
            if !since(&field.fresh, 16) {
                let error = result.expect_err(&what);
                assert!(error.kind == DatabaseErrorKind::Denied && error.message.contains(name), "{what}: {error:?}");
            }
        }
    }
}

/// Deferred triggers that end their work when they run are nothing to refuse.
#[tokio::test]
async fn deferred_triggers_are_no_obstacle() {
    let field = Field::new().await;
    field.fresh.client().as_user(&field.user, "").sql(
        "CREATE TABLE public.noted (id int); \
         CREATE FUNCTION public.notes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
            INSERT INTO public.noted VALUES (NEW.id); RETURN NULL; END $$; \
         CREATE TABLE public.kept (id int, UNIQUE (id) DEFERRABLE INITIALLY DEFERRED); \
         CREATE CONSTRAINT TRIGGER notes AFTER INSERT ON public.kept DEFERRABLE INITIALLY DEFERRED \
            FOR EACH ROW EXECUTE FUNCTION public.notes()",
    );
    let ways = [
        (Way::Finish, Role::SqlScript),
        (Way::Finish, Role::Component),
        (Way::Commit, Role::Component),
        (Way::Alone, Role::Component),
    ];
    for (at, (way, role)) in ways.into_iter().enumerate() {
        let statement = format!("INSERT INTO public.kept VALUES ({at})");
        attack(field.open().await.as_mut(), &statement, role, way).await.expect("committed");
        assert_eq!(field.fresh.value("SELECT count(*) FROM public.noted"), (at + 1).to_string());
    }
}
