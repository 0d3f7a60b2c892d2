//! Commands of other migration tools that are not ours, or mean something else there, and what to use instead.

/// What to use instead of a command of another tool.
pub fn hint(verb: &str) -> Option<&'static str> {
    Some(match verb.to_lowercase().as_str() {
        "deploy" | "run" | "sync" => "use `runner apply`",
        "goto" | "to" => "use `runner apply --target TARGET` or `runner rollback --target TARGET`",
        "up-to" => "use `runner apply --target TARGET`",
        "up-by-one" => "use `runner apply --target +1`",
        "down-to" => "use `runner rollback --target TARGET`",
        "steps" => "use `runner apply --target +N` or `runner rollback -n N`",
        "make" | "makemigrations" => "use `runner new NAME`",
        "edit" => "open the migration's file; `runner redo` applies it again",
        "autogenerate" => "`runner diff` shows how two schemas differ; migrations are not generated from a schema",
        "preview" | "sqlmigrate" => "use `runner plan --sql`",
        "dry-run" | "dryrun" => "use `runner apply --dry-run`",
        "heads" | "head" => "use `runner status`: its last migration is the head",
        "branches" | "merge" => "revisions are a single sequence without branches; `runner status` lists them",
        "list" | "ls" | "showmigrations" | "pending" | "progress" => "use `runner status`",
        "log" => "use `runner history`",
        "lint" => {
            "use `runner validate`, which checks the files, or `runner plan`, which checks them against the database"
        }
        "compile" => "use `runner build`",
        "reset" | "fresh" | "refresh" => "use `runner db reset`, or `runner rollback --all` and then `runner apply`",
        "drop" => "use `runner db drop`",
        "wait" => "use `runner db wait`",
        "clean" => "use `runner db drop`; `runner rollback --all` undoes only what the migrations did",
        "zero" => "use `runner rollback --all`",
        "database" => "use `runner db create`, `runner db drop` or `runner db reset`",
        "stop" | "abort" | "kill" => "use `runner cancel`",
        "continue" | "unpause" => "use `runner resume`",
        "force" => "use `runner repair` after a failure, or `runner baseline REVISION` to take over a database",
        "fix" | "resolve" => "use `runner repair`",
        "version" => "use `runner --version`, or `runner current` for the revision of the database",
        _ => return None,
    })
}
