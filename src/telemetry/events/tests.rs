//! Checks the logging calls in the sources against the catalogue.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// Run with `UPDATE_DOCS=1` after a change of the catalogue.
#[test]
fn the_docs_are_the_catalogue() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operate/events.md");
    let page = to_markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(file, &page).unwrap();
    }
    let published = fs::read_to_string(file).unwrap_or_default();
    assert!(published == page, "{file} is old: run with UPDATE_DOCS=1");
}

#[test]
fn names_are_unique() {
    let names: BTreeSet<_> = CATALOGUE.iter().map(|event| event.name).collect();
    assert_eq!(names.len(), CATALOGUE.len());
}

#[test]
fn everything_that_is_logged_is_in_the_catalogue_and_the_other_way_round() {
    let mut logged: BTreeMap<String, Logged> = BTreeMap::new();
    for (place, level, text) in statements() {
        let (name, fields) = parts(&text).unwrap_or_else(|| {
            panic!("{place}: an event needs a constant message as its name: {text}")
        });
        let known = logged.entry(name).or_default();
        known.places.push(place);
        known.fields.extend(fields);
        match level.as_str() {
            "$level" => known.any_level = true,
            level => _ = known.levels.insert(level.to_owned()),
        }
    }
    for event in CATALOGUE {
        let Some(logged) = logged.remove(event.name) else {
            panic!(
                "nothing logs `{}`: take it out of the catalogue",
                event.name
            );
        };
        let fields: BTreeSet<_> = event.fields.iter().map(|f| (*f).to_owned()).collect();
        assert_eq!(
            logged.fields, fields,
            "the fields of `{}`, logged at {:?}, and in the catalogue",
            event.name, logged.places
        );
        let levels: BTreeSet<_> = event.levels.iter().map(|l| l.name().to_owned()).collect();
        let right = match logged.any_level {
            true => levels.is_superset(&logged.levels),
            false => levels == logged.levels,
        };
        assert!(right, "the levels of `{}`: {:?}", event.name, logged.levels);
    }
    assert!(
        logged.is_empty(),
        "logged, and not in the catalogue (src/telemetry/events): {logged:#?}"
    );
}

#[test]
fn statements_are_taken_apart_as_the_macros_take_them() {
    let text = r#"slice = &*f(a, "b, )"), %error, ?cause, total, n = 1 == 2, "a \"name\"""#;
    let fields = ["slice", "error", "cause", "total", "n"].map(str::to_owned);
    let expected = (r#"a \"name\""#.to_owned(), BTreeSet::from(fields));
    assert_eq!(parts(text), Some(expected));
    assert_eq!(parts("status, name"), None);
}

#[derive(Debug, Default)]
struct Logged {
    places: Vec<String>,
    levels: BTreeSet<String>,
    /// `true` if logged by a macro that takes the level.
    any_level: bool,
    fields: BTreeSet<String>,
}

/// Returns every call of a logging macro in the program: location, level and arguments.
fn statements() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for file in product() {
        let text = fs::read_to_string(&file).unwrap();
        for level in ["trace", "debug", "info", "warn", "error", "$level"] {
            let call = format!("{level}!(");
            for (start, _) in text.match_indices(&call) {
                let before = &text[..start];
                let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
                let line = before.rsplit('\n').next().unwrap_or_default();
                if before.ends_with(is_name) || line.trim_start().starts_with("//") {
                    continue;
                }
                let place = format!("{}:{}", file.display(), before.matches('\n').count() + 1);
                let given = up_to_its_end(&text[start + call.len()..]);
                found.push((place, level.to_owned(), given.to_owned()));
            }
        }
    }
    assert!(found.len() > 10, "the sources are read");
    found
}

/// Returns the source files of all crates, except tests and the simulator.
fn product() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = fs::read_dir(root.join("crates")).unwrap();
    let crates = crates.map(|entry| entry.unwrap().path());
    let crates = crates.filter(|path| !path.ends_with("simulator"));
    let mut folders: Vec<_> = crates.map(|path| path.join("src")).collect();
    folders.push(root.join("src"));
    folders.iter().flat_map(|folder| sources(folder)).collect()
}

/// Returns all source files except tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            files.extend(sources(&path));
        } else if name.ends_with(".rs") && name != "tests.rs" {
            files.push(path);
        }
    }
    files
}

/// Returns the text up to the matching closing bracket.
fn up_to_its_end(text: &str) -> &str {
    let mut depth = 1;
    for (position, c) in code(text) {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..position];
        }
    }
    text
}

/// Returns the name and the fields of an event. `None` if the name is not constant.
fn parts(text: &str) -> Option<(String, BTreeSet<String>)> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (position, c) in code(text) {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..position].trim());
                start = position + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts.retain(|part| !part.is_empty());
    let name = parts.pop()?.strip_prefix('"')?.strip_suffix('"')?;
    let fields = parts.iter().map(|part| {
        let name = part.split('=').next().unwrap_or(part).trim();
        name.trim_start_matches(['%', '?']).to_owned()
    });
    Some((name.to_owned(), fields.collect()))
}

/// Returns the characters of code outside string literals.
fn code(text: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    let (mut within, mut escaped) = (false, false);
    text.char_indices().filter(move |(_, c)| {
        let was_within = within;
        match c {
            '"' if !escaped => within = !within,
            _ => {}
        }
        escaped = within && *c == '\\' && !escaped;
        !was_within && !within
    })
}
