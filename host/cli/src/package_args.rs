//! The command line of the commands about packages, as clap reads it.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// `runner package`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help package` for examples.")]
#[command(after_long_help = "\
The migrations have to be components. The package asks for what `[grants]` of this project allows
each of them. Equal migrations give equal bytes; sign the file with `minisign -Sm FILE`.

`--push` pushes the package to an OCI registry, with the signature that is next to its file, as
FILE.minisig; `runner add oci://…` and `wkg` read it. The tag is the version, and credentials are
those of docker's configuration.

Examples:
  runner package 0001 0002 --name acme/outbox --version 1.2.0
                                   writes `acme_outbox_1.2.0.wasm`
  runner package 0001 --name acme/outbox --version 1.0.0 -o dist/outbox.wasm
  runner package 0001 --name acme/outbox --version 1.0.0 --push oci://ghcr.io/acme/outbox
                                   after `minisign -Sm acme_outbox_1.0.0.wasm`")]
pub struct PackageArgs {
    /// Migrations: revisions, names, or unique prefixes
    #[arg(value_name = "REVISION", required = true)]
    pub revisions: Vec<String>,
    /// Name of the package
    #[arg(long, value_name = "VENDOR/PACKAGE")]
    pub name: String,
    /// Version of the package, such as `1.2.0`
    #[arg(long, value_name = "VERSION")]
    pub version: String,
    /// One line about the package
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub description: String,
    /// File to write [default: VENDOR_PACKAGE_VERSION.wasm]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Push it to `oci://HOST/REPOSITORY[:TAG]` as well
    #[arg(long, value_name = "REFERENCE")]
    pub push: Option<String>,
    /// Public key of minisign that has to have signed what is pushed
    #[arg(long, value_name = "KEY", requires = "push")]
    pub key: Option<String>,
    /// Replace a version that the registry has with different contents
    #[arg(long, requires = "push")]
    pub overwrite: bool,
}

/// `runner add`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help add` for examples.")]
#[command(after_long_help = "\
Copies the package to `migrations/vendor/`, and gives each of its migrations a revision after all
others. It may do nothing until `[packages]` of `runner.toml` grants it something; the output lists
what it asks for.

SOURCE is a file, a URL, or a repository of an OCI registry, with a tag, a digest, or neither for
the newest version. Credentials for a registry are those of docker's configuration.

Examples:
  runner add ../outbox_1.2.0.wasm --key RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3
                                   signed with that key: its signature is next to the file
  runner add outbox.wasm           without a signature: only its digest is pinned
  runner add https://example.com/acme_outbox_1.2.0.wasm --key RW…
  runner add oci://registry.example.com/acme/outbox:1.2.0 --key RW…
  runner add outbox.wasm --prefix acme_
                                   what it calls `outbox` is `acme_outbox` here")]
pub struct AddArgs {
    /// File of the package, or `https://…`, or `oci://HOST/REPOSITORY[:TAG]`
    #[arg(value_name = "SOURCE", value_hint = ValueHint::AnyPath)]
    pub source: String,
    /// Public key of minisign that has to have signed the package, now and in every later version
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// What the names of the tables that it creates begin with here, such as `acme_`, or `acme.` for a schema
    #[arg(long, value_name = "PREFIX")]
    pub prefix: Option<String>,
}

/// `runner update`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help update` for examples.")]
#[command(after_long_help = "\
Takes the newest version in the directory or the repository that a package came from, within the
range of versions in `runner.toml`. A URL does not list versions: name the one of the new version.
Exits with 7 if it asks for more than is granted, and leaves that package as it is.

Examples:
  runner update                    every package
  runner update acme/outbox        one of them
  runner update acme/outbox --from ../acme_outbox_1.3.0.wasm
                                   from another file, a URL or `oci://…`")]
pub struct UpdateArgs {
    /// Names of packages [default: all]
    #[arg(value_name = "VENDOR/PACKAGE")]
    pub names: Vec<String>,
    /// Where the new version is, for one package
    #[arg(long, value_name = "SOURCE", value_hint = ValueHint::AnyPath)]
    pub from: Option<String>,
}

/// `runner remove`
#[derive(Args, Debug)]
#[command(after_help = "Run `runner help remove` for examples.")]
#[command(after_long_help = "\
Removes the file of the package, its lines in the lockfile and its table in `runner.toml`. Roll its
migrations back first: a package that is applied to the database of the settings is not removed.

Examples:
  runner remove acme/outbox")]
pub struct RemoveArgs {
    /// Name of the package
    #[arg(value_name = "VENDOR/PACKAGE")]
    pub name: String,
}
