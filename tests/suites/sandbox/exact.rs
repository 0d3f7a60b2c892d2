//! Values are exact, or an error: nothing is cut or wrapped around on its way, in any language.

use super::*;

/// A project with a migration as `runner new` makes it, whose source is this.
fn with(lang: &str, file: &str, source: &str) -> TestProject {
    let project = project!();
    project.runner(&format!("new exact --lang {lang}")).succeeds();
    let entries = std::fs::read_dir(project.file("migrations")).unwrap().map(|entry| entry.unwrap().file_name());
    let made = entries.map(|name| name.into_string().unwrap()).find(|name| name.ends_with("_exact")).unwrap();
    std::fs::rename(project.file("migrations").join(made), project.file("migrations/1_exact")).unwrap();
    project.write(&format!("migrations/1_exact/{file}"), source);
    let mut build = project.command(["build"]);
    // Dependencies in Rust are compiled once for all test runs.
    project.finish(build.env("CARGO_TARGET_DIR", guests::target_directory().join("guests-new"))).succeeds();
    project
}

/// Each of these ends the migration of the template with an error that says this, and the mode `fits` does not.
fn refuses(project: &TestProject, modes: &[(&str, &str)]) {
    for (mode, says) in modes {
        project.runner(&format!("apply --parameter mode={mode}")).exits(1).says(&[says, "nothing was changed"]);
    }
    project.runner("apply --parameter mode=fits").succeeds();
}

#[test]
fn values_in_go() {
    let project = with(
        "go",
        "migration.go",
        r#"package main

import (
	"fmt"
	"time"

	guest "github.com/runner-migrations/runner/guest-sdk/go"
)

func init() {
	guest.Export(guest.Migration{Description: guest.Description{Summary: "x"}, Upgrade: upgrade, Downgrade: func() error { return nil }})
}

func main() {}

func upgrade() error {
	at := time.Date(2026, 3, 1, 9, 30, 0, 1500, time.UTC)
	for _, value := range []any{[]byte(nil), []byte{}, at, at.Truncate(time.Microsecond), time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC),
		guest.JSON("{bad"), guest.JSON(`{"a":[1]}`)} {
		rows, err := guest.Query("SELECT typeof(?1), ?1", value)
		if err != nil {
			guest.Infof("%v", err)
		} else {
			guest.Infof("%s", fmt.Sprint(rows.Rows[0]...))
		}
	}
	column := guest.ColumnDefinition{Name: "j", Type: guest.TypeJSON, Default: guest.JSON("{bad")}
	guest.Infof("%v", guest.CreateTable(guest.TableDefinition{Table: "t", Columns: []guest.ColumnDefinition{column}}))
	guest.TimestampOf(at)
	return nil
}
"#,
    );
    project.runner("apply").exits(1).says(&[
        "info 1: null<nil>",
        "info 1: blob[]",
        "info 1: parameter 1: the time 2026-03-01T09:30:00.0000015Z is finer than a microsecond, and databases are not: use \
         Truncate(time.Microsecond) or Round",
        "info 1: text2026-03-01T09:30:00.000001Z",
        "info 1: parameter 1: the year 300000 is beyond those that 64 bits of microseconds have",
        "info 1: parameter 1: \"{bad\" is not JSON",
        r#"info 1: text{"a":[1]}"#,
        "info 1: the default of the column `t.j` is not JSON",
        "error: panic: the time 2026-03-01T09:30:00.0000015Z is finer than a microsecond",
        "migration.go:",
    ]);
}

#[test]
fn numbers_in_rust() {
    let project = with(
        "rust",
        "src/lib.rs",
        r#"use runner_guest::prelude::*;

struct Exact;

impl Migration for Exact {
    fn describe() -> Description {
        Description::new("x")
    }

    fn upgrade() -> Result<()> {
        let mode: String = context::parameter("mode")?;
        let number: i64 = sql::query_scalar("SELECT ?", params![if mode == "overflow" { i64::MAX } else { 2 }])?;
        info!("{}", number * 2);
        Ok(())
    }

    fn downgrade() -> Result<()> {
        Ok(())
    }
}

runner_guest::export!(Exact);
"#,
    );
    refuses(&project, &[("overflow", "attempt to multiply with overflow")]);
}

#[test]
fn numbers_and_assertions_in_c() {
    let project = with(
        "c",
        "migration.c",
        r#"#include <assert.h>

#include "runner_guest.h"

void migration_describe(rg_description *into)
{
    rg_summary(into, "x");
}

bool migration_upgrade(rg_error *error)
{
    runner_migration_context_list_parameter_t parameters;
    runner_migration_context_parameters(&parameters);
    char mode = parameters.ptr[0].value.val.text.ptr[0];
    rg_value values[] = {rg_int64(mode == 'o' ? INT64_MAX : 2), rg_float64(mode == 'c' ? 1e30 : 2)};
    rg_row_set rows;
    if (!rg_query("SELECT ?, ?", values, RG_COUNT(values), &rows, error))
        return false;
    rg_value *row = rows.rows.ptr[0].ptr;
    assert(mode != 'a');
    rg_info("%lld", (long long)(row[0].val.int64 * 2 + (int64_t)row[1].val.float64));
    return true;
}

bool migration_downgrade(rg_error *error)
{
    return true;
}

bool migration_transform(const char *name, rg_batch *batch, rg_error *error)
{
    return true;
}
"#,
    );
    let trap = "the component trapped";
    refuses(&project, &[("overflow", trap), ("cast", trap), ("assert", "Assertion failed: ")]);
}

#[test]
fn numbers_and_assertions_in_cpp() {
    let project = with(
        "cpp",
        "migration.cpp",
        r#"#include <cassert>

#include "runner_guest.hpp"

struct migration {
    static const char *summary() { return "x"; }

    static runner::result<> upgrade()
    {
        char mode = runner::parameters().find("mode")->val.text.ptr[0];
        RUNNER_TRY(rows, runner::query("SELECT ?, ?", {rg_int64(mode == 'o' ? INT64_MAX : 2), rg_float64(mode == 'c' ? 1e30 : 2)}));
        assert(mode != 'a');
        rg_info("%lld", static_cast<long long>(rows[0][0].val.int64 * 2 + static_cast<int64_t>(rows[0][1].val.float64)));
        return {};
    }

    static runner::result<> downgrade() { return {}; }
    static runner::result<> transform(std::string_view, runner::batch &) { return {}; }
};

RUNNER_MIGRATION(migration)
"#,
    );
    let trap = "the component trapped";
    refuses(&project, &[("overflow", trap), ("cast", trap), ("assert", "Assertion failed: ")]);
}

#[test]
fn numbers_in_zig() {
    let project = with(
        "zig",
        "migration.zig",
        r#"const std = @import("std");
const guest = @import("runner_guest");

pub const summary = "x";

pub fn upgrade() !void {
    var parameters = guest.Parameters.init();
    defer parameters.deinit();
    const mode = parameters.get("mode").?.asText().?[0];
    var rows = try guest.query("SELECT ?, ?", &.{ .int64(if (mode == 'o') std.math.maxInt(i64) else 2), .float64(if (mode == 'c') 1e30 else 2) });
    defer rows.deinit();
    const row = rows.row(0);
    std.debug.assert(mode != 'a');
    guest.info("{d}", .{row[0].val.int64 * 2 + @as(i64, @intFromFloat(row[1].val.float64))});
}

pub fn downgrade() !void {}

pub fn transform(_: []const u8, _: *guest.Batch) !void {}

comptime {
    guest.exportMigration(@This());
}

pub const panic = guest.panic;
"#,
    );
    refuses(
        &project,
        &[
            ("overflow", "error: integer overflow"),
            ("cast", "error: integer part of floating point value out of bounds"),
            ("assert", "error: reached unreachable code"),
        ],
    );
}

/// The C library below the interpreter takes every name of a locale, and answers a format that it does not know with an empty text.
#[test]
fn locales_and_formats_in_python() {
    let project = project!();
    project.write(
        "migrations/1_exact.py",
        r#"import datetime, locale, time
from runner_guest import Column, log
description = "x"

def attempt(function):
    try:
        log.info(repr(function()))
    except (ValueError, OverflowError, locale.Error) as error:
        log.info(f"{type(error).__name__}: {error}")

def upgrade():
    at = datetime.datetime(2026, 3, 1, 15, 4, 5, 123456)
    attempt(lambda: locale.setlocale(locale.LC_ALL, "de_DE"))
    attempt(lambda: locale.setlocale(locale.LC_NUMERIC, ("de_DE", "UTF-8")))
    attempt(lambda: locale.setlocale(locale.LC_ALL, locale.setlocale(locale.LC_ALL)) and "set again")
    attempt(lambda: locale.setlocale(locale.LC_ALL, "C"))
    attempt(lambda: locale.format_string("%.2f", 1234.5, grouping=True))
    attempt(lambda: at.strftime("%a %-d %B %Y, %I:%M:%S %p %f%%%z %%Q"))
    attempt(lambda: at.strftime("%Y %Q"))
    attempt(lambda: time.strftime("%H %f"))
    attempt(lambda: f"{at:%P}")
    attempt(lambda: Column("text", ["1e400"]).cast("float64"))
    attempt(lambda: Column("text", ["-Infinity", "1e300"]).cast("float64").to_list())
"#,
    );
    project.runner("apply").succeeds().says(&[
        "Error: there is no locale 'de_DE' here, only 'C'",
        "Error: there is no locale 'de_DE.UTF-8' here",
        "'set again'",
        "info 1: 'C'",
        "'1234.50'",
        "'Sun 1 March 2026, 03:04:05 PM 123456% %Q'",
        "ValueError: `strftime` does not know all of '%Y %Q'",
        "ValueError: `strftime` does not know all of '%H %f'",
        "ValueError: `strftime` does not know all of '%P'",
        "entry 0: '1e400' is too large for a float64",
        "[-inf, 1e+300]",
    ]);
}
