//! Where packages come from: files, web servers and registries.

use std::path::PathBuf;

use super::remote::{Reference, WebAddress};
use runner_base::error::{Error, Result};
use runner_project::settings::Settings;

/// Where a package comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file.
    File(PathBuf),
    /// A file on a web server.
    Web(WebAddress),
    /// A repository of a registry, with a tag or a digest.
    Registry(Reference),
}

impl Place {
    /// Parses what an operator names; the path of a file is made absolute.
    pub fn parse(text: &str) -> Result<Self> {
        match text.split_once("://") {
            None => {
                let path = std::path::absolute(text);
                path.map(Self::File).map_err(|error| Error::usage(format!("invalid path `{text}`")).cause(error))
            }
            Some(("oci", rest)) => Reference::parse(rest).map(Self::Registry),
            Some(("https" | "http", _)) => WebAddress::parse(text).map(Self::Web),
            Some((scheme, _)) => Err(Error::usage(format!("cannot get a package from `{scheme}://`"))
                .hint("name a file, a URL that begins with `https://`, or a repository that begins with `oci://`")),
        }
    }

    /// The place in a line of the lockfile.
    pub(super) fn of_source(settings: &Settings, source: &str) -> Result<Self> {
        if source.contains("://") { Self::parse(source) } else { Ok(Self::File(settings.root.join(source))) }
    }

    /// Whether it can be asked for other versions.
    pub(crate) fn lists_versions(&self) -> bool {
        !matches!(self, Self::Web(_))
    }

    /// As messages show it.
    pub fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Web(address) => address.shown(),
            Self::Registry(reference) => reference.to_string(),
        }
    }
}
