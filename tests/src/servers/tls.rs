//! Self-signed certificates.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::place;
use super::programs::{User, run};

/// The authority whose certificate clients need to trust, and the server's certificate.
pub(super) struct Certificates {
    pub(super) authority: PathBuf,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// Creates an authority and a server certificate for `localhost` and `127.0.0.1`.
pub(super) fn make(directory: &Path, user: Option<User>) -> Certificates {
    let file = |name: &str| directory.join(name);
    let made = Certificates { authority: file("ca.pem"), certificate: file("server.pem"), key: file("server-key.pem") };
    let openssl = |arguments: &[&str]| run(Command::new("openssl").current_dir(directory).args(arguments));
    let new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let authority = ["req", "-x509", "-days", "2", "-subj", "/CN=test authority", "-keyout", "ca-key.pem"];
    openssl(&[&authority[..], &["-out", "ca.pem"], &new_key].concat());
    let request = ["req", "-subj", "/CN=localhost", "-keyout", "server-key.pem", "-out", "server.csr"];
    openssl(&[&request[..], &new_key].concat());
    std::fs::write(file("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
    let sign = ["x509", "-req", "-days", "2", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca-key.pem"];
    openssl(&[&sign[..], &["-CAcreateserial", "-extfile", "names", "-out", "server.pem"]].concat());
    place::close_to_others(&made.key);
    place::give(&made.key, user);
    made
}
