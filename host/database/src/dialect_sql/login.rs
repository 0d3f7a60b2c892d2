//! The login of the tool on a server, and what it may do there.

/// The login of the tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// Its name, if the server reports it.
    pub name: Option<String>,
    /// What it may do beyond its database, without what a superuser may do anyway.
    pub powers: Vec<Power>,
}

runner_base::named! {
    /// What a login may do beyond the tables of its database.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Power {
        /// Everything.
        Superuser = "superuser",
        /// Run programs on the server's machine.
        Programs = "programs",
        /// Read files of the server's machine.
        ReadFiles = "read-files",
        /// Write files of the server's machine.
        WriteFiles = "write-files",
        /// Load code into the server.
        Code = "code",
        /// Create logins, or grant rights to them.
        Logins = "logins",
        /// Read or write other databases of the server.
        OtherDatabases = "other-databases",
        /// See rows that policies hide.
        Policies = "policies",
        /// Receive all changes of the server.
        Replication = "replication",
        /// Change settings of the whole server, or stop it.
        Server = "server",
        /// End other sessions.
        Sessions = "sessions",
    }
}

impl Power {
    /// What it allows, after "may".
    pub fn description(self) -> &'static str {
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
