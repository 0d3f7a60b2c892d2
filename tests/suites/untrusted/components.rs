//! Mutated and generated components: refused, or still components; they never end this process.

use runner_project::Limits;
use runner_sandbox::{Sandbox, SandboxOptions};
use runner_tests::random::Random;
use runner_tests::{components, guests, is_long};

use super::*;

/// How many components are tried in each test.
fn rounds() -> u64 {
    if is_long() { 20_000 } else { 2_000 }
}

fn sandbox() -> Sandbox {
    let limits = Limits { fuel: 1_000_000, guest_memory: 16 << 20, ..Limits::default() };
    Sandbox::new(SandboxOptions { limits, jobs: 1, ..SandboxOptions::default() })
}

#[test]
fn mutated() {
    let sandbox = sandbox();
    let small = [
        components::empty(),
        components::other_world(),
        components::other_types(),
        components::starting("(func $start)"),
    ];
    let mut texts = vec![guests::component("describer"), guests::component("hostile")];
    texts.extend(small);
    // Section ids, types and opcodes, sizes that are too large, and names of the contract.
    let words = [
        "\0asm",
        "\u{d}\0\u{1}\0",
        "\u{1}\0\0\0",
        "\u{60}\0\0",
        "\u{b}",
        "\u{7f}",
        "describe",
        "upgrade",
        "runner:migration/sql@0.1.0",
    ];
    let mut corpus = Corpus::new(texts, &words);
    corpus.words.extend([
        vec![0xff, 0xff, 0xff, 0xff, 0x0f],
        vec![0x80, 0x80, 0x80, 0x80, 0x08],
        vec![0xfc],
        vec![0xfd],
        vec![0xfe],
    ]);
    corpus.try_on(SCRATCH, "components", rounds(), |bytes| ends(sandbox.describe(bytes, None)));
}

/// Components that parse, and whose parts are put together at random.
#[test]
fn generated() {
    let sandbox = sandbox();
    let corpus = Corpus::new(["seed"], &[]);
    corpus.try_on(SCRATCH, "generated", rounds(), |input| {
        let seed =
            input.iter().fold(input.len() as u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        let text = generate(&mut Random::new(seed));
        // What is not even a component in text is nothing to try.
        if let Some(bytes) = components::try_parse(&text) {
            ends(sandbox.describe(&bytes, None));
        }
    });
}

fn generate(random: &mut Random) -> String {
    let mut parts = String::new();
    for at in 0..=random.below(6) {
        let part = match random.below(8) {
            0 => format!("(core module $m{at} {})", core(random)),
            1 => format!("(core module $m{at} {}) (core instance $i{at} (instantiate $m{at}))", core(random)),
            2 => format!("(type $t{at} {})", kind(random, 4)),
            3 => format!("(import \"a{at}\" (func (param \"x\" {})))", kind(random, 2)),
            4 => format!("(component $c{at} (core module {})) (instance $n{at} (instantiate $c{at}))", core(random)),
            5 => format!("(type $r{at} (resource (rep i32)))"),
            6 => [
                "(import \"runner:migration/sql@0.1.0\" (instance))",
                "(import \"wasi:cli/environment@0.2.0\" (instance))",
            ][random.below(2) as usize]
                .to_owned(),
            _ => format!(
                "(core module $m{at} (func (export \"f\") {})) (core instance $i{at} (instantiate $m{at})) \
                 (func $f{at} (canon lift (core func $i{at} \"f\"))) (export \"{}\" (func $f{at}))",
                instructions(random),
                ["describe", "upgrade", "downgrade"][random.below(3) as usize]
            ),
        };
        parts.push_str(&part);
    }
    format!("(component {parts})")
}

fn core(random: &mut Random) -> String {
    let parts = [
        format!("(memory {})", [0, 1, 100, 65_536][random.below(4) as usize]),
        format!("(table {} funcref)", [0, 1, 1_000, 10_000_000][random.below(4) as usize]),
        "(global (mut i64) (i64.const -1))".to_owned(),
        format!("(func {})", instructions(random)),
        format!("(func $s {}) (start $s)", instructions(random)),
        "(type (func (param i32 i64 f32 f64) (result i32)))".to_owned(),
    ];
    (0..random.below(3)).map(|_| parts[random.below(parts.len() as u64) as usize].as_str()).collect()
}

fn instructions(random: &mut Random) -> String {
    const SOME: [&str; 9] = [
        "nop",
        "unreachable",
        "(loop (br 0))",
        "(drop (i32.const 1))",
        "(drop (i64.div_s (i64.const 1) (i64.const 0)))",
        "(drop (f64.sqrt (f64.const -1)))",
        "(if (i32.const 1) (then nop) (else unreachable))",
        "(block (br_table 0 0 0 (i32.const 7)))",
        "return",
    ];
    (0..random.below(4)).map(|_| SOME[random.below(SOME.len() as u64) as usize].repeat(1 << random.below(8))).collect()
}

fn kind(random: &mut Random, depth: u64) -> String {
    match random.below(if depth == 0 { 4 } else { 8 }) {
        0 => "u32".to_owned(),
        1 => "string".to_owned(),
        2 => "f64".to_owned(),
        3 => "bool".to_owned(),
        4 => format!("(list {})", kind(random, depth - 1)),
        5 => format!("(option {})", kind(random, depth - 1)),
        6 => format!("(record (field \"a\" {}) (field \"b\" {}))", kind(random, depth - 1), kind(random, depth - 1)),
        _ => format!("(tuple {} {})", kind(random, depth - 1), kind(random, depth - 1)),
    }
}
