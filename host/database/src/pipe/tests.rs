//! The pipe, with servers that send too much.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::unix::{Door, pass_on};
use super::*;

/// A connection through a pipe, the server's end of it, and its meter.
async fn piped() -> (UnixStream, TcpStream, Meter) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let open = |directory: Option<&Path>| {
        let path = directory.expect("a directory").join("driver");
        async move { Ok(UnixStream::connect(path).await?) }
    };
    let connected = connect(Place::Tcp("127.0.0.1", port), "driver", open);
    let (connected, accepted) = tokio::join!(connected, listener.accept());
    let (driver, meter) = connected.expect("a connection");
    (driver, accepted.expect("a connection").0, meter)
}

#[tokio::test]
async fn bytes_pass_until_a_side_closes() {
    let (mut driver, mut server, _) = piped().await;
    let sent: Vec<u8> = (0..3 << 20).map(|at: u32| at.to_be_bytes()[3]).collect();
    let mut heard = vec![0; sent.len()];
    let (told, read) = tokio::join!(driver.write_all(&sent), server.read_exact(&mut heard));
    told.and(read.map(drop)).expect("bytes");
    assert!(heard == sent);
    server.write_all(b"last words").await.expect("bytes");
    drop(server);
    let mut last = String::new();
    driver.read_to_string(&mut last).await.expect("text");
    assert_eq!(last, "last words");
    let (driver, mut server, _) = piped().await;
    drop(driver);
    assert_eq!(server.read(&mut [0]).await.expect("an end"), 0);
}

#[tokio::test]
async fn a_refused_connection_is_the_drivers_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let open = |_: Option<&Path>| async { Ok(()) };
    match connect(Place::Tcp("127.0.0.1", port), "driver", open).await {
        Err(sqlx::Error::Io(error)) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused),
        other => panic!("{other:?}"),
    }
}

/// Lets the server send so many chunks, of a mebibyte each; returns how many bytes arrive. Before each, `between` is called.
async fn arrives(chunks: usize, allowed: usize, between: impl Fn(&Meter)) -> (usize, Option<DatabaseError>) {
    let (mut driver, mut server, meter) = piped().await;
    let _allowed = meter.allow(allowed);
    let send = async {
        let chunk = vec![0; 1 << 20];
        for _ in 0..chunks {
            if server.write_all(&chunk).await.is_err() {
                break;
            }
        }
        drop(server);
    };
    let receive = async {
        let (mut arrived, mut buffer) = (0, vec![0; 1 << 20]);
        while let Ok(bytes @ 1..) = driver.read(&mut buffer).await {
            arrived += bytes;
            between(&meter);
        }
        arrived
    };
    let ((), arrived) = tokio::join!(send, receive);
    (arrived, meter.exceeded())
}

#[tokio::test]
async fn an_answer_ends_at_its_bound() {
    let (arrived, error) = arrives(40, 0, |_| ()).await;
    assert!(arrived <= AT_ONCE, "{arrived}");
    let error = error.expect("an error");
    assert!(error.is_too_large() && error.message.contains(" 20 MiB"), "{error:?}");
    let (arrived, error) = arrives(40, 40 << 20, |_| ()).await;
    assert!(arrived == 40 << 20 && error.is_none(), "{arrived} {error:?}");
    let (arrived, error) = arrives(50, 40 << 20, |_| ()).await;
    assert!(arrived <= 42 << 20 && error.is_some_and(|error| error.message.contains(" 42 MiB")), "{arrived}");
}

#[tokio::test]
async fn rows_and_questions_begin_anew() {
    let (arrived, error) = arrives(100, 0, Meter::renew).await;
    assert!(arrived == 100 << 20 && error.is_none(), "{arrived} {error:?}");
    let (mut driver, mut server, meter) = piped().await;
    let mut answer = vec![0; 15 << 20];
    for _ in 0..4 {
        driver.write_all(b"?").await.expect("a question");
        server.read_exact(&mut [0]).await.expect("a question");
        let sent = vec![0; answer.len()];
        let (told, read) = tokio::join!(server.write_all(&sent), driver.read_exact(&mut answer));
        told.and(read.map(drop)).expect("an answer");
    }
    assert!(meter.exceeded().is_none());
}

#[tokio::test]
async fn a_directory_serves_where_there_are_no_abstract_names() {
    let door = Door::make("driver").expect("a directory");
    let directory = door.directory.clone();
    let (accepted, connected) = tokio::join!(door.accept(), UnixStream::connect(directory.join("driver")));
    drop(door);
    assert!(!directory.exists());
    let (server, mut far) = UnixStream::pair().expect("a pair");
    let meter = Meter::new();
    let pass = tokio::spawn(async move { pass_on(server.into_split(), accepted.expect("a peer"), &meter).await });
    far.write_all(b"x").await.expect("a byte");
    assert_eq!(connected.expect("a connection").read(&mut [0]).await.expect("a byte"), 1);
    pass.await.expect("no panic");
}
