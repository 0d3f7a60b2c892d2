//! What the server's catalogues say about the login of a run, the tables, and the logins of components.
//!
//! What a login can really do is asked of the server, by `has_table_privilege` and its like, for all objects outside of
//! the server's own schemas: before a run, when a component's session opens, and before each component of a dry run.
//! What the grants do not list and the login does not have by itself is an error. The same question for `public` shows
//! whether everybody has it; then the error has the `REVOKE`, since `sync` does not take what the application may live
//! on. Otherwise it comes by a role or ownership, which `sync` ends. Functions count if they run with their owner's
//! rights; what belongs to an extension is named and is not an error. Only relations with an ACL are asked for. Reading
//! the ACLs instead misses rights that come in another way, such as `pg_read_all_data`.
//!
//! Not covered: a right that another session grants to everybody while a component runs.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;
use sqlx::postgres::PgRow;

use crate::error::Result;
use crate::host_sql::{literal, rows, text_of};
use runner_database::facts::is_tool_table;
use runner_database::logins::rights::{Relation, Relations, Rights};
pub use runner_database::logins::side_effects::{Action, Attached, ForeignKey, Program};

/// What was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalogue {
    /// The login of the run.
    pub host: String,
    /// It may do everything.
    pub is_superuser: bool,
    /// The database.
    pub database: String,
    /// What the names and comments of logins have for it.
    pub scope: String,
    /// Everybody may create temporary tables, which a component would leave in its session.
    pub temporary: bool,
    /// Everybody may create schemas.
    pub create: bool,
    /// The schemas in which everybody may create objects.
    pub open_schemas: Vec<String>,
    /// The tables and views, by schema and name.
    pub relations: Relations,
    /// The functions that are not the server's own: schema, name, and types.
    pub functions: Vec<(String, String, String)>,
    /// The logins of components.
    pub logins: BTreeMap<String, Found>,
    /// What everybody can do with objects.
    pub everybody: BTreeSet<Power>,
    /// What everybody could do with objects that the host is going to create, or can do with all large objects; and what ends that.
    pub open: Vec<(String, String)>,
    /// What changes of rows set off.
    pub attached: Attached,
}

/// What a role can do with an object, by whatever means.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Power {
    /// What it is, such as `TABLE "public"."customers"`.
    pub object: String,
    /// The privilege, such as `SELECT` or `SELECT ("id")`.
    pub privilege: String,
    /// The object is part of an extension, which lets everybody read or call it.
    pub of_extension: bool,
}

impl Power {
    /// As `GRANT` spells it.
    pub fn right(&self) -> String {
        format!("{} ON {}", self.privilege, self.object)
    }
}

/// A login that exists.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// What the comment says whose login it is: the database, and the revision.
    pub comment: String,
    /// What it may do as a role and should not, or the other way round, in words.
    pub attributes: Vec<(&'static str, MayAlter)>,
    /// The greatest number of its sessions.
    pub connections: i64,
    /// Settings of its own.
    pub has_settings: bool,
    /// The roles of which it is a member.
    pub member_of: Vec<String>,
    /// Objects that belong to it in this database or in none.
    pub owns: i64,
    /// Its rights in this database, as `GRANT` spells them.
    pub rights: Rights,
    /// What it can do with objects, by its own rights or those of others.
    pub can: BTreeSet<Power>,
}

const SERVER: &str = "\
    SELECT me.rolname, me.rolsuper, d.datname, \
        pg_catalog.has_database_privilege('public', d.oid, 'TEMPORARY'), \
        pg_catalog.has_database_privilege('public', d.oid, 'CREATE'), \
        pg_catalog.to_regclass('pg_catalog.pg_parameter_acl') IS NOT NULL \
    FROM pg_catalog.pg_roles me, pg_catalog.pg_database d \
    WHERE me.rolname OPERATOR(pg_catalog.=) current_user AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()";

const OPEN_SCHEMAS: &str = "\
    SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE pg_catalog.has_schema_privilege('public', n.oid, 'CREATE') ORDER BY 1";

/// The schemas of the user.
const USERS: &str = "n.nspname OPERATOR(pg_catalog.<>) ALL (ARRAY['information_schema', 'runner', 'runner_gate']::pg_catalog.name[]) \
    AND NOT n.nspname OPERATOR(pg_catalog.~) '^pg_'";

const RELATIONS: &str = "\
    SELECT n.nspname, c.relname, c.relkind OPERATOR(pg_catalog.=) 'v' \
            AND NOT 'security_invoker=true' OPERATOR(pg_catalog.=) ANY (coalesce(c.reloptions, ARRAY[]::pg_catalog.text[])) \
            AND NOT 'security_invoker=on' OPERATOR(pg_catalog.=) ANY (coalesce(c.reloptions, ARRAY[]::pg_catalog.text[])), \
        (SELECT pg_catalog.string_agg(a.attname::pg_catalog.text, pg_catalog.chr(1)) FROM pg_catalog.pg_attribute a \
            WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped) \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
    WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p', 'v', 'm', 'f']::pg_catalog.\"char\"[]) AND {users}";

/// The sequences of `serial` columns; those of identity columns need no right.
const SEQUENCES: &str = "\
    SELECT n.nspname, c.relname, m.nspname, s.relname \
    FROM pg_catalog.pg_depend d \
        JOIN pg_catalog.pg_class s ON s.oid OPERATOR(pg_catalog.=) d.objid AND s.relkind OPERATOR(pg_catalog.=) 'S' \
        JOIN pg_catalog.pg_namespace m ON m.oid OPERATOR(pg_catalog.=) s.relnamespace \
        JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) d.refobjid \
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
    WHERE d.classid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid AND d.refclassid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid \
        AND d.deptype OPERATOR(pg_catalog.=) 'a' AND {users}";

const FUNCTIONS: &str = "\
    SELECT n.nspname, p.proname, pg_catalog.oidvectortypes(p.proargtypes) \
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace \
    WHERE p.prokind OPERATOR(pg_catalog.=) 'f' AND {users}";

/// What changes of rows set off with the rights of others: foreign keys, which act as the owner of the table that refers; triggers whose
/// function runs as its owner; and rules. A partition has what its table has.
const ATTACHED: &str = "\
    SELECT 'key', n.nspname::pg_catalog.text, p.relname::pg_catalog.text, k.conname::pg_catalog.text, k.confdeltype::pg_catalog.text, \
            k.confupdtype::pg_catalog.text, m.nspname::pg_catalog.text, c.relname::pg_catalog.text, \
            (SELECT pg_catalog.string_agg(a.attname::pg_catalog.text, pg_catalog.chr(1)) FROM pg_catalog.pg_attribute a \
                WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.=) ANY (k.conkey)), \
            (SELECT pg_catalog.string_agg(a.attname::pg_catalog.text, pg_catalog.chr(1)) FROM pg_catalog.pg_attribute a \
                WHERE a.attrelid OPERATOR(pg_catalog.=) p.oid AND a.attnum OPERATOR(pg_catalog.=) ANY (k.confkey)) \
        FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class p ON p.oid OPERATOR(pg_catalog.=) k.confrelid \
            JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.relnamespace \
            JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) k.conrelid \
            JOIN pg_catalog.pg_namespace m ON m.oid OPERATOR(pg_catalog.=) c.relnamespace \
        WHERE k.contype OPERATOR(pg_catalog.=) 'f' AND k.conparentid OPERATOR(pg_catalog.=) 0::pg_catalog.oid AND {users} \
    UNION ALL SELECT 'trigger', n.nspname::pg_catalog.text, c.relname::pg_catalog.text, t.tgname::pg_catalog.text, e.privilege, '', '', '', '', '' \
        FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) t.tgrelid \
            JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
            JOIN pg_catalog.pg_proc f ON f.oid OPERATOR(pg_catalog.=) t.tgfoid AND f.prosecdef \
            JOIN (VALUES (4, 'INSERT'), (8, 'DELETE'), (16, 'UPDATE')) e (bit, privilege) \
                ON (t.tgtype::pg_catalog.int4 OPERATOR(pg_catalog.&) e.bit) OPERATOR(pg_catalog.<>) 0 \
        WHERE NOT t.tgisinternal AND t.tgenabled OPERATOR(pg_catalog.<>) 'D' AND {users} \
    UNION ALL SELECT 'rule', n.nspname::pg_catalog.text, c.relname::pg_catalog.text, r.rulename::pg_catalog.text, e.privilege, '', '', '', '', '' \
        FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) r.ev_class \
            JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
            JOIN (VALUES ('2', 'UPDATE'), ('3', 'INSERT'), ('4', 'DELETE')) e (kind, privilege) \
                ON r.ev_type::pg_catalog.text OPERATOR(pg_catalog.=) e.kind \
        WHERE r.ev_enabled OPERATOR(pg_catalog.<>) 'D' AND {users}";

const ROLES: &str = "\
    SELECT r.rolname, coalesce(pg_catalog.shobj_description(r.oid, 'pg_authid'), ''), \
        r.rolcanlogin, r.rolsuper, r.rolcreatedb, r.rolcreaterole, r.rolreplication, r.rolbypassrls, r.rolinherit, \
        r.rolconnlimit, EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s WHERE s.setrole OPERATOR(pg_catalog.=) r.oid), \
        (SELECT pg_catalog.string_agg(g.rolname::pg_catalog.text, pg_catalog.chr(1)) FROM pg_catalog.pg_auth_members m \
            JOIN pg_catalog.pg_roles g ON g.oid OPERATOR(pg_catalog.=) m.roleid WHERE m.member OPERATOR(pg_catalog.=) r.oid), \
        (SELECT pg_catalog.count(*) FROM pg_catalog.pg_shdepend d \
            WHERE d.refclassid OPERATOR(pg_catalog.=) 1260::pg_catalog.oid AND d.refobjid OPERATOR(pg_catalog.=) r.oid \
                AND d.deptype OPERATOR(pg_catalog.=) 'o') \
    FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) ANY (ARRAY[{roles}]::pg_catalog.name[]) \
        OR pg_catalog.shobj_description(r.oid, 'pg_authid') OPERATOR(pg_catalog.~~) 'runner: %'";

/// The rights of roles, on every kind of object that has rights.
const RIGHTS: &str = "\
    WITH held (acl, on_column, on_what) AS ( \
        SELECT c.relacl, '', pg_catalog.concat(CASE WHEN c.relkind OPERATOR(pg_catalog.=) 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END, \
                '\"', pg_catalog.replace(n.nspname, '\"', '\"\"'), '\".\"', pg_catalog.replace(c.relname, '\"', '\"\"'), '\"') \
            FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
            WHERE c.relacl IS NOT NULL \
        UNION ALL SELECT a.attacl, pg_catalog.concat(' (\"', pg_catalog.replace(a.attname, '\"', '\"\"'), '\")'), \
                pg_catalog.concat('TABLE \"', pg_catalog.replace(n.nspname, '\"', '\"\"'), '\".\"', \
                    pg_catalog.replace(c.relname, '\"', '\"\"'), '\"') \
            FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid \
            JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
            WHERE a.attacl IS NOT NULL AND NOT a.attisdropped \
        UNION ALL SELECT n.nspacl, '', pg_catalog.concat('SCHEMA \"', pg_catalog.replace(n.nspname, '\"', '\"\"'), '\"') \
            FROM pg_catalog.pg_namespace n WHERE n.nspacl IS NOT NULL \
        UNION ALL SELECT d.datacl, '', pg_catalog.concat('DATABASE \"', pg_catalog.replace(d.datname, '\"', '\"\"'), '\"') \
            FROM pg_catalog.pg_database d WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() \
                AND d.datacl IS NOT NULL \
        UNION ALL SELECT p.proacl, '', pg_catalog.concat(CASE WHEN p.prokind OPERATOR(pg_catalog.=) 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END, \
                '\"', pg_catalog.replace(n.nspname, '\"', '\"\"'), '\".\"', pg_catalog.replace(p.proname, '\"', '\"\"'), '\"(', \
                pg_catalog.oidvectortypes(p.proargtypes), ')') \
            FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace \
            WHERE p.proacl IS NOT NULL \
        UNION ALL SELECT t.typacl, '', pg_catalog.concat('TYPE ', pg_catalog.format_type(t.oid, NULL)) \
            FROM pg_catalog.pg_type t WHERE t.typacl IS NOT NULL \
        UNION ALL SELECT l.lanacl, '', pg_catalog.concat('LANGUAGE ', pg_catalog.quote_ident(l.lanname)) \
            FROM pg_catalog.pg_language l WHERE l.lanacl IS NOT NULL \
        UNION ALL SELECT w.fdwacl, '', pg_catalog.concat('FOREIGN DATA WRAPPER ', pg_catalog.quote_ident(w.fdwname)) \
            FROM pg_catalog.pg_foreign_data_wrapper w WHERE w.fdwacl IS NOT NULL \
        UNION ALL SELECT v.srvacl, '', pg_catalog.concat('FOREIGN SERVER ', pg_catalog.quote_ident(v.srvname)) \
            FROM pg_catalog.pg_foreign_server v WHERE v.srvacl IS NOT NULL \
        UNION ALL SELECT o.lomacl, '', pg_catalog.concat('LARGE OBJECT ', o.oid) \
            FROM pg_catalog.pg_largeobject_metadata o WHERE o.lomacl IS NOT NULL) \
    SELECT r.rolname, pg_catalog.concat(x.privilege_type, h.on_column, ' ON ', h.on_what, \
            CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' END) \
    FROM held h, pg_catalog.aclexplode(h.acl) x JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) x.grantee \
    WHERE r.rolname OPERATOR(pg_catalog.=) ANY (ARRAY[{roles}]::pg_catalog.name[])";

/// What roles can really do, as the server itself answers it, with objects that are not the server's own, whose numbers begin at 16384: through their own rights, those of
/// everybody (`public`), of roles, and by ownership. A relation without an ACL, of itself or a column, is its owner's alone, and a login
/// that owns something or is a member of a role is out of line anyway; so only the others are asked for. Functions count if they run with
/// the rights of their owner; triggers cannot be called. Everybody has the number 0. Roles are asked for by number: the name of one that
/// another session has just dropped is an error. With the server's own objects, what counts is what everybody may do beyond what the
/// server came with, as it has recorded it (not for `information_schema`).
const CAN: &str = "\
    WITH roles (id, name) AS (SELECT r.oid, r.rolname FROM pg_catalog.pg_roles r \
            WHERE r.rolname OPERATOR(pg_catalog.=) ANY (ARRAY[{roles}]::pg_catalog.name[]) \
        UNION ALL SELECT 0::pg_catalog.oid, 'public'), \
    named AS (SELECT n.oid, pg_catalog.concat('\"', pg_catalog.replace(n.nspname, '\"', '\"\"'), '\".\"') AS of, \
            n.nspname OPERATOR(pg_catalog.=) 'pg_catalog' AS is_recorded \
        FROM pg_catalog.pg_namespace n WHERE n.nspname OPERATOR(pg_catalog.!~) '^pg_(toast|temp)'), \
    relations AS MATERIALIZED ( \
        SELECT c.oid, c.relkind, pg_catalog.concat(CASE WHEN c.relkind OPERATOR(pg_catalog.=) 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END, \
                n.of, pg_catalog.replace(c.relname, '\"', '\"\"'), '\"') AS object, \
            EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid \
                AND d.objid OPERATOR(pg_catalog.=) c.oid AND d.deptype OPERATOR(pg_catalog.=) 'e') AS extends \
        FROM pg_catalog.pg_class c JOIN named n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
            LEFT JOIN (SELECT DISTINCT a.attrelid FROM pg_catalog.pg_attribute a WHERE a.attacl IS NOT NULL) s \
                ON s.attrelid OPERATOR(pg_catalog.=) c.oid \
        WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'p', 'v', 'm', 'f', 'S']::pg_catalog.\"char\"[]) \
            AND c.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND (c.relacl IS NOT NULL OR s.attrelid IS NOT NULL)), \
    kinds (privilege) AS (SELECT pg_catalog.unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) \
        UNION ALL SELECT 'MAINTAIN' WHERE pg_catalog.current_setting('server_version_num')::pg_catalog.int4 \
            OPERATOR(pg_catalog.>=) 170000), \
    reached AS MATERIALIZED ( \
        SELECT r.id, r.name, c.oid, c.object, c.extends FROM relations c, roles r, \
            (SELECT pg_catalog.string_agg(k.privilege, ', ') FROM kinds k) a (any_of) \
        WHERE c.relkind OPERATOR(pg_catalog.<>) 'S' AND pg_catalog.has_table_privilege(r.id, c.oid, a.any_of)) \
    SELECT c.name, c.object, k.privilege, c.extends AND k.privilege OPERATOR(pg_catalog.=) 'SELECT' FROM reached c, kinds k \
        WHERE pg_catalog.has_table_privilege(c.id, c.oid, k.privilege) \
    UNION ALL SELECT r.name, c.object, pg_catalog.concat(p.privilege, ' (\"', pg_catalog.replace(a.attname, '\"', '\"\"'), '\")'), false \
        FROM relations c JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attacl IS NOT NULL \
            AND NOT a.attisdropped, roles r, pg_catalog.unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p (privilege) \
        WHERE pg_catalog.has_column_privilege(r.id, c.oid, a.attnum, p.privilege) \
            AND NOT pg_catalog.has_table_privilege(r.id, c.oid, p.privilege) \
    UNION ALL SELECT r.name, c.object, p.privilege, c.extends AND p.privilege OPERATOR(pg_catalog.=) 'SELECT' \
        FROM relations c, roles r, pg_catalog.unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) p (privilege) \
        WHERE c.relkind OPERATOR(pg_catalog.=) 'S' AND pg_catalog.has_sequence_privilege(r.id, c.oid, p.privilege) \
    UNION ALL SELECT r.name, pg_catalog.concat(CASE WHEN f.prokind OPERATOR(pg_catalog.=) 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END, \
            n.of, pg_catalog.replace(f.proname, '\"', '\"\"'), '\"(', pg_catalog.oidvectortypes(f.proargtypes), ')'), 'EXECUTE', \
            EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid OPERATOR(pg_catalog.=) 1255::pg_catalog.oid \
                AND d.objid OPERATOR(pg_catalog.=) f.oid AND d.deptype OPERATOR(pg_catalog.=) 'e') \
        FROM pg_catalog.pg_proc f JOIN named n ON n.oid OPERATOR(pg_catalog.=) f.pronamespace, roles r \
        WHERE f.prosecdef AND f.prorettype OPERATOR(pg_catalog.<>) ALL (ARRAY[2279, 3838]::pg_catalog.oid[]) \
            AND f.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid AND pg_catalog.has_function_privilege(r.id, f.oid, 'EXECUTE') \
    UNION ALL SELECT 'public', pg_catalog.concat('TABLE ', n.of, pg_catalog.replace(c.relname, '\"', '\"\"'), '\"'), x.privilege_type, false \
        FROM pg_catalog.pg_class c JOIN named n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace, pg_catalog.aclexplode(c.relacl) x \
        WHERE c.oid OPERATOR(pg_catalog.<) 16384::pg_catalog.oid AND n.is_recorded AND x.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid \
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_init_privs i, pg_catalog.aclexplode(i.initprivs) y \
                WHERE i.classoid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid AND i.objoid OPERATOR(pg_catalog.=) c.oid \
                    AND i.objsubid OPERATOR(pg_catalog.=) 0 AND y.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid \
                    AND y.privilege_type OPERATOR(pg_catalog.=) x.privilege_type) \
    UNION ALL SELECT 'public', pg_catalog.concat('TABLE ', n.of, pg_catalog.replace(c.relname, '\"', '\"\"'), '\"'), \
            pg_catalog.concat(x.privilege_type, ' (\"', pg_catalog.replace(a.attname, '\"', '\"\"'), '\")'), false \
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid \
            JOIN named n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace, pg_catalog.aclexplode(a.attacl) x \
        WHERE c.oid OPERATOR(pg_catalog.<) 16384::pg_catalog.oid AND n.is_recorded AND x.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid \
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_init_privs i, pg_catalog.aclexplode(i.initprivs) y \
                WHERE i.classoid OPERATOR(pg_catalog.=) 1259::pg_catalog.oid AND i.objoid OPERATOR(pg_catalog.=) c.oid \
                    AND i.objsubid OPERATOR(pg_catalog.=) a.attnum AND y.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid \
                    AND y.privilege_type OPERATOR(pg_catalog.=) x.privilege_type) \
    UNION ALL SELECT 'public', pg_catalog.concat(CASE WHEN f.prokind OPERATOR(pg_catalog.=) 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END, \
            n.of, pg_catalog.replace(f.proname, '\"', '\"\"'), '\"(', pg_catalog.oidvectortypes(f.proargtypes), ')'), 'EXECUTE', false \
        FROM pg_catalog.pg_proc f JOIN named n ON n.oid OPERATOR(pg_catalog.=) f.pronamespace \
            JOIN pg_catalog.pg_init_privs i ON i.classoid OPERATOR(pg_catalog.=) 1255::pg_catalog.oid \
                AND i.objoid OPERATOR(pg_catalog.=) f.oid \
        WHERE f.oid OPERATOR(pg_catalog.<) 16384::pg_catalog.oid AND n.is_recorded AND pg_catalog.has_function_privilege(0::pg_catalog.oid, f.oid, 'EXECUTE') \
            AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(i.initprivs) y WHERE y.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid) \
    UNION ALL SELECT r.name, pg_catalog.concat('FOREIGN SERVER ', pg_catalog.quote_ident(v.srvname)), 'USAGE', false \
        FROM pg_catalog.pg_foreign_server v, roles r \
        WHERE v.srvacl IS NOT NULL AND pg_catalog.has_server_privilege(r.id, v.oid, 'USAGE') \
    UNION ALL SELECT r.name, pg_catalog.concat('FOREIGN DATA WRAPPER ', pg_catalog.quote_ident(w.fdwname)), 'USAGE', false \
        FROM pg_catalog.pg_foreign_data_wrapper w, roles r \
        WHERE w.fdwacl IS NOT NULL AND pg_catalog.has_foreign_data_wrapper_privilege(r.id, w.oid, 'USAGE') \
    UNION ALL SELECT 'public', pg_catalog.concat('LARGE OBJECT ', o.oid), x.privilege_type, false \
        FROM pg_catalog.pg_largeobject_metadata o, pg_catalog.aclexplode(o.lomacl) x \
        WHERE o.lomacl IS NOT NULL AND x.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid";

/// Since version 15, the settings that roles and everybody may change although only superusers may.
const PARAMETERS: &str = "\
    SELECT coalesce(r.rolname, 'public'), pg_catalog.concat('PARAMETER ', p.parname), x.privilege_type \
    FROM pg_catalog.pg_parameter_acl p CROSS JOIN LATERAL pg_catalog.aclexplode(p.paracl) x \
        LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) x.grantee \
    WHERE x.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid OR r.rolname OPERATOR(pg_catalog.=) ANY (ARRAY[{roles}]::pg_catalog.name[])";

/// What everybody could do with what the host creates, and with large objects where they have no privileges. The host owns the gate; a
/// dry run asks in the session of a login.
const OPEN: &str = "\
    SELECT pg_catalog.concat(x.privilege_type, ' on each ', o.one, ' that `', pg_catalog.pg_get_userbyid(d.defaclrole), \
            '` creates', ' in the schema `' OPERATOR(pg_catalog.||) n.nspname OPERATOR(pg_catalog.||) '`'), \
        pg_catalog.concat('ALTER DEFAULT PRIVILEGES FOR ROLE ', pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(d.defaclrole)), \
            ' IN SCHEMA ' OPERATOR(pg_catalog.||) pg_catalog.quote_ident(n.nspname), ' REVOKE ', x.privilege_type, ' ON ', o.many, \
            ' FROM PUBLIC') \
    FROM pg_catalog.pg_default_acl d LEFT JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) d.defaclnamespace \
        JOIN (VALUES ('r', 'table', 'TABLES'), ('S', 'sequence', 'SEQUENCES')) o (kind, one, many) \
            ON o.kind OPERATOR(pg_catalog.=) d.defaclobjtype::pg_catalog.text, \
        pg_catalog.aclexplode(d.defaclacl) x \
    WHERE x.grantee OPERATOR(pg_catalog.=) 0::pg_catalog.oid AND d.defaclrole OPERATOR(pg_catalog.=) coalesce( \
        (SELECT g.nspowner FROM pg_catalog.pg_namespace g WHERE g.nspname OPERATOR(pg_catalog.=) 'runner_gate'), \
        (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user)) \
    UNION ALL SELECT 'all rights on large objects, since `lo_compat_privileges` is on', 'ALTER SYSTEM RESET lo_compat_privileges' \
        WHERE pg_catalog.current_setting('lo_compat_privileges') OPERATOR(pg_catalog.=) 'on' ORDER BY 1";

/// Who may take an attribute from a role, or give it one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MayAlter {
    /// Who may alter the role at all.
    All,
    /// Since PostgreSQL 16, only who may create databases.
    CreatorsOfDatabases,
    Superusers,
}

/// What a role is and should not be, or the other way round: the column of [`ROLES`], what it should hold, the words for it, and who may
/// change that.
const ATTRIBUTES: [(usize, &str, &str, MayAlter); 7] = [
    (2, "t", "it may not log in", MayAlter::All),
    (3, "f", "it is a superuser", MayAlter::Superusers),
    (4, "f", "it may create databases", MayAlter::CreatorsOfDatabases),
    (5, "f", "it may create roles", MayAlter::All),
    (6, "f", "it may replicate", MayAlter::Superusers),
    (7, "f", "it bypasses row-level security", MayAlter::Superusers),
    (8, "f", "it inherits the rights of roles", MayAlter::All),
];

impl Catalogue {
    /// The rights of a login; none if it does not exist.
    pub(super) fn rights_of(&self, login: &str) -> Rights {
        self.logins.get(login).map(|it| it.rights.clone()).unwrap_or_default()
    }

    /// Asks the server. `logins`: the names of those that are wanted.
    pub(super) async fn read(connection: &mut PgConnection, scope: String, logins: &[String]) -> Result<Self> {
        let mut found = Self { scope, ..Self::default() };
        let users = |text: &str| text.replace("{users}", USERS);
        let mut has_parameters = false;
        if let Some(row) = rows(connection, SERVER).await?.first() {
            (found.host, found.is_superuser) = (cell(row, 0), is(row, 1));
            (found.database, found.temporary, found.create) = (cell(row, 2), is(row, 3), is(row, 4));
            has_parameters = is(row, 5);
        }
        found.open_schemas = rows(connection, OPEN_SCHEMAS).await?.iter().map(|row| cell(row, 0)).collect();
        for row in &rows(connection, &users(RELATIONS)).await? {
            // In a schema of the application, too.
            if is_tool_table(&cell(row, 1)) {
                continue;
            }
            let columns = list_of(row, 3).into_iter().collect();
            let relation = Relation { columns, sequences: Vec::new(), reaches_past: is(row, 2) };
            found.relations.insert((cell(row, 0), cell(row, 1)), relation);
        }
        for row in &rows(connection, &users(SEQUENCES)).await? {
            if let Some(relation) = found.relations.get_mut(&(cell(row, 0), cell(row, 1))) {
                relation.sequences.push((cell(row, 2), cell(row, 3)));
            }
        }
        for row in &rows(connection, &users(FUNCTIONS)).await? {
            let (schema, name, types) = (cell(row, 0), cell(row, 1), cell(row, 2));
            found.functions.push((schema, name, types));
        }
        for row in &rows(connection, &users(ATTACHED)).await? {
            found.attach(row);
        }
        let list = |names: &[String]| names.iter().map(|name| literal(name)).collect::<Vec<_>>().join(", ");
        for row in &rows(connection, &ROLES.replace("{roles}", &list(logins))).await? {
            found.logins.insert(cell(row, 0), login(row));
        }
        let names: Vec<String> = found.logins.keys().cloned().collect();
        for row in &rows(connection, &RIGHTS.replace("{roles}", &list(&names))).await? {
            if let Some(login) = found.logins.get_mut(&cell(row, 0)) {
                login.rights.insert(cell(row, 1));
            }
        }
        for row in &rows(connection, &CAN.replace("{roles}", &list(logins))).await? {
            let power = Power { object: cell(row, 1), privilege: cell(row, 2), of_extension: is(row, 3) };
            // No role can be called so.
            match cell(row, 0).as_str() {
                "public" => drop(found.everybody.insert(power)),
                name => drop(found.logins.get_mut(name).map(|login| login.can.insert(power))),
            }
        }
        if has_parameters {
            for row in &rows(connection, &PARAMETERS.replace("{roles}", &list(logins))).await? {
                let power = Power { object: cell(row, 1), privilege: cell(row, 2), of_extension: false };
                match cell(row, 0).as_str() {
                    "public" => drop(found.everybody.insert(power)),
                    name => drop(found.logins.get_mut(name).map(|login| login.rights.insert(power.right()))),
                }
            }
        }
        found.open = rows(connection, OPEN).await?.iter().map(|row| (cell(row, 0), cell(row, 1))).collect();
        Ok(found)
    }

    /// Adds a foreign key, a trigger or a rule.
    fn attach(&mut self, row: &PgRow) {
        let (kind, table, name) = (cell(row, 0), (cell(row, 1), cell(row, 2)), cell(row, 3));
        if kind != "key" {
            let what = format!("{kind} `{name}`");
            return self.attached.programs.push(Program { what, table, privilege: cell(row, 4) });
        }
        let action = |column: usize| match cell(row, column).as_str() {
            "c" => Action::Cascade,
            "n" | "d" => Action::Set,
            _ => Action::Nothing,
        };
        self.attached.keys.push(ForeignKey {
            name,
            child: (cell(row, 6), cell(row, 7)),
            columns: list_of(row, 8),
            parent: table,
            parent_columns: list_of(row, 9),
            on_delete: action(4),
            on_update: action(5),
        });
    }
}

/// A list in a cell.
fn list_of(row: &PgRow, column: usize) -> Vec<String> {
    cell(row, column).split('\u{1}').map(str::to_owned).filter(|it| !it.is_empty()).collect()
}

fn login(row: &PgRow) -> Found {
    let wrong = ATTRIBUTES.iter().filter(|(column, wanted, ..)| cell(row, *column) != *wanted);
    Found {
        comment: cell(row, 1),
        attributes: wrong.map(|(_, _, told, by)| (*told, *by)).collect(),
        connections: cell(row, 9).parse().unwrap_or(-1),
        has_settings: is(row, 10),
        member_of: list_of(row, 11),
        owns: cell(row, 12).parse().unwrap_or_default(),
        rights: Rights::new(),
        can: BTreeSet::new(),
    }
}

fn cell(row: &PgRow, column: usize) -> String {
    text_of(row, column).unwrap_or_default()
}

fn is(row: &PgRow, column: usize) -> bool {
    text_of(row, column).as_deref() == Some("t")
}
