//! Randomly corrupted files: loading never panics, and every problem has a line of its file.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{BRONZED, COLUMNS, Folder, PNCP};
use bronzed_model::problem::Location;

/// Replacements for a character.
const STRAY: [&str; 14] = [
    "", "\"", "[", "]", "=", "{", "}", "#", ",", "\n", "é", "\0", "'", "0",
];

/// One random edit of a file.
#[derive(Debug, Clone)]
enum Slip {
    Remove(Index),
    Repeat(Index),
    Replace(Index, &'static str),
}

impl Slip {
    fn on(&self, text: &str) -> String {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        match self {
            Self::Remove(line) => {
                lines.remove(line.index(lines.len()));
            }
            Self::Repeat(line) => {
                let line = line.index(lines.len());
                lines.insert(line, lines[line].clone());
            }
            Self::Replace(at, by) => {
                let (start, character) = *at.get(&text.char_indices().collect::<Vec<_>>());
                let end = start + character.len_utf8();
                return format!("{}{by}{}", &text[..start], &text[end..]);
            }
        }
        lines.join("\n")
    }
}

fn slip() -> impl Strategy<Value = Slip> {
    prop_oneof![
        any::<Index>().prop_map(Slip::Remove),
        any::<Index>().prop_map(Slip::Repeat),
        (any::<Index>(), select(&STRAY)).prop_map(|(at, by)| Slip::Replace(at, by)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn slips_are_told_or_harmless(
        file in select(vec![BRONZED, PNCP, COLUMNS]),
        slips in prop::collection::vec(slip(), 1..4),
    ) {
        let folder = Folder::shipped();
        let text = slips.iter().fold(folder.read(file), |text, slip| slip.on(&text));
        folder.write(file, &text);
        let problems = folder.load(&[]).err().unwrap_or_default();
        for problem in problems.iter() {
            let Location::File(name, line) = &problem.location else {
                panic!("{problem}")
            };
            // An unclosed bracket may be reported one line after the last.
            let last = std::fs::read_to_string(&**name).unwrap().lines().count() + 1;
            prop_assert!(line.is_some_and(|line| (1..=last).contains(&line)), "{problem}");
            prop_assert!(!problem.what.is_empty() && !problem.hint.is_empty());
        }
    }
}
