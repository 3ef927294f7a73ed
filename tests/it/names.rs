//! Odd names of lakes and tables, in a folder and in a bucket: each is rejected with a reason, or all
//! commands find what is stored under it.

use bronzed_simulator::pncp::catalog::Catalog;

use crate::support::lake::{Backend, TestLake};
use crate::support::only;
use crate::support::program::{Outcome, Program};
use crate::support::scene::{DAY, Scene};

const TABLE: &str = "pncp.contratacoes";
const PREFIX: &str = "BRONZED__SOURCES__PNCP__DATASET__CONTRATACOES__PREFIX";
const URL: &str = "BRONZED__LAKE__URL";

/// Expected result for a name.
#[derive(Debug, Clone, Copy)]
enum Is {
    /// All commands work.
    Taken,
    /// Rejected with this exit code and a part of the reason.
    Refused(i32, &'static str),
}
use Is::{Refused, Taken};

/// The API, a lake whose location can be overridden by variables, and the program on them.
struct Trial<'a> {
    scene: &'a Scene,
    lake: TestLake,
    moved: Vec<(&'a str, String)>,
}

impl Trial<'_> {
    fn program(&self, args: &[&str]) -> Program {
        let program = self.scene.program(args).on(&self.lake);
        let program = only(TABLE)
            .iter()
            .fold(program, |program, (name, value)| program.env(name, value));
        let moved = self.moved.iter();
        moved.fold(program, |program, (name, value)| program.env(name, value))
    }

    fn read(&self) -> Outcome {
        let args = ["run", TABLE, "--day", DAY, "--json"];
        self.program(&args).run()
    }

    /// Runs all commands, or checks the rejection.
    fn goes(&self, what: &str, expected: Is) {
        let first = self.read();
        match expected {
            Refused(code, reason) => {
                let said = format!("{}{}", first.stdout, first.stderr);
                assert_eq!(first.code, Some(code), "{what}: {said}");
                assert!(said.contains(reason), "{what}: {said}");
                assert!(!said.contains("panicked"), "{what}: {said}");
                return;
            }
            Taken => assert_eq!(first.code, Some(0), "{what}: {first:?}"),
        }
        let new = |outcome: &Outcome| outcome.json()["new"].as_u64().unwrap();
        assert!(new(&first) > 0, "{what}: {first:?}");
        for args in [
            &["verify", TABLE, "--from", DAY, "--to", DAY][..],
            &["state", "rebuild", TABLE],
            &["state", "verify", TABLE],
        ] {
            let outcome = self.program(args).run();
            assert_eq!(outcome.code, Some(0), "{what} {args:?}: {outcome:?}");
        }
        let again = self.read();
        assert_eq!((again.code, new(&again)), (Some(0), 0), "{what}: {again:?}");
    }
}

fn scene() -> Scene {
    Scene::of(Backend::Folder, Catalog::recorded_day())
}

/// Tries lakes below an existing one, by names appended to its URL.
fn below(backend: Backend, names: &[(&str, Is)]) {
    let scene = scene();
    for (name, expected) in names {
        let lake = TestLake::new(backend);
        let url = format!("{}/{name}", lake.url());
        let trial = Trial {
            scene: &scene,
            lake,
            moved: vec![(URL, url)],
        };
        trial.goes(&format!("{backend:?} {name:?}"), *expected);
    }
}

#[test]
fn a_lake_in_a_folder_of_an_odd_name() {
    let long = "n".repeat(300);
    below(
        Backend::Folder,
        &[
            ("a b", Taken),
            ("a%20b%C3%A7", Taken),
            ("ação 日本", Taken),
            ("a%2Fb", Taken),
            ("a/%2e%2e/b//", Taken),
            ("a%FFb%0A", Taken),
            (&long, Refused(1, "File name too long")),
            ("a%00b", Refused(1, "NUL")),
            ("a?b", Refused(2, "more than an address and a path")),
            ("a#b", Refused(2, "more than an address and a path")),
        ],
    );
}

/// A lake given as a path, relative to the working directory.
#[test]
fn a_lake_in_a_folder_that_is_no_url() {
    let scene = scene();
    for (name, expected) in [
        ("x%2Fy %20", Taken),
        ("./-a*~'\"#?", Taken),
        ("x/../y//z/", Taken),
        ("", Refused(2, "is empty")),
        (" ", Refused(2, "is empty")),
        ("/", Refused(1, "a whole file system is no lake")),
        ("file:///", Refused(1, "a whole file system is no lake")),
        ("file:lake", Refused(2, "neither a folder nor a URL")),
        ("file://host/lake", Refused(1, "three slashes")),
        ("ftp://host/lake", Refused(2, "no lake known here")),
    ] {
        let lake = TestLake::new(Backend::Folder);
        let place = lake.url().trim_start_matches("file://");
        let url = match expected {
            Taken => format!("{place}/{name}"),
            Refused(..) => name.to_owned(),
        };
        let trial = Trial {
            scene: &scene,
            lake,
            moved: vec![(URL, url)],
        };
        trial.goes(name, expected);
    }
}

#[test]
fn a_lake_in_a_bucket_under_an_odd_path() {
    let long = "n".repeat(701);
    below(
        Backend::S3,
        &[
            ("a b", Taken),
            ("a%20b%C3%A7", Taken),
            ("ação 日本", Taken),
            ("a%2Fb", Taken),
            ("a/../b/", Taken),
            ("a+b&c=d;e@f,g'(h)~*", Taken),
            ("a%25b%2520", Taken),
            (&long, Refused(1, "longer than 700 bytes")),
            ("a//b", Refused(1, "isn't the address of a lake")),
            ("a%FF", Refused(1, "isn't the address of a lake")),
            ("a?b", Refused(2, "more than an address and a path")),
            ("a#b", Refused(2, "more than an address and a path")),
        ],
    );
}

#[test]
fn a_table_of_an_odd_name() {
    let scene = scene();
    let (long, too_long) = ("n".repeat(100), "n".repeat(101));
    const NO: Is = Refused(2, "can't be a folder of the lake");
    for (backend, prefix, expected) in [
        (Backend::Folder, "a/b.c-d", Taken),
        (Backend::Folder, &*long, Taken),
        (Backend::S3, "a/b.c-d", Taken),
        (Backend::S3, &long, Taken),
        (Backend::Folder, &too_long, Refused(2, "longer than 100")),
        (Backend::Folder, "", NO),
        (Backend::Folder, " ", NO),
        (Backend::Folder, "a b", NO),
        (Backend::Folder, "..", NO),
        (Backend::Folder, "../a", NO),
        (Backend::Folder, "a/../b", NO),
        (Backend::Folder, "/a", NO),
        (Backend::Folder, "a/", NO),
        (Backend::Folder, "a//b", NO),
        (Backend::Folder, "a%2Fb", NO),
        (Backend::Folder, "ação", NO),
        (Backend::Folder, "_state", NO),
        (Backend::Folder, "_bronzed", NO),
        (Backend::Folder, "year=2025", NO),
    ] {
        let trial = Trial {
            scene: &scene,
            lake: TestLake::new(backend),
            moved: vec![(PREFIX, prefix.to_owned())],
        };
        trial.goes(&format!("{backend:?} {prefix:?}"), expected);
    }
}
