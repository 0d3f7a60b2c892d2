//! The login of the tool on a server, and what it may do there.

/// The login of the tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// Its name, if the server tells it.
    pub name: Option<String>,
    /// What it may do beyond its database, without what a superuser may do anyway.
    pub powers: Vec<Power>,
}

/// What a login may do beyond the tables of its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    /// Everything.
    Superuser,
    /// Run programs on the server's machine.
    Programs,
    /// Read files of the server's machine.
    ReadFiles,
    /// Write files of the server's machine.
    WriteFiles,
    /// Load code into the server.
    Code,
    /// Create logins, or grant rights to them.
    Logins,
    /// Read or write other databases of the server.
    OtherDatabases,
    /// See rows that policies hide.
    Policies,
    /// Receive all changes of the server.
    Replication,
    /// Change settings of the whole server, or stop it.
    Server,
    /// End other sessions.
    Sessions,
}

impl Power {
    /// The word in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Superuser => "superuser",
            Self::Programs => "programs",
            Self::ReadFiles => "read-files",
            Self::WriteFiles => "write-files",
            Self::Code => "code",
            Self::Logins => "logins",
            Self::OtherDatabases => "other-databases",
            Self::Policies => "policies",
            Self::Replication => "replication",
            Self::Server => "server",
            Self::Sessions => "sessions",
        }
    }

    /// What it allows, after "may".
    pub fn told(self) -> &'static str {
        match self {
            Self::Superuser => "do everything on the server, as a superuser",
            Self::Programs => "run programs on the server's machine",
            Self::ReadFiles => "read files of the server's machine",
            Self::WriteFiles => "write files of the server's machine",
            Self::Code => "load code into the server",
            Self::Logins => "create logins or grant rights",
            Self::OtherDatabases => "read or write other databases",
            Self::Policies => "see rows that policies hide",
            Self::Replication => "receive all changes of the server",
            Self::Server => "change settings of the server, or stop it",
            Self::Sessions => "end other sessions",
        }
    }
}
