//! What code of a guest does in the COMMIT itself, after all that was reset before it.

use super::hostile::{Field, MIGRATION, Way, attack};
use super::*;
use crate::data::Value;

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
                database.finish(&[], End::Migration { next: Some(MIGRATION) }).await.expect("finished");
            } else {
                attack(database, statement, role, way).await.expect("committed");
            }
            let what = format!("{way:?} {role:?} {is_ahead}");
            database.begin(MIGRATION).await.expect(&what);
            database.set_role(Role::SqlScript);
            let left = database.query(LEFT, &[], QueryLimits::NONE).await.expect(&what);
            database.execute("INSERT INTO target VALUES (1)", &[]).await.expect(&what);
            database.set_role(Role::Host);
            database.finish(&[], End::Migration { next: None }).await.expect(&what);
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
