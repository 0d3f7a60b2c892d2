//! Mutated input: any function that reads what others wrote is tried on variations of it, the same in every run.

use std::fs::File;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::random::Random;
use crate::{EVER, is_long};

/// The longest mutated input. What grows faster than its input shows with less.
const LONGEST: usize = 32 << 10;

/// How often a parser is tried: a million times in the long tier. Otherwise the first hundredth of these, the same each time, which
/// finds what a change of the parser breaks.
pub fn rounds() -> u64 {
    if is_long() { 1_000_000 } else { 10_000 }
}

/// Examples of what is read, and words that matter to the reader.
pub struct Corpus {
    /// Whole inputs.
    pub texts: Vec<Vec<u8>>,
    /// Parts of inputs.
    pub words: Vec<Vec<u8>>,
}

impl Corpus {
    /// A corpus of texts, and of these words.
    pub fn new<T: Into<Vec<u8>>>(texts: impl IntoIterator<Item = T>, words: &[&str]) -> Self {
        let texts: Vec<Vec<u8>> = texts.into_iter().map(Into::into).collect();
        assert!(!texts.is_empty(), "there is nothing to mutate");
        Self { texts, words: words.iter().map(|word| word.as_bytes().to_vec()).collect() }
    }

    /// The input of a seed: one of the texts, changed in a few places.
    pub fn input(&self, seed: u64) -> Vec<u8> {
        let random = &mut Random::new(seed);
        let mut input = pick(random, &self.texts).clone();
        for _ in 0..=random.below(6) {
            self.change(random, &mut input);
        }
        input.truncate(LONGEST.max(self.texts.iter().map(Vec::len).max().unwrap_or_default()));
        input
    }

    fn change(&self, random: &mut Random, input: &mut Vec<u8>) {
        let length = input.len() as u64;
        let at = random.below(length + 1) as usize;
        let part = at..at + random.below((length - at as u64).min(64) + 1) as usize;
        match random.below(13) {
            0 => input.insert(at, random.draw() as u8),
            1 if at < input.len() => input[at] ^= 1 << random.below(8),
            2 if at < input.len() => input[at] = *pick(random, &[0, 0x1b, 0x7f, 0x80, 0xff, b'\n', b'\'', b'"', b'\\']),
            3 => drop(input.drain(part)),
            4 => input.truncate(at),
            5 => {
                let copy = input[part].to_vec();
                let to = random.below(length + 1) as usize;
                input.splice(to..to, copy);
            }
            // Nesting, and long runs of anything.
            6 => {
                let copy = input[part].repeat(1 << random.below(10));
                input.splice(at..at, copy.into_iter().take(LONGEST));
            }
            7 => {
                let other = pick(random, &self.texts);
                let from = random.below(other.len() as u64 + 1) as usize;
                let to = from + random.below((other.len() - from) as u64 + 1) as usize;
                input.splice(part, other[from..to].iter().copied());
            }
            8 => {
                let numbers = ["0", "-1", "18446744073709551616", "9223372036854775808", "1e309", "0x", "٣", "00"];
                input.splice(part, pick(random, &numbers).bytes());
            }
            9 => {
                let characters = ["\u{feff}", "\u{202e}", "\u{200b}", "\u{e9}", "\u{1f600}", "\u{2028}", "\r\n", "\0"];
                input.splice(part, pick(random, &characters).bytes());
            }
            _ if self.words.is_empty() => input.push(random.draw() as u8),
            10 => drop(input.splice(part, pick(random, &self.words).iter().copied())),
            _ => drop(input.splice(at..at, pick(random, &self.words).iter().copied())),
        }
    }

    /// Tries a function on the inputs of that many seeds, on all processors. A panic fails the test, and so does an input that takes
    /// forever; both print the seed. If the process dies, the seeds are in `NAME.seeds` in `directory`.
    pub fn try_on(&self, directory: &str, name: &str, rounds: u64, try_it: impl Fn(&[u8]) + Sync) {
        let first = std::env::var("RUNNER_TEST_SEED").ok().map(|seed| seed.parse().expect("a number"));
        let (first, rounds) = first.map_or((0, rounds), |seed| (seed, 1));
        let workers = std::thread::available_parallelism().map_or(1, NonZero::get).min(rounds as usize);
        let path = Path::new(directory).join(format!("{name}.seeds"));
        let seeds = File::create(&path).unwrap();
        let next = AtomicU64::new(first);
        let ends = AtomicBool::new(false);
        // For each worker its seed, and when it began with it.
        let begun: Vec<_> = (0..workers).map(|_| (AtomicU64::new(first), AtomicU64::new(0))).collect();
        let start = Instant::now();
        let work = |worker: usize| {
            let (seed_now, since) = &begun[worker];
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= first + rounds || ends.load(Ordering::Relaxed) {
                    break;
                }
                seed_now.store(seed, Ordering::Relaxed);
                since.store(start.elapsed().as_millis() as u64, Ordering::Relaxed);
                note(&seeds, worker, seed);
                let input = self.input(seed);
                if catch_unwind(AssertUnwindSafe(|| try_it(&input))).is_err() {
                    ends.store(true, Ordering::Relaxed);
                    panic!("{name}: RUNNER_TEST_SEED={seed} {}", shown(&input));
                }
            }
            since.store(u64::MAX, Ordering::Relaxed);
        };
        std::thread::scope(|scope| {
            let work = &work;
            let threads: Vec<_> = (0..workers).map(|worker| scope.spawn(move || work(worker))).collect();
            while threads.iter().any(|thread| !thread.is_finished()) {
                std::thread::sleep(Duration::from_millis(20));
                let now = start.elapsed().as_millis() as u64;
                for (seed, since) in &begun {
                    let since = since.load(Ordering::Relaxed);
                    if since != u64::MAX && now.saturating_sub(since) > EVER.as_millis() as u64 {
                        let seed = seed.load(Ordering::Relaxed);
                        die(&format!("{name}: hangs, RUNNER_TEST_SEED={seed} {}", shown(&self.input(seed))));
                    }
                }
            }
        });
        drop(std::fs::remove_file(path));
    }
}

fn pick<'a, T>(random: &mut Random, from: &'a [T]) -> &'a T {
    &from[random.below(from.len() as u64) as usize]
}

/// Notes what a worker does, for the case that it takes the process with it.
fn note(seeds: &File, worker: usize, seed: u64) {
    let line = format!("{seed:>20}\n");
    #[cfg(unix)]
    std::os::unix::fs::FileExt::write_all_at(seeds, line.as_bytes(), (worker * line.len()) as u64).unwrap();
    #[cfg(not(unix))]
    let _ = (seeds, worker, line);
}

/// An input that hangs cannot be ended, so the process is.
fn die(message: &str) -> ! {
    std::fs::write("/dev/stderr", message).unwrap_or_default();
    std::process::abort()
}

fn shown(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(&input[..input.len().min(2_000)]);
    format!("({} bytes): {text:?}", input.len())
}
