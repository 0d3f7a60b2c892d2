//! Languages that a command compiles: their templates, and their SDKs, which are embedded in the binary.
//!
//! # Go
//!
//! The SDK for Go has bindings by hand. Lists are its slices over the memory that the host wrote to, and what is
//! returned is read where it lies. The collector does not move what is on its heap and does not see addresses that are
//! numbers, so whatever the host gets an address of is referred to by a slice until the call ends. Go's runtime asks
//! WASI for a clock and random bytes while a component may call nothing, so the SDK passes time and seed to the adapter
//! at the start of each call (`runner_follow_run`). The clock of the day is fixed from then on; the monotonic one
//! ticks, since the collector divides by it. What the runtime seeds when an instance starts follows no run: the order
//! of maps, and `math/rand` without a generator.
//!
//! Rejected: `wit-bindgen go`, which copies every record of a batch and needs a module that the proxy does not have;
//! `TinyGo`, another compiler to install; the runtime's own generator by a hidden symbol, right for one version of Go.

use super::sdk::Sdk;

/// A language that a command of `migration.toml` compiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompiledLanguage {
    /// C, with Zig's compiler.
    C,
    /// C++, with the same.
    Cpp,
    /// Zig.
    Zig,
    /// Go, with its own.
    Go,
}

/// Files by their names.
type Files = &'static [(&'static str, &'static str)];

static C_SDK: Sdk = Sdk {
    name: "c",
    files: files![include_bytes, "c":
        "README.md", "data_migration.c", "data_migration.h", "data_migration_component_type.o", "runner_guest.c", "runner_guest.hpp",
        "runner_guest.zig", "runner_guest_schema.h", "runner_guest_schema.hpp", "runner_guest_schema.zig", "runner_guest.h"],
};

static GO_SDK: Sdk = Sdk {
    name: "go",
    files: files![include_bytes, "go":
        "README.md", "batch.go", "columns.go", "context.go", "database.go", "errors.go", "exports_wasip1.go", "guest.go", "host_other.go",
        "host_wasip1.go", "memory_wasip1.go", "needs.go", "schema.go", "schema_wasip1.go", "types.go", "values.go", "zones.bin",
        "zones.go", "go.mod"],
};

/// The end of a template's name.
const TEMPLATE: &str = ".tmpl";

impl CompiledLanguage {
    /// Its SDK.
    pub(super) fn sdk(self) -> &'static Sdk {
        match self {
            Self::C | Self::Cpp | Self::Zig => &C_SDK,
            Self::Go => &GO_SDK,
        }
    }

    fn templates(self) -> Files {
        match self {
            Self::C => {
                files![include_str, "c/template": "migration.toml.tmpl", "compile_flags.txt.tmpl", "migration.c.tmpl"]
            }
            Self::Cpp => {
                files![include_str, "c/template-cpp": "migration.toml.tmpl", "compile_flags.txt.tmpl", "migration.cpp.tmpl"]
            }
            Self::Zig => files![include_str, "c/template-zig": "migration.toml.tmpl", "migration.zig.tmpl"],
            Self::Go => files![include_str, "go/template": "migration.toml.tmpl", "go.mod.tmpl", "migration.go.tmpl"],
        }
    }

    /// The files of a new migration, with `{{name}}`, `{{summary}}` and `{{sdk_path}}`, which is relative to its directory.
    pub(super) fn files(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let written = [(".gitignore", "/build/\n")];
        self.templates().iter().copied().chain(written).map(|(name, text)| (name.trim_end_matches(TEMPLATE), text))
    }
}
