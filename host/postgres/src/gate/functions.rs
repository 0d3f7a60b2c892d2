//! The gate: functions through which the host writes to its own tables in the transaction of a component that has a
//! login of its own. That login has no privilege on these tables. A caller of the gate has to know the session's token,
//! which only this process does; it is sent as a bound parameter, so that no list of statements shows it.
//!
//! ```text
//! BEGIN; open(token); … the component … write(token, …) …; seal(token); SET CONSTRAINTS ALL IMMEDIATE; finish(token); COMMIT
//! ```
//!
//! Between `open` and `seal` a deferred trigger refuses every COMMIT.
//!
//! The functions are `SECURITY DEFINER`, with a fixed path, and compare the digest of the token, the login, the server
//! process and the transaction. `seal` refuses if the login owns anything or has changed itself. Each message of a
//! component begins with a proof that its transaction is still the one that was opened. A transform that changes the
//! table that it reads locks it through the gate.
//!
//! # Rejected
//!
//! * `SET ROLE` on the host's session, which a component can undo, and a `SECURITY DEFINER` function owned by the
//!   login, whose cursors would be read with the rights of the host.
//! * One function for each statement of the host: twenty signatures to keep in step, and a caller that has the token
//!   could forge the history through them as well.
//! * `SET CONSTRAINTS` in a function of the gate: deferred triggers of the application would run as its owner.
//! * Two-phase commit between both sessions: off by default, and prepared transactions outlive a crash with their
//!   locks.
//! * `CREATE` for the login with adoption by the host: a trigger or a default that it leaves runs with the rights of
//!   the application.
//! * Rights by `DROP OWNED BY` and `GRANT`: a second `sync` would not be without effect.

use sqlx::PgConnection;

use crate::error::Result;
use crate::host_sql::{literal, rows, text_of};
use runner_database::logins::names::PREFIX;

/// The schema of the gate.
pub(crate) const GATE: &str = "runner_gate";

/// A function of the gate.
struct Function {
    name: &'static str,
    /// As the catalogue has them, too.
    parameters: &'static str,
    returns: &'static str,
    /// Whether a component's session may call it, which then runs as the owner.
    is_open: bool,
    body: &'static str,
}

/// The functions. Their search path is fixed, so that their names mean those of `pg_catalog`. Only an answer of `admit` opens the
/// gate: where that gives none, it stays closed.
const FUNCTIONS: [Function; 7] = [
    Function {
        name: "admit",
        parameters: "p_token text, p_sealed boolean",
        returns: "boolean",
        is_open: false,
        body: "
BEGIN
    RETURN p_token IS NOT NULL AND EXISTS (SELECT FROM runner_gate.underway u
        JOIN runner_gate.ticket t ON t.token_sha256 = u.token_sha256
        WHERE u.xid = pg_catalog.pg_current_xact_id() AND u.sealed = p_sealed
            AND t.token_sha256 = pg_catalog.sha256(pg_catalog.convert_to(p_token, 'UTF8'))
            AND t.login = session_user AND t.pid = pg_catalog.pg_backend_pid());
END ",
    },
    Function {
        name: "open",
        parameters: "p_token text",
        returns: "void",
        is_open: true,
        body: "
BEGIN
    INSERT INTO runner_gate.underway (xid, token_sha256, sealed)
        SELECT pg_catalog.pg_current_xact_id(), t.token_sha256, false FROM runner_gate.ticket t
            WHERE t.token_sha256 = pg_catalog.sha256(pg_catalog.convert_to(p_token, 'UTF8'))
                AND t.login = session_user AND t.pid = pg_catalog.pg_backend_pid();
    IF NOT FOUND THEN RAISE EXCEPTION 'runner: refused' USING ERRCODE = '28000'; END IF;
END ",
    },
    Function {
        name: "write",
        parameters: "p_token text, p_text text",
        returns: "bigint",
        is_open: true,
        body: "
DECLARE changed bigint;
BEGIN
    IF runner_gate.admit(p_token, false) IS NOT TRUE THEN RAISE EXCEPTION 'runner: refused' USING ERRCODE = '28000'; END IF;
    EXECUTE p_text;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END ",
    },
    Function {
        name: "read",
        parameters: "p_token text, p_cursor text, p_text text",
        returns: "void",
        is_open: true,
        body: "
DECLARE found refcursor := p_cursor;
BEGIN
    IF runner_gate.admit(p_token, false) IS NOT TRUE THEN RAISE EXCEPTION 'runner: refused' USING ERRCODE = '28000'; END IF;
    OPEN found NO SCROLL FOR EXECUTE p_text;
END ",
    },
    Function {
        name: "seal",
        parameters: "p_token text",
        returns: "void",
        is_open: true,
        body: "
BEGIN
    IF runner_gate.admit(p_token, false) IS NOT TRUE THEN RAISE EXCEPTION 'runner: refused' USING ERRCODE = '28000'; END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_shdepend d JOIN pg_catalog.pg_roles r ON r.oid = d.refobjid
        WHERE d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND d.deptype = 'o' AND r.rolname = session_user)
    THEN RAISE EXCEPTION 'runner: the component has created something' USING ERRCODE = '42501'; END IF;
    IF EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = pg_catalog.pg_backend_pid()
        AND l.locktype = 'relation' AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')
        AND l.relation IN ('pg_catalog.pg_authid'::pg_catalog.regclass, 'pg_catalog.pg_auth_members'::pg_catalog.regclass,
            'pg_catalog.pg_db_role_setting'::pg_catalog.regclass, 'pg_catalog.pg_largeobject'::pg_catalog.regclass))
    THEN RAISE EXCEPTION 'runner: the component has changed its login' USING ERRCODE = '42501'; END IF;
    UPDATE runner_gate.underway u SET sealed = true WHERE u.xid = pg_catalog.pg_current_xact_id();
END ",
    },
    Function {
        name: "finish",
        parameters: "p_token text",
        returns: "void",
        is_open: true,
        body: "
BEGIN
    IF runner_gate.admit(p_token, true) IS NOT TRUE THEN RAISE EXCEPTION 'runner: refused' USING ERRCODE = '28000'; END IF;
    DELETE FROM runner_gate.underway u WHERE u.xid = pg_catalog.pg_current_xact_id();
END ",
    },
    Function {
        name: "guard",
        parameters: "",
        returns: "trigger",
        is_open: true,
        body: "
BEGIN
    IF EXISTS (SELECT FROM runner_gate.underway u WHERE u.xid = NEW.xid AND NOT u.sealed) THEN
        RAISE EXCEPTION 'runner: the component ended the transaction' USING ERRCODE = '2D000';
    END IF;
    RETURN NULL;
END ",
    },
];

/// The settings of the functions, as the catalogue has them.
const SETTINGS: &str = "{\"search_path=pg_catalog, pg_temp\"}";

/// The functions that a login may call: `runner_gate.open(text)` and so on.
pub(crate) fn callable() -> impl Iterator<Item = String> {
    let open = FUNCTIONS.iter().filter(|function| function.is_open && function.returns != "trigger");
    open.map(|function| {
        let types: Vec<&str> = function.parameters.split(", ").filter_map(|it| it.split(' ').nth(1)).collect();
        format!("\"{GATE}\".\"{}\"({})", function.name, types.join(", "))
    })
}

/// The statements that make the gate. `owner`: the role that owns the tool's tables.
pub(crate) fn making(owner: &str) -> Vec<String> {
    let mut texts = vec![
        format!("CREATE SCHEMA IF NOT EXISTS {GATE}"),
        format!("REVOKE ALL ON SCHEMA {GATE} FROM PUBLIC"),
        format!(
            "CREATE TABLE IF NOT EXISTS {GATE}.ticket (token_sha256 bytea PRIMARY KEY, login name NOT NULL, \
             pid integer NOT NULL, opened_at timestamptz NOT NULL DEFAULT pg_catalog.now())"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {GATE}.underway (xid xid8 PRIMARY KEY, token_sha256 bytea NOT NULL, \
             sealed boolean NOT NULL)"
        ),
    ];
    // Nothing else changes what a function returns; it is the one that no login may call, so no privilege is lost.
    texts.push(format!("DROP FUNCTION IF EXISTS {GATE}.admit(text, boolean)"));
    for Function { name, parameters, returns, is_open, body, .. } in &FUNCTIONS {
        let definer = if *is_open { " SECURITY DEFINER" } else { "" };
        texts.push(format!(
            "CREATE OR REPLACE FUNCTION {GATE}.{name}({parameters}) RETURNS {returns} LANGUAGE plpgsql{definer} \
             CALLED ON NULL INPUT SET search_path = pg_catalog, pg_temp AS $gate${body}$gate$"
        ));
    }
    texts.extend([
        format!("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {GATE} FROM PUBLIC"),
        format!("REVOKE ALL ON ALL TABLES IN SCHEMA {GATE} FROM PUBLIC"),
        format!("DROP TRIGGER IF EXISTS guard ON {GATE}.underway"),
        format!(
            "CREATE CONSTRAINT TRIGGER guard AFTER INSERT ON {GATE}.underway DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION {GATE}.guard()"
        ),
    ]);
    texts.push(format!("ALTER SCHEMA {GATE} OWNER TO {owner}"));
    texts.extend(["ticket", "underway"].map(|table| format!("ALTER TABLE {GATE}.{table} OWNER TO {owner}")));
    for Function { name, parameters, .. } in &FUNCTIONS {
        texts.push(format!("ALTER FUNCTION {GATE}.{name}({parameters}) OWNER TO {owner}"));
    }
    texts.push(format!(
        "DO $gate$ DECLARE r name; BEGIN FOR r IN {} LOOP \
         EXECUTE pg_catalog.format('REVOKE ALL ON SCHEMA {GATE} FROM %I CASCADE', r); \
         EXECUTE pg_catalog.format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {GATE} FROM %I CASCADE', r); \
         EXECUTE pg_catalog.format('REVOKE ALL ON ALL TABLES IN SCHEMA {GATE} FROM %I CASCADE', r); END LOOP; END $gate$",
        unexpected_objects()
    ));
    texts
}

/// The roles other than the owner and the logins of components that have a privilege on the gate.
const STRANGERS: &str = "\
    SELECT DISTINCT r.rolname FROM pg_catalog.pg_namespace n \
        CROSS JOIN LATERAL (SELECT x.grantee FROM pg_catalog.aclexplode(n.nspacl) x \
            UNION ALL SELECT x.grantee FROM pg_catalog.pg_proc p, pg_catalog.aclexplode(p.proacl) x \
                WHERE p.pronamespace OPERATOR(pg_catalog.=) n.oid \
            UNION ALL SELECT x.grantee FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) x \
                WHERE c.relnamespace OPERATOR(pg_catalog.=) n.oid) AS granted (grantee) \
        JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) granted.grantee \
        WHERE n.nspname OPERATOR(pg_catalog.=) 'runner_gate' AND r.oid OPERATOR(pg_catalog.<>) n.nspowner \
            AND NOT pg_catalog.starts_with(r.rolname::pg_catalog.text, '~prefix~')";

fn unexpected_objects() -> String {
    STRANGERS.replace("~prefix~", PREFIX)
}

/// What the catalogue has of the gate: one row for the schema and each of its functions and tables. The owner is compared with the role
/// that asks; of a function, all that decides what a call of it does.
const LOOK: &str = "\
    SELECT 'schema', '', '', pg_catalog.concat(n.nspowner OPERATOR(pg_catalog.=) me.oid), \
            pg_catalog.concat(EXISTS (SELECT FROM pg_catalog.aclexplode(n.nspacl) x \
                WHERE x.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid), EXISTS ({strangers})), '' \
        FROM pg_catalog.pg_namespace n, pg_catalog.pg_roles me \
        WHERE n.nspname OPERATOR(pg_catalog.=) 'runner_gate' AND me.rolname OPERATOR(pg_catalog.=) current_user \
    UNION ALL SELECT 'function', p.proname::pg_catalog.text, pg_catalog.pg_get_function_identity_arguments(p.oid), \
            pg_catalog.concat(p.proowner OPERATOR(pg_catalog.=) me.oid, ' ', p.prosecdef, ' ', p.proconfig::pg_catalog.text, ' ', \
                (SELECT l.lanname FROM pg_catalog.pg_language l WHERE l.oid OPERATOR(pg_catalog.=) p.prolang), ' ', \
                p.prokind, ' ', p.provolatile, ' ', p.proparallel, ' ', p.proisstrict, ' ', p.proretset, ' ', p.proleakproof, ' ', \
                p.prosupport::pg_catalog.oid, ' ', p.provariadic, ' ', p.pronargdefaults, ' ', \
                pg_catalog.format_type(p.prorettype, NULL)), \
            pg_catalog.concat(p.proacl IS NULL OR EXISTS (SELECT FROM pg_catalog.aclexplode(p.proacl) x \
                WHERE x.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid)), p.prosrc \
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace, \
            pg_catalog.pg_roles me \
        WHERE n.nspname OPERATOR(pg_catalog.=) 'runner_gate' AND me.rolname OPERATOR(pg_catalog.=) current_user \
    UNION ALL SELECT 'table', c.relname::pg_catalog.text, \
            (SELECT pg_catalog.string_agg(pg_catalog.concat(a.attname, ' ', pg_catalog.format_type(a.atttypid, NULL)), ', ' \
                ORDER BY a.attnum) FROM pg_catalog.pg_attribute a \
                WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped), \
            pg_catalog.concat(c.relowner OPERATOR(pg_catalog.=) me.oid, ' ', c.relkind, ' ', c.relrowsecurity, ' ', c.relhasrules), \
            pg_catalog.concat(EXISTS (SELECT FROM pg_catalog.aclexplode(c.relacl) x \
                WHERE x.grantee OPERATOR(pg_catalog.<>) c.relowner)), \
            (SELECT pg_catalog.string_agg(pg_catalog.concat(pg_catalog.pg_get_triggerdef(g.oid), ' ', g.tgenabled), ';') \
                FROM pg_catalog.pg_trigger g WHERE g.tgrelid OPERATOR(pg_catalog.=) c.oid AND NOT g.tgisinternal) \
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace, \
            pg_catalog.pg_roles me \
        WHERE n.nspname OPERATOR(pg_catalog.=) 'runner_gate' AND me.rolname OPERATOR(pg_catalog.=) current_user \
            AND c.relkind OPERATOR(pg_catalog.<>) 'i'";

/// The trigger, as the server writes it, and that it fires unless the session is a replica.
const GUARD: &str = "CREATE CONSTRAINT TRIGGER guard AFTER INSERT ON runner_gate.underway DEFERRABLE INITIALLY DEFERRED \
    FOR EACH ROW EXECUTE FUNCTION runner_gate.guard() O";

/// Returns how the gate differs from what it should be; `None` if it does not.
pub(crate) async fn difference(connection: &mut PgConnection) -> Result<Option<String>> {
    let look = LOOK.replace("{strangers}", &unexpected_objects());
    let found = rows(connection, &look).await?;
    let mut found: Vec<[String; 6]> =
        found.iter().map(|row| [0, 1, 2, 3, 4, 5].map(|column| text_of(row, column).unwrap_or_default())).collect();
    found.sort();
    let mut expected = vec![["schema", "", "", "t", "ff", ""].map(str::to_owned)];
    for Function { name, parameters, returns, is_open, body, .. } in &FUNCTIONS {
        let definer = if *is_open { 't' } else { 'f' };
        let what = format!("t {definer} {SETTINGS} plpgsql f v u f f f 0 0 0 {returns}");
        expected.push(["function", name, parameters, &what, "f", body].map(str::to_owned));
    }
    let ticket = "token_sha256 bytea, login name, pid integer, opened_at timestamp with time zone";
    expected.push(["table", "ticket", ticket, "t r f f", "f", ""].map(str::to_owned));
    let underway = "xid xid8, token_sha256 bytea, sealed boolean";
    expected.push(["table", "underway", underway, "t r f f", "f", GUARD].map(str::to_owned));
    expected.sort();
    if found.is_empty() {
        return Ok(Some(format!("the schema `{GATE}` does not exist")));
    }
    let other = found.iter().find(|row| !expected.contains(row)).or(expected.iter().find(|row| !found.contains(row)));
    Ok(other.map(|row| match &*row[0] {
        "schema" => {
            format!("the schema `{GATE}` has another owner, or is open to others than the logins of components")
        }
        what => format!("the {what} `{GATE}.{}` is not as runner makes it", row[1]),
    }))
}

/// The statement that admits a session to the gate, and forgets those that are over.
pub(crate) fn ticket(token_sha256: &str, login: &str, backend: i32) -> String {
    format!(
        "DELETE FROM {GATE}.ticket t WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_stat_get_activity(t.pid)); \
         DELETE FROM {GATE}.underway u WHERE NOT EXISTS (SELECT FROM {GATE}.ticket t \
             WHERE t.token_sha256 OPERATOR(pg_catalog.=) u.token_sha256); \
         INSERT INTO {GATE}.ticket (token_sha256, login, pid) \
         VALUES (pg_catalog.decode('{token_sha256}', 'hex'), {}, {backend}); ",
        literal(login)
    )
}

#[cfg(test)]
mod tests;
