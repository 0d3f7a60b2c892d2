//! What is sent over the pipes between a run and the process that compiles for it.
//!
//! ```text
//! request   magic, stack, memory, processor seconds, length; then the component
//! answer    magic, memory that it really has; when it is done: tag, key, length; then code or a message
//! ```
//!
//! Numbers are little-endian and 64 bits long. The key is a digest of the component, of the engine's settings and of
//! this program's version, so that code for something else is never taken for the answer.

use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};

use sha2::Digest;
use wasmtime::Engine;

use super::super::engine::IMAGE;

/// The command of `runner` that compiles; not listed in its help.
pub const COMMAND: &str = "compile-component";

/// Changes with the protocol. A helper of another version answers with its own.
const MAGIC: [u8; 16] = *b"runner compile 1";
/// Bytes of a message. An error of wasmtime takes a few lines.
const MESSAGE: u64 = 16 << 10;
/// Bytes of compiled code for each byte of a component, at most, and for an empty one, which includes what is zero in its
/// initial memories. Real ones take 2 to 6.
const CODE: (u64, u64) = (64, 80 << 20);

/// A digest of a component and of what compiles it.
pub type Key = [u8; 32];

/// What a compiling process is asked for; the component follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The limit `stack`, which the code depends on.
    pub stack: u64,
    /// The limit `compile_memory`.
    pub memory: u64,
    /// Seconds of processor time; 0: unlimited.
    pub seconds: u64,
    /// The length of the component.
    pub length: u64,
}

/// How compiling ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// The code.
    Code(Vec<u8>),
    /// Why the component is not valid.
    Invalid(String),
    /// The system refused memory.
    OutOfMemory,
}

/// The key of a component with an engine.
pub fn key(engine: &Engine, sha256: &str) -> Key {
    let mut hasher = sha2::Sha256::new();
    hasher.update(b"runner compiled component\0");
    hasher.update(env!("CARGO_PKG_VERSION"));
    hasher.update(sha256);
    hasher.update(fingerprint(engine).to_le_bytes());
    hasher.finalize().into()
}

/// A number that differs between engines whose code differs.
pub fn fingerprint(engine: &Engine) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    // Not part of that hash: any engine loads the code of any other here.
    IMAGE.hash(&mut hasher);
    hasher.finish()
}

impl Request {
    /// Writes it, without the component.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&MAGIC)?;
        [self.stack, self.memory, self.seconds, self.length].iter().try_for_each(|number| write(to, *number))
    }

    /// Reads it, without the component.
    pub fn read(from: &mut impl Read) -> io::Result<Self> {
        magic(from)?;
        Ok(Self { stack: read(from)?, memory: read(from)?, seconds: read(from)?, length: read(from)? })
    }
}

/// Writes that a process is ready, and the memory that it has.
pub fn write_ready(memory: u64, to: &mut impl Write) -> io::Result<()> {
    to.write_all(&MAGIC)?;
    write(to, memory)?;
    to.flush()
}

/// Reads what [`write_ready`] wrote.
pub fn read_ready(from: &mut impl Read) -> io::Result<u64> {
    magic(from)?;
    read(from)
}

impl Reply {
    /// Writes it.
    pub fn write(&self, key: &Key, to: &mut impl Write) -> io::Result<()> {
        let (tag, bytes) = match self {
            Self::Code(code) => (0, code.as_slice()),
            Self::Invalid(message) => (1, &message.as_bytes()[..message.len().min(MESSAGE as usize)]),
            Self::OutOfMemory => (2, &[][..]),
        };
        write(to, tag)?;
        to.write_all(key)?;
        write(to, bytes.len() as u64)?;
        to.write_all(bytes)?;
        to.flush()
    }

    /// Reads the reply for a component of that length with that key.
    pub fn read(key: &Key, length: u64, from: &mut impl Read) -> io::Result<Self> {
        let tag = read(from)?;
        let mut of = Key::default();
        from.read_exact(&mut of)?;
        if of != *key {
            return Err(unexpected("it answered for another component, or is another version of runner"));
        }
        let bytes = read(from)?;
        let most = if tag == 0 { CODE.0.saturating_mul(length).saturating_add(CODE.1) } else { MESSAGE };
        if bytes > most {
            return Err(unexpected("its answer is longer than any component's code"));
        }
        // Grows as bytes arrive: a length alone allocates nothing.
        let mut content = Vec::new();
        from.take(bytes).read_to_end(&mut content)?;
        if content.len() as u64 != bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match tag {
            0 => Ok(Self::Code(content)),
            1 => Ok(Self::Invalid(String::from_utf8_lossy(&content).into_owned())),
            2 => Ok(Self::OutOfMemory),
            _ => Err(unexpected("its answer is not one of runner")),
        }
    }
}

fn magic(from: &mut impl Read) -> io::Result<()> {
    let mut magic = [0; MAGIC.len()];
    from.read_exact(&mut magic)?;
    if magic == MAGIC { Ok(()) } else { Err(unexpected("it is not a compiler of this version of runner")) }
}

fn unexpected(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn write(to: &mut impl Write, number: u64) -> io::Result<()> {
    to.write_all(&number.to_le_bytes())
}

fn read(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = [7; 32];

    fn written(reply: &Reply) -> Vec<u8> {
        let mut bytes = Vec::new();
        reply.write(&KEY, &mut bytes).expect("a vector");
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let request = Request { stack: 1, memory: 2, seconds: 3, length: 4 };
        let mut bytes = Vec::new();
        request.write(&mut bytes).expect("a vector");
        assert_eq!(Request::read(&mut &*bytes).expect("a request"), request);
        for reply in [Reply::Code(vec![1, 2, 3]), Reply::Invalid("no".to_owned()), Reply::OutOfMemory] {
            let bytes = written(&reply);
            assert_eq!(Reply::read(&KEY, 10, &mut &*bytes).expect("a reply"), reply);
            for cut in 0..bytes.len() {
                assert!(Reply::read(&KEY, 10, &mut &bytes[..cut]).is_err(), "{cut} bytes");
            }
        }
    }

    #[test]
    fn answers_to_something_else_are_refused() {
        let error = |bytes: &[u8]| Reply::read(&KEY, 10, &mut &*bytes).expect_err("a wrong answer").to_string();
        let mut other = written(&Reply::Code(vec![1]));
        other[8] ^= 1;
        assert!(error(&other).contains("another component"));
        let mut endless = written(&Reply::Code(vec![1]));
        endless[40..48].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(error(&endless).contains("longer than any"));
        let mut unknown = written(&Reply::OutOfMemory);
        unknown[0] = 9;
        assert!(error(&unknown).contains("not one of runner"));
        assert!(Request::read(&mut &b"another program "[..]).is_err());
    }
}
