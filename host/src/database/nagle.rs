//! Has what we say to a server be sent at once, and not only when what was said before is acknowledged.
//!
//! sqlx 0.9.0 leaves Nagle's algorithm on, as no release before it did (transact-rs/sqlx#4335). What follows a message that is
//! never answered, such as the end of a prepared statement, then waits for 40 ms, which is how long a server's system puts an
//! acknowledgement off: a migration of few steps took twice as long. This module goes with the release that sets the option
//! itself (transact-rs/sqlx#4336).

/// The descriptors that the process has open, each an entry named by its number: Linux, macOS and the BSDs have it.
#[cfg(unix)]
const DESCRIPTORS: &str = "/dev/fd";

/// To be called behind each connecting. sqlx keeps the socket to itself, so all sockets of the process are told; whoever else
/// has one here loses nothing by it.
#[cfg(unix)]
pub fn send_at_once() {
    let on: libc::c_int = 1;
    let Ok(open) = std::fs::read_dir(DESCRIPTORS) else { return };
    for descriptor in open.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<libc::c_int>().ok()) {
        // SAFETY: the pointer is to a variable that outlives the call, with its size. What is no open socket of TCP is refused,
        // and nothing but this one option changes.
        unsafe {
            libc::setsockopt(
                descriptor,
                libc::IPPROTO_TCP,
                libc::TCP_NODELAY,
                (&raw const on).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            );
        }
    }
}

/// Nothing: sockets cannot be found here by counting.
#[cfg(not(unix))]
pub fn send_at_once() {}

#[cfg(all(test, unix))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn sockets_of_tcp_send_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let stream = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
        super::send_at_once();
        assert!(stream.nodelay().expect("an option"));
    }
}
