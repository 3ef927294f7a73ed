//! Tests of loading: the problems reported for invalid configuration, and the settings from valid ones.

mod environment;
mod folder;
mod garbled;
mod mistakes_in_alerts;
mod mistakes_in_bronzed;
mod mistakes_in_columns;
mod mistakes_in_datasets;
mod mistakes_in_expectations;
mod mistakes_in_kinds;
mod mistakes_in_protection;
mod mistakes_in_silver;
mod mistakes_in_sources;

use std::path::Path;

use tempfile::TempDir;

use bronzed_model::problem::{Location, Problem, Problems};
use bronzed_model::settings::Settings;

const BRONZED: &str = "bronzed.toml";
const PNCP: &str = "sources/pncp.toml";
const COLUMNS: &str = "sources/pncp/contratacoes.toml";

/// Temporary folder with the shipped files, to put mistakes into. It keeps only one dataset of PNCP, so that
/// each line occurs once.
struct Folder(TempDir);

impl Folder {
    fn shipped() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let shipped = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config"));
        for file in [BRONZED, COLUMNS] {
            folder.write(file, &std::fs::read_to_string(shipped.join(file)).unwrap());
        }
        folder.write(PNCP, include_str!("pncp.toml"));
        folder
    }

    fn write(&self, file: &str, text: &str) {
        let file = self.0.path().join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.0.path().join(file)).unwrap()
    }

    /// Replaces `right`, which must occur once, with `wrong`.
    fn spoil(&self, file: &str, right: &str, wrong: &str) {
        let text = self.read(file);
        assert_eq!(text.matches(right).count(), 1, "{right:?} in {file}");
        self.write(file, &text.replace(right, wrong));
    }

    fn load(&self, environment: &[(&str, &str)]) -> Result<Settings, Problems> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        super::load(Some(self.0.path()), environment.iter().map(own))
    }

    fn problems(&self, environment: &[(&str, &str)]) -> Problems {
        self.load(environment).expect_err("this should be refused")
    }

    /// Asserts that the only problem is at this place, with this text.
    fn tells_only(
        &self,
        environment: &[(&str, &str)],
        place: (&str, usize),
        what: &str,
        instead: &str,
    ) {
        let problems = self.problems(environment);
        let [problem] = problems.iter().collect::<Vec<_>>()[..] else {
            panic!("{what}: not the one problem:\n{problems}")
        };
        let folder = self.0.path().display().to_string();
        assert_eq!(problem.what.replace(&folder, "DIR"), what, "{problems}");
        let (file, line) = self.place(problem);
        assert_eq!(file, place.0, "{problems}");
        assert!(place.1 == line || place.1 == 0, "{problems}");
        assert!(problem.hint.contains(instead), "{problems}");
    }

    /// Returns the location of a problem: the file within the folder, and the line.
    fn place(&self, problem: &Problem) -> (String, usize) {
        match &problem.location {
            Location::File(name, line) => {
                let file = Path::new(&**name).strip_prefix(self.0.path()).unwrap();
                (file.display().to_string(), line.unwrap_or_default())
            }
            Location::Variable(name) => (name.clone(), 0),
        }
    }
}

/// Mistake in a file of the shipped configuration, and the expected problem:
///
/// 1. the text that is replaced,
/// 2. its replacement; the problem is at the line of the `¶`, which isn't written,
/// 3. the exact description of the problem (`DIR` is the folder),
/// 4. a part of the hint.
type Mistake = (&'static str, &'static str, &'static str, &'static str);

/// Asserts that each mistake alone is reported at its line, with this text, and nothing else.
fn each_is_told(file: &str, mistakes: &[Mistake]) {
    for (right, wrong, what, instead) in mistakes {
        let folder = Folder::shipped();
        folder.spoil(file, right, wrong);
        let line = marked(&folder, file);
        folder.tells_only(&[("SET", "x")], (file, line), what, instead);
    }
}

/// Removes the mark from a file, and returns its line; 0 if there is none.
fn marked(folder: &Folder, file: &str) -> usize {
    let text = folder.read(file);
    let Some(mark) = text.find('¶') else {
        return 0;
    };
    folder.write(file, &text.replace('¶', ""));
    text[..mark].matches('\n').count() + 1
}
