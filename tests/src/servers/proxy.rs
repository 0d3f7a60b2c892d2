//! A failing network between a client and a server: it cuts connections, loses answers, slows down and stalls.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// When to cut a connection automatically. The text is searched for in what clients send, ignoring case.
#[derive(Clone, Debug)]
pub enum Trap {
    /// Before the server receives the text for the nth time, counted from 1.
    Before(&'static str, usize),
    /// When the server has answered it, losing the answer.
    Answer(&'static str, usize),
    /// The same; new connections are refused from then on, until [`Proxy::refuse`] ends that.
    AnswerAndServer(&'static str, usize),
}

#[derive(Default)]
struct Shared {
    closed: AtomicBool,
    refusing: AtomicBool,
    stalled: AtomicBool,
    keeping: AtomicBool,
    /// Bytes per second in each direction of each connection; 0: unlimited.
    rate: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    trap: Option<Trap>,
    seen: usize,
    sprung: usize,
    /// What a client sent each time after its server did, on each connection.
    turns: Vec<Turns>,
    streams: Vec<TcpStream>,
}

/// The turns of one connection's client.
#[derive(Default)]
struct Turns {
    count: usize,
    /// What it sent in each, if that is kept.
    sent: Vec<Vec<u8>>,
}

/// A proxy for TCP connections without TLS. All its connections end when it is dropped.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Listens on a port of this machine and forwards connections.
    pub fn start(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.closed.load(Ordering::SeqCst) {
                    break;
                }
                // Without a server, the client's connection ends as if the server had gone away.
                if !accepting.refusing.load(Ordering::SeqCst)
                    && let Ok(server) = TcpStream::connect(("127.0.0.1", server))
                {
                    connect(&accepting, client, server);
                }
            }
        });
        Self { port, shared }
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sets a trap in place of any other, and restarts counting.
    pub fn set(&self, trap: Trap) {
        let mut state = self.shared.state();
        state.trap = Some(trap);
        state.seen = 0;
    }

    /// How many connections traps have cut.
    pub fn sprung(&self) -> usize {
        self.shared.state().sprung
    }

    /// How many times clients sent something after their servers did, or first: the round trips to the server.
    pub fn turns(&self) -> usize {
        self.shared.state().turns.iter().map(|turns| turns.count).sum()
    }

    /// Keeps what clients send from now on, for [`Self::sent_at_work`].
    pub fn keep(&self) {
        self.shared.keeping.store(true, Ordering::SeqCst);
    }

    /// What was sent in each turn of the connection with the most: that of the work, where others only look after it.
    pub fn sent_at_work(&self) -> Vec<Vec<u8>> {
        let state = self.shared.state();
        state.turns.iter().max_by_key(|turns| turns.count).map(|turns| turns.sent.clone()).unwrap_or_default()
    }

    /// Cuts all existing connections.
    pub fn cut(&self) {
        for stream in self.shared.state().streams.drain(..) {
            // It may be cut already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Whether new connections are closed at once.
    pub fn refuse(&self, refuse: bool) {
        self.shared.refusing.store(refuse, Ordering::SeqCst);
    }

    /// Limits each direction of each connection to this many bytes per second.
    pub fn throttle(&self, bytes_a_second: u64) {
        self.shared.rate.store(bytes_a_second, Ordering::SeqCst);
    }

    /// Holds back all data in both directions, or releases it.
    pub fn stall(&self, stall: bool) {
        self.shared.stalled.store(stall, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.cut();
        // Wakes the listener, so that it notices the end.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits as long as a slow network would take.
    fn delay(&self, bytes: usize) {
        let rate = self.rate.load(Ordering::SeqCst);
        if rate > 0 {
            std::thread::sleep(Duration::from_secs_f64(bytes as f64 / rate as f64));
        }
        while self.stalled.load(Ordering::SeqCst) && !self.closed.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// State shared by the two directions of a connection.
struct Sides {
    /// The answer is to be lost.
    losing: AtomicBool,
    /// The server has sent something since the client did, or nothing was sent yet.
    answered: AtomicBool,
    /// Which connection it is.
    number: usize,
}

fn connect(shared: &Arc<Shared>, client: TcpStream, server: TcpStream) {
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let number = {
        let mut state = shared.state();
        state.streams.extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
        state.turns.push(Turns::default());
        state.turns.len() - 1
    };
    let sides = Arc::new(Sides { losing: AtomicBool::new(false), answered: AtomicBool::new(true), number });
    let up = (Arc::clone(shared), client.try_clone().unwrap(), server.try_clone().unwrap(), Arc::clone(&sides));
    std::thread::spawn(move || {
        let (shared, client, server, sides) = up;
        // An error means that the connection has ended, on whichever side.
        let _ = send(&shared, &client, &server, &sides);
        end(&client, &server);
    });
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        let _ = answer(&shared, &client, &server, &sides);
        end(&client, &server);
    });
}

fn end(client: &TcpStream, server: &TcpStream) {
    for stream in [client, server] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// Forwards from the client to the server, until either ends or a trap is triggered.
fn send(shared: &Shared, mut client: &TcpStream, mut server: &TcpStream, sides: &Sides) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    // The end of the previous data: a text may arrive in two pieces.
    let mut before = Vec::new();
    loop {
        let bytes = client.read(&mut buffer)?;
        if bytes == 0 {
            return Ok(());
        }
        shared.delay(bytes);
        before.extend_from_slice(&buffer[..bytes].to_ascii_uppercase());
        let mut state = shared.state();
        let is_next = sides.answered.swap(false, Ordering::SeqCst);
        let turns = &mut state.turns[sides.number];
        turns.count += usize::from(is_next);
        if shared.keeping.load(Ordering::SeqCst) {
            if is_next || turns.sent.is_empty() {
                turns.sent.push(Vec::new());
            }
            turns.sent.last_mut().into_iter().for_each(|sent| sent.extend_from_slice(&buffer[..bytes]));
        }
        let trap = state.trap.clone();
        if let Some(Trap::Before(text, count) | Trap::Answer(text, count) | Trap::AnswerAndServer(text, count)) = &trap
        {
            let text = text.to_ascii_uppercase().into_bytes();
            let found = before.windows(text.len()).filter(|window| *window == text).count();
            state.seen += found;
            if found > 0 && state.seen >= *count {
                state.trap = None;
                state.sprung += 1;
                if matches!(trap, Some(Trap::Before(..))) {
                    return Ok(());
                }
                if matches!(trap, Some(Trap::AnswerAndServer(..))) {
                    shared.refusing.store(true, Ordering::SeqCst);
                }
                sides.losing.store(true, Ordering::SeqCst);
            }
            // Text that was counted is not seen again.
            let keep = if found > 0 { 0 } else { text.len() - 1 };
            before.drain(..before.len().saturating_sub(keep));
        } else {
            before.clear();
        }
        drop(state);
        server.write_all(&buffer[..bytes])?;
    }
}

/// Forwards from the server to the client, until either ends or an answer is to be lost.
fn answer(shared: &Shared, mut client: &TcpStream, mut server: &TcpStream, sides: &Sides) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let bytes = server.read(&mut buffer)?;
        if bytes == 0 {
            return Ok(());
        }
        if sides.losing.load(Ordering::SeqCst) {
            // Reads the rest of the answer, so that the server has carried out the request.
            server.set_read_timeout(Some(Duration::from_millis(100)))?;
            while server.read(&mut buffer)? > 0 {}
            return Ok(());
        }
        shared.delay(bytes);
        sides.answered.store(true, Ordering::SeqCst);
        client.write_all(&buffer[..bytes])?;
    }
}
