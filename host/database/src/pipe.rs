//! A pipe between the driver and its server, which bounds what the driver receives at once.
//!
//! sqlx keeps a message of a server in memory before its caller can inspect it: a row, a text or an error of a gigabyte
//! takes a gigabyte or more. It accepts no connected socket, but it does accept the path of a Unix socket. So each of
//! its connections leads to a socket of this process, and a task passes on bytes between it and the server. The task
//! does not know the protocol, and TLS is spoken through it. It counts what the server has sent since the driver last
//! asked for something or received a row; above a bound it closes both sides. So the memory of the driver is bounded by
//! the bytes that reach it, whatever a message says about its length.
//!
//! Where the operating system has no such sockets, the driver connects by itself, and nothing is counted.
//!
//! The bound is 20 MiB, or what the limits of the call allow a row to have and 2 MiB, if that is more. So it does not
//! matter how large a result is whose rows are read one by one, and no message can be larger, whatever it is: a row, an
//! error, a notice, a description. What the driver collects by itself is bounded as a whole. The session is lost with
//! the connection and the server rolls back; the message says why, a guest gets an error of kind `limit`, and the run
//! exits with 7. On Linux the socket's name is random and in the abstract namespace; elsewhere it is in a directory
//! that only the user can open. The driver reserves the length that a message announces, which costs address space
//! only, where memory may be reserved beyond what there is.
//!
//! The largest resident memory of `apply`, in MiB, for a script whose interpreter takes 59:
//!
//! | what a component asks for | without | with |
//! | --- | --- | --- |
//! | PostgreSQL: `query`, a row of 20 × 15 MB | 627 | 104 |
//! | PostgreSQL: `read`, the same | 1,088 | 106 |
//! | PostgreSQL: `query`, a cell of 1 GB | 2,659 | 104 |
//! | PostgreSQL: an error of 200 MB | 1,009 | 103 |
//! | PostgreSQL: `read`, 100 rows of 15 MB, one by one | 1,556 | 148 |
//! | MariaDB: `query`, a row of 20 × 15 MB | 665 | 108 |
//! | MariaDB: `read`, the same | 1,283 | 107 |
//!
//! A file of 3,000 × `SELECT 1` on PostgreSQL took 1,714 µs for each statement with the pipe and 1,718 without, and 40
//! µs more of processor time. Notices of one statement count until it delivers a row or ends, so `client_min_messages`
//! is `warning` in transactions.
//!
//! Rejected: wrapping the SELECT, which is not for `RETURNING`, `CALL` and errors, and detoasts each value twice; a
//! patch of the driver, a fork to maintain; reading lengths in the pipe, impossible within TLS; asking the kernel how
//! much arrived, since the driver may read hundreds of MiB within one poll; a limit of the address space, which ends
//! the process instead of the statement.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::{Stream, StreamExt as _};
use tokio::sync::Notify;

use super::{DatabaseError, DatabaseErrorKind};
use crate::error::Meaning;

/// The most bytes that are received at once, where a call does not ask for more. A guest controls the size of what its
/// statements return; without this bound, one row could take all memory. The default limits let a row that is read have
/// 18 MiB; the rest is what the protocol adds.
const AT_ONCE: usize = 20 << 20;

/// What the protocol adds to the cells of a row: a few bytes for each of them, and TLS.
const OVERHEAD: usize = 2 << 20;

/// The most bytes that a row of MySQL's text protocol may have: there, a cell of 2²⁴ bytes begins with the byte that ends a result, and
/// sqlx takes it for that.
const AS_TEXT: usize = 15 << 20;

/// How many bytes of an answer are passed on at a time.
#[cfg(unix)]
const CHUNK: usize = 64 << 10;

/// How many bytes of a question are passed on at a time: what the driver's socket holds by default.
#[cfg(unix)]
const QUESTION: usize = 256 << 10;

/// Where a server listens.
#[cfg_attr(not(unix), expect(dead_code, reason = "the driver connects by itself"))]
pub enum Place<'a> {
    /// A host and its port.
    Tcp(&'a str, u16),
    /// The path of a socket.
    Socket(PathBuf),
}

/// Counts what a server has sent. Clones count the same connection.
#[derive(Clone, Debug)]
pub struct Meter(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    received: AtomicUsize,
    bound: AtomicUsize,
    is_exceeded: AtomicBool,
    is_broken: AtomicBool,
    closing: Notify,
}

impl Meter {
    fn new() -> Self {
        let (received, bound) = (AtomicUsize::new(0), AtomicUsize::new(AT_ONCE));
        let (is_exceeded, is_broken) = (AtomicBool::new(false), AtomicBool::new(false));
        Self(Arc::new(Counts { received, bound, is_exceeded, is_broken, closing: Notify::new() }))
    }

    /// Restarts the count: the driver has delivered a row, and no longer holds it.
    pub fn renew(&self) {
        self.0.received.store(0, Ordering::Relaxed);
    }

    /// Returns the rows, and restarts the count with each.
    pub fn rows<S: Stream + Unpin>(&self, rows: S) -> impl Stream<Item = S::Item> + Unpin {
        rows.inspect(|_| self.renew())
    }

    /// Lets a row have so many bytes until the guard is dropped.
    pub fn allow(&self, bytes: usize) -> Allowed<'_> {
        self.0.bound.store(bytes.saturating_add(OVERHEAD).max(AT_ONCE), Ordering::Relaxed);
        Allowed(self)
    }

    /// Lets a row have so many bytes only as the text protocol of MySQL can carry, until the guard is dropped.
    pub fn as_text(&self) -> Allowed<'_> {
        self.0.bound.store(AS_TEXT, Ordering::Relaxed);
        Allowed(self)
    }

    /// Closes the connection for good. After an answer that the driver could not read, what it reads next is the rest of that answer.
    pub fn close(&self) {
        self.0.is_broken.store(true, Ordering::Release);
        self.0.closing.notify_one();
    }

    /// Whether the connection was closed for good.
    pub fn is_broken(&self) -> bool {
        self.0.is_broken.load(Ordering::Acquire)
    }

    /// Replaces the error of a connection that was closed because of the bound by one that says so.
    pub fn judge<T>(&self, result: Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        result.map_err(|error| match error.kind {
            DatabaseErrorKind::Connection => self.exceeded().unwrap_or(error),
            _ => error,
        })
    }

    /// Returns the error of a connection that was closed because of the bound.
    pub fn exceeded(&self) -> Option<DatabaseError> {
        self.0.is_exceeded.load(Ordering::Acquire).then(|| {
            let bound = self.0.bound.load(Ordering::Relaxed) >> 20;
            // To the engine the connection is lost, and what was not committed with it.
            DatabaseError::new(
                DatabaseErrorKind::Connection,
                format!(
                    "the server's answer has a row or a text of more than {bound} MiB, which is the most that is received at \
                     once, so the connection was closed"
                ),
            )
            .means(Meaning::TooLarge)
            .hint(
                "select fewer or shorter columns; a row that is read in batches may have `cell_bytes` and `batch_bytes` \
                 together, and one of a query `query_bytes`; written back, it needs `host_call_bytes` of that size",
            )
        })
    }

    /// Counts what has arrived; whether it may be passed on.
    #[cfg(unix)]
    fn take(&self, bytes: usize) -> bool {
        let received = self.0.received.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        let fits = received <= self.0.bound.load(Ordering::Relaxed);
        self.0.is_exceeded.fetch_or(!fits, Ordering::Release);
        fits
    }
}

/// Holds a bound that one call has asked for.
pub struct Allowed<'a>(&'a Meter);

impl Drop for Allowed<'_> {
    fn drop(&mut self) {
        // The error still names the bound that was exceeded.
        if !self.0.0.is_exceeded.load(Ordering::Acquire) {
            self.0.0.bound.store(AT_ONCE, Ordering::Relaxed);
        }
    }
}

/// Connects to the server. `open` lets the driver connect, to the socket `name` in the directory that it is given, or by
/// itself if it is given none.
#[cfg(unix)]
pub async fn connect<C, W>(
    place: Place<'_>,
    name: &str,
    open: impl FnOnce(Option<&Path>) -> W,
) -> Result<(C, Meter), sqlx::Error>
where
    W: Future<Output = Result<C, sqlx::Error>>,
{
    unix::connect(place, name, |directory| open(Some(directory))).await
}

/// Lets the driver connect by itself.
#[cfg(not(unix))]
pub async fn connect<C, W>(
    _: Place<'_>,
    _: &str,
    open: impl FnOnce(Option<&Path>) -> W,
) -> Result<(C, Meter), sqlx::Error>
where
    W: Future<Output = Result<C, sqlx::Error>>,
{
    Ok((open(None).await?, Meter::new()))
}

#[cfg(unix)]
mod unix {
    use std::io::Result;
    use std::path::{Path, PathBuf};
    use std::pin::pin;

    use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
    use tokio::net::{TcpStream, UnixListener, UnixStream};

    use super::{CHUNK, Meter, Place, QUESTION};
    use runner_base::random;

    pub(super) async fn connect<C, W>(
        place: Place<'_>,
        name: &str,
        open: impl FnOnce(&Path) -> W,
    ) -> std::result::Result<(C, Meter), sqlx::Error>
    where
        W: Future<Output = std::result::Result<C, sqlx::Error>>,
    {
        let server = Server::reach(place).await?;
        let door = Door::open(name)?;
        let meter = Meter::new();
        let mut opened = pin!(open(&door.directory));
        let driver = tokio::select! {
            biased;
            driver = door.accept() => driver?,
            opened = &mut opened => return opened.map(|connection| (connection, meter)),
        };
        tokio::spawn(server.serve(driver, meter.clone()));
        Ok((opened.await?, meter))
    }

    enum Server {
        Tcp(TcpStream),
        Socket(UnixStream),
    }

    impl Server {
        async fn reach(place: Place<'_>) -> Result<Self> {
            match place {
                Place::Tcp(host, port) => {
                    let stream = TcpStream::connect((host, port)).await?;
                    // A message that follows another without a reply in between would otherwise wait 40 ms, which is how
                    // long the server's operating system delays acknowledgements. Without the option the connection is
                    // slow but correct.
                    let _ = stream.set_nodelay(true);
                    Ok(Self::Tcp(stream))
                }
                Place::Socket(path) => UnixStream::connect(path).await.map(Self::Socket),
            }
        }

        async fn serve(self, driver: UnixStream, meter: Meter) {
            match self {
                Self::Tcp(stream) => pass_on(stream.into_split(), driver, &meter).await,
                Self::Socket(stream) => pass_on(stream.into_split(), driver, &meter).await,
            }
        }
    }

    /// Passes on bytes until one side closes, or the server has sent too many.
    pub(super) async fn pass_on(
        (mut from, mut to): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
        driver: UnixStream,
        meter: &Meter,
    ) {
        let (mut asked, mut told) = driver.into_split();
        let questions = async {
            let mut buffer = vec![0; QUESTION];
            while let Ok(bytes @ 1..) = asked.read(&mut buffer).await {
                meter.renew();
                if to.write_all(&buffer[..bytes]).await.is_err() {
                    // The last words of the server are still to be read.
                    return std::future::pending().await;
                }
            }
        };
        let answers = async {
            let mut buffer = vec![0; CHUNK];
            while let Ok(bytes @ 1..) = from.read(&mut buffer).await {
                if !meter.take(bytes) || told.write_all(&buffer[..bytes]).await.is_err() {
                    break;
                }
            }
        };
        tokio::select! {
            () = questions => {}
            () = answers => {}
            () = meter.0.closing.notified() => {}
        }
    }

    /// A socket that accepts one connection, from this process.
    pub(super) struct Door {
        listener: UnixListener,
        pub(super) directory: PathBuf,
        /// The directory exists, and is removed.
        is_made: bool,
    }

    impl Door {
        /// On Linux the directory is none: the name is in the abstract namespace, so that nothing is written anywhere.
        #[cfg(target_os = "linux")]
        pub(super) fn open(name: &str) -> Result<Self> {
            let directory = PathBuf::from(format!("\0runner-{:016x}{:016x}", random::bits(), random::bits()));
            Ok(Self { listener: UnixListener::bind(directory.join(name))?, directory, is_made: false })
        }

        #[cfg(not(target_os = "linux"))]
        pub(super) fn open(name: &str) -> Result<Self> {
            Self::make(name)
        }

        /// Makes a directory that only this user can open.
        #[cfg(any(test, not(target_os = "linux")))]
        pub(super) fn make(name: &str) -> Result<Self> {
            let directory = std::env::temp_dir().join(format!("runner-{:016x}", random::bits()));
            let mut builder = std::fs::DirBuilder::new();
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700).create(&directory)?;
            match UnixListener::bind(directory.join(name)) {
                Ok(listener) => Ok(Self { listener, directory, is_made: true }),
                Err(error) => {
                    let _ = std::fs::remove_dir(&directory);
                    Err(error)
                }
            }
        }

        /// Waits for a connection of this process; others are closed.
        pub(super) async fn accept(&self) -> Result<UnixStream> {
            loop {
                let (stream, _) = self.listener.accept().await?;
                let peer = stream.peer_cred()?.pid();
                if peer.is_none_or(|peer| u32::try_from(peer) == Ok(std::process::id())) {
                    return Ok(stream);
                }
            }
        }
    }

    impl Drop for Door {
        fn drop(&mut self) {
            if self.is_made {
                let _ = std::fs::remove_dir_all(&self.directory);
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests;
