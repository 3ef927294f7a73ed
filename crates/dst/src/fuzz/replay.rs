//! Replay of the corpus and random mutations of it: the fuzzing that each `cargo test` does.
//!
//! `FUZZ_CHANGES` sets the number of mutations per target, `FUZZ_SEED` the seed, and `FUZZ_TARGETS`
//! (`answer,state`) selects targets. A failure leaves its input in `fuzz/artifacts/TARGET` and prints how
//! to replay it.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::{TARGETS, Target};

/// Fragments inserted by mutations: those that parsers stumble over.
const STRAY: [&[u8]; 24] = [
    b"",
    b"\0",
    b"\n",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"-",
    b"0",
    b"null",
    b"1e999",
    b"18446744073709551616",
    b"\\ud800",
    b"\xff",
    b"\xc2\xa0",
    b"..",
    b"%2e",
    b"|",
    b"@",
    b"\\u0000",
];
/// Maximum length of an input.
const MOST_BYTES: usize = 64 * 1024;

fn folder(of: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join("fuzz")
        .join(of)
        .join(target)
}

/// Returns the inputs of a target with their file names.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = folder("corpus", target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut inputs: Vec<_> = files
        .map(|file| {
            let file = file.unwrap();
            let name = file.file_name().to_string_lossy().into_owned();
            (name, fs::read(file.path()).unwrap())
        })
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "no corpus in {folder:?}");
    inputs
}

/// Returns an input with one to four mutations, which may splice in a part of another input.
fn changed(inputs: &[(String, Vec<u8>)], rng: &mut SmallRng) -> Vec<u8> {
    let pick = |rng: &mut SmallRng| &inputs[rng.random_range(0..inputs.len())].1;
    let span = |rng: &mut SmallRng, length: usize| {
        let start = rng.random_range(0..=length);
        let most = (length - start).min(1 << rng.random_range(0..8));
        start..start + rng.random_range(0..=most)
    };
    let mut bytes = pick(rng).clone();
    for _ in 0..rng.random_range(1..=4) {
        let place = span(rng, bytes.len());
        let put = match rng.random_range(0..5) {
            0 => STRAY[rng.random_range(0..STRAY.len())].to_vec(),
            1 => bytes[place.clone()].repeat(rng.random_range(0..4)),
            2 => {
                let other = pick(rng);
                other[span(rng, other.len())].to_vec()
            }
            3 => bytes[place.clone()]
                .iter()
                .map(|byte| byte ^ (1 << rng.random_range(0..8)))
                .collect(),
            _ => Vec::new(),
        };
        bytes.splice(place, put);
    }
    bytes.truncate(MOST_BYTES);
    bytes
}

/// Returns `true` if the target accepts the input; if not, saves the input and prints how to keep it.
fn holds(name: &str, target: Target, input: &[u8], what: &str) -> bool {
    if catch_unwind(AssertUnwindSafe(|| target(input))).is_ok() {
        return true;
    }
    let folder = folder("artifacts", name);
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("replayed");
    fs::write(&file, input).unwrap();
    eprintln!(
        "{name}: {what} breaks it: {}",
        String::from_utf8_lossy(input)
    );
    eprintln!("mend it, and keep fuzz/artifacts/{name}/replayed in fuzz/corpus/{name}");
    false
}

fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => default,
    }
}

fn play(changes: usize) {
    let seed = setting("FUZZ_SEED", 20_251_022_u64);
    let changes = setting("FUZZ_CHANGES", changes);
    let only = std::env::var("FUZZ_TARGETS").unwrap_or_default();
    let asked = |name: &str| only.is_empty() || only.split(',').any(|one| one == name);
    let mut broken = Vec::new();
    for (name, target) in TARGETS.into_iter().filter(|(name, _)| asked(name)) {
        let inputs = corpus(name);
        let mut is_whole = true;
        for (file, input) in &inputs {
            is_whole &= holds(name, target, input, file);
        }
        let mut rng = SmallRng::seed_from_u64(seed);
        for change in 0..changes {
            let input = changed(&inputs, &mut rng);
            is_whole = is_whole
                && holds(
                    name,
                    target,
                    &input,
                    &format!("change {change} of seed {seed}"),
                );
        }
        println!(
            "{name}: {} inputs, {changes} changes of seed {seed}",
            inputs.len()
        );
        if !is_whole {
            broken.push(name);
        }
    }
    assert!(broken.is_empty(), "{broken:?}, seed {seed}");
}

#[test]
fn every_input_that_broke_something_is_told_of_in_the_readme() {
    let readme = include_str!("../../../../fuzz/README.md");
    let found = TARGETS.iter().flat_map(|(target, _)| {
        let inputs = corpus(target).into_iter();
        inputs.map(move |(file, _)| format!("`{target}/{file}`"))
    });
    let found: Vec<_> = found.filter(|name| name.contains("/found-")).collect();
    assert!(found.len() > 10, "{found:?}");
    for name in found {
        assert!(readme.contains(&name), "fuzz/README.md has no {name}");
    }
}

#[test]
fn the_corpus_and_some_changes_of_it() {
    play(500);
}

#[test]
#[ignore = "seconds a target: `.ci/run fuzz`"]
fn the_corpus_and_many_changes_of_it() {
    play(5_000);
}
