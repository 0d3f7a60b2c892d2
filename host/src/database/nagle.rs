//! Connections that send every message at once, instead of holding it back until the one before is acknowledged.
//!
//! sqlx 0.9.0 leaves Nagle's algorithm on, as no release before it did (transact-rs/sqlx#4335). A message that follows one
//! without a reply, such as the end of a prepared statement, then waits for 40 ms, the time for which a server's system delays
//! acknowledgements; migrations with few steps took twice as long. This module goes with the release that sets the option itself
//! (transact-rs/sqlx#4336).
//!
//! sqlx neither accepts a connected socket nor shows the one that it opened. So the descriptors of the process are compared
//! before and after each time the connecting future is polled: what appears in between, and is connected to the server's port, is
//! the socket. No other socket of the process is changed.

#[cfg(unix)]
pub use unix::without_delay;

/// Connects. On this system the socket cannot be found, and is left as it is.
#[cfg(not(unix))]
pub async fn without_delay<T>(_: Option<u16>, connect: impl Future<Output = T>) -> T {
    connect.await
}

#[cfg(unix)]
mod unix {
    use std::collections::{HashMap, HashSet};
    use std::fs::File;
    use std::net::TcpStream;
    use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    use std::pin::pin;
    use std::sync::{Mutex, PoisonError};

    /// The open descriptors of the process, each an entry named by its number, on Linux, macOS and the BSDs.
    const DESCRIPTORS: &str = "/dev/fd";

    /// Keeps connections that are made at the same time from seeing each other's sockets.
    static POLLING: Mutex<()> = Mutex::new(());

    /// Runs `connect` and sets `TCP_NODELAY` on the socket that it opens to this port. `None`: it opens none, but a Unix socket.
    ///
    /// If another thread opens a socket to the same port in the microseconds in which sqlx opens its own, the two cannot be told
    /// apart, and both are left as they are.
    pub async fn without_delay<T>(port: Option<u16>, connect: impl Future<Output = T>) -> T {
        let Some(port) = port else { return connect.await };
        let mut connect = pin!(connect);
        let mut opened = Opened::default();
        let output = std::future::poll_fn(|context| {
            if opened.connected(port).next().is_some() {
                return connect.as_mut().poll(context);
            }
            let _alone = POLLING.lock().unwrap_or_else(PoisonError::into_inner);
            let before = opened.before();
            let polled = connect.as_mut().poll(context);
            opened.compare(&before);
            polled
        })
        .await;
        let mut sockets = opened.connected(port);
        if let (Some(socket), None) = (sockets.next(), sockets.next()) {
            // Without the option the connection is slow, and still right.
            let _ = socket.set_nodelay(true);
        }
        output
    }

    /// A socket, whatever its number is used for later: device and inode.
    type Identity = (u64, u64);

    /// Sockets that were opened while the future was polled.
    #[derive(Default)]
    struct Opened(HashMap<RawFd, Identity>);

    impl Opened {
        /// The descriptors that are open now. What was noted of those that were closed since is forgotten.
        fn before(&mut self) -> HashSet<RawFd> {
            self.0.retain(|number, known| socket(*number) == Some(*known));
            descriptors()
        }

        /// Notes the sockets that were opened since `before`. If a name has several addresses, the socket to the next one often
        /// takes the number of the one that failed, so a noted number may be new, too.
        fn compare(&mut self, before: &HashSet<RawFd>) {
            for number in descriptors() {
                if before.contains(&number) && !self.0.contains_key(&number) {
                    continue;
                }
                match socket(number) {
                    Some(identity) => self.0.insert(number, identity),
                    None => self.0.remove(&number),
                };
            }
        }

        /// Those among them that are connected to this port.
        fn connected(&self, port: u16) -> impl Iterator<Item = TcpStream> {
            self.0.iter().filter_map(move |(number, identity)| {
                let socket = duplicate(*number, *identity)?;
                // Fails for sockets that are not TCP, or not connected.
                socket.nodelay().ok()?;
                socket.peer_addr().is_ok_and(|peer| peer.port() == port).then_some(socket)
            })
        }
    }

    fn descriptors() -> HashSet<RawFd> {
        let Ok(entries) = std::fs::read_dir(DESCRIPTORS) else { return HashSet::new() };
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    }

    /// The socket that a number stands for, if it is one.
    fn socket(number: RawFd) -> Option<Identity> {
        let found = std::fs::metadata(format!("{DESCRIPTORS}/{number}")).ok()?;
        found.file_type().is_socket().then(|| (found.dev(), found.ino()))
    }

    /// Another descriptor of a socket, if the number still stands for it.
    fn duplicate(number: RawFd, identity: Identity) -> Option<TcpStream> {
        if number < 0 {
            return None;
        }
        // SAFETY: the number is not -1, and is borrowed for one call, which duplicates the descriptor. If another thread has
        // closed it meanwhile, the call fails or duplicates a different file, which is recognised below.
        let copy: OwnedFd = unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned().ok()?;
        let file = File::from(copy);
        let found = file.metadata().ok()?;
        (found.file_type().is_socket() && (found.dev(), found.ino()) == identity)
            .then(|| TcpStream::from(OwnedFd::from(file)))
    }

    #[cfg(test)]
    mod tests {
        use std::net::{SocketAddr, TcpListener};
        use std::os::fd::AsRawFd;

        use super::*;

        fn listener() -> (TcpListener, SocketAddr) {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = listener.local_addr().expect("an address");
            (listener, address)
        }

        #[tokio::test]
        async fn only_the_socket_that_connects_sends_at_once() {
            let (_listener, address) = listener();
            let before = TcpStream::connect(address).expect("a connection");
            let connect = tokio::net::TcpStream::connect(address);
            let connected = without_delay(Some(address.port()), connect).await.expect("a connection");
            let after = TcpStream::connect(address).expect("a connection");
            assert!(connected.nodelay().expect("an option"));
            assert!(!before.nodelay().expect("an option") && !after.nodelay().expect("an option"));
        }

        #[tokio::test]
        async fn the_next_address_is_tried_after_one_that_refuses() {
            let (_listener, address) = listener();
            // As with `localhost`, which has two addresses on most machines.
            let (closed, refusing) = listener();
            drop(closed);
            let addresses = [refusing, address];
            let connect = tokio::net::TcpStream::connect(&addresses[..]);
            let connected = without_delay(Some(address.port()), connect).await.expect("a connection");
            assert!(connected.nodelay().expect("an option"));
        }

        #[test]
        fn a_number_that_stands_for_another_socket_is_left_alone() {
            let (_listener, address) = listener();
            let stream = TcpStream::connect(address).expect("a connection");
            let found = File::from(OwnedFd::from(stream.try_clone().expect("a copy"))).metadata().expect("metadata");
            assert!(duplicate(stream.as_raw_fd(), (found.dev(), found.ino())).is_some());
            assert!(duplicate(stream.as_raw_fd(), (found.dev(), found.ino() + 1)).is_none());
        }

        #[tokio::test]
        async fn connections_at_the_same_time_are_told_apart() {
            let (_listener, address) = listener();
            let connect = || without_delay(Some(address.port()), tokio::net::TcpStream::connect(address));
            let (one, two, three) = tokio::join!(connect(), connect(), connect());
            for connected in [one, two, three] {
                assert!(connected.expect("a connection").nodelay().expect("an option"));
            }
        }
    }
}
