//! Connections that send each message immediately instead of holding it back until the previous one is acknowledged.
//!
//! sqlx 0.9.0 leaves Nagle's algorithm enabled, unlike all earlier releases (transact-rs/sqlx#4335). A message that
//! follows another without a reply in between, such as the end of a prepared statement, then waits 40 ms, which is how
//! long the server's operating system delays acknowledgements; migrations with few steps took twice as long. Remove
//! this module once a release of sqlx sets the option itself (transact-rs/sqlx#4336).
//!
//! sqlx neither accepts a connected socket nor exposes the one it opens. So the descriptors of the process are compared
//! before and after each poll of the connecting future: a descriptor that appears in between and is connected to the
//! server's port is the socket. No other socket of the process is changed.

#[cfg(unix)]
pub use unix::without_delay;

/// Connects. On this platform the socket cannot be found and is left as it is.
#[cfg(not(unix))]
pub async fn without_delay<T>(_: Option<u16>, connect: impl Future<Output = T>) -> T {
    connect.await
}

#[cfg(unix)]
mod unix {
    use std::collections::HashSet;
    use std::fs::{File, Metadata};
    use std::net::TcpStream;
    use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    use std::pin::pin;
    use std::sync::{Mutex, PoisonError};

    /// The directory of the process's open descriptors, named by number, on Linux, macOS and the BSDs.
    const DESCRIPTORS: &str = "/dev/fd";

    /// Keeps connections that are made at the same time from seeing each other's sockets.
    static POLLING: Mutex<()> = Mutex::new(());

    /// Runs `connect` and sets `TCP_NODELAY` on the socket that it opens to this port; `None` if `connect` uses a Unix
    /// socket.
    ///
    /// If another thread opens a socket to the same port during the microseconds in which sqlx opens its own, the two
    /// cannot be distinguished, and both are left as they are.
    pub async fn without_delay<T>(port: Option<u16>, connect: impl Future<Output = T>) -> T {
        let Some(port) = port else { return connect.await };
        let mut connect = pin!(connect);
        let mut opened = HashSet::new();
        let output = std::future::poll_fn(|context| {
            if opened.iter().any(|socket: &Socket| socket.connected(port).is_some()) {
                return connect.as_mut().poll(context);
            }
            let _alone = POLLING.lock().unwrap_or_else(PoisonError::into_inner);
            let before = sockets();
            let polled = connect.as_mut().poll(context);
            opened.extend(sockets().difference(&before));
            polled
        })
        .await;
        let mut connected = opened.iter().filter_map(|socket| socket.connected(port));
        if let (Some(socket), None) = (connected.next(), connected.next()) {
            // Without the option the connection is slow but correct.
            let _ = socket.set_nodelay(true);
        }
        output
    }

    /// An open socket: its number, device and inode. The number alone may refer to another file a moment later.
    #[derive(Clone, Copy, PartialEq, Eq, Hash)]
    struct Socket {
        number: RawFd,
        device: u64,
        inode: u64,
    }

    /// Returns all sockets of the process.
    fn sockets() -> HashSet<Socket> {
        let Ok(entries) = std::fs::read_dir(DESCRIPTORS) else { return HashSet::new() };
        let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        numbers
            .filter_map(|number| Socket::of(number, &std::fs::metadata(format!("{DESCRIPTORS}/{number}")).ok()?))
            .collect()
    }

    impl Socket {
        fn of(number: RawFd, file: &Metadata) -> Option<Self> {
            file.file_type().is_socket().then(|| Self { number, device: file.dev(), inode: file.ino() })
        }

        /// Duplicates the socket's descriptor if it is open and connected to this port by TCP.
        fn connected(self, port: u16) -> Option<TcpStream> {
            let stream = self.duplicate()?;
            // Fails for sockets of other protocols.
            stream.nodelay().ok()?;
            stream.peer_addr().is_ok_and(|peer| peer.port() == port).then_some(stream)
        }

        fn duplicate(self) -> Option<TcpStream> {
            if self.number < 0 {
                return None;
            }
            // SAFETY: the number is not -1 and is borrowed for one call, which duplicates the descriptor. If another
            // thread has closed it meanwhile, the call fails or duplicates a different file, which is detected below.
            let copy = unsafe { BorrowedFd::borrow_raw(self.number) }.try_clone_to_owned().ok()?;
            let file = File::from(copy);
            let same = Self::of(self.number, &file.metadata().ok()?) == Some(self);
            same.then(|| TcpStream::from(OwnedFd::from(file)))
        }
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
        async fn only_the_new_socket_gets_the_option() {
            let (_listener, address) = listener();
            let before = TcpStream::connect(address).expect("a connection");
            let connect = tokio::net::TcpStream::connect(address);
            let connected = without_delay(Some(address.port()), connect).await.expect("a connection");
            let after = TcpStream::connect(address).expect("a connection");
            assert!(connected.nodelay().expect("an option"));
            assert!(!before.nodelay().expect("an option") && !after.nodelay().expect("an option"));
        }

        #[tokio::test]
        async fn the_next_address_is_tried_after_a_refusal() {
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
        fn a_reused_descriptor_is_left_alone() {
            let (_listener, address) = listener();
            let stream = TcpStream::connect(address).expect("a connection");
            let number = stream.as_raw_fd();
            let socket = sockets().into_iter().find(|socket| socket.number == number).expect("an open socket");
            assert!(socket.connected(address.port()).is_some());
            assert!(Socket { inode: socket.inode + 1, ..socket }.connected(address.port()).is_none());
            assert!(socket.connected(address.port().wrapping_add(1)).is_none());
        }

        #[tokio::test]
        async fn concurrent_connections_are_distinguished() {
            let (_listener, address) = listener();
            let connect = || without_delay(Some(address.port()), tokio::net::TcpStream::connect(address));
            let (one, two, three) = tokio::join!(connect(), connect(), connect());
            for connected in [one, two, three] {
                assert!(connected.expect("a connection").nodelay().expect("an option"));
            }
        }
    }
}
