//! Invalid folders, unreadable files, and the shipped files.

use std::path::Path;

use super::{BRONZED, COLUMNS, Folder, PNCP};
use crate::load;
use bronzed_model::declaration::SliceValues;
use bronzed_model::settings::Origin;

#[test]
fn the_shipped_files_are_those_that_are_built_in() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../config"));
    let mut read = load(Some(folder), []).unwrap_or_else(|problems| panic!("{problems}"));
    let built_in = load(None, []).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(read.origin, Origin::Folder(folder.to_owned()));
    assert_eq!(built_in.origin, Origin::Embedded);
    read.origin = Origin::Embedded;
    assert_eq!(format!("{read:#?}"), format!("{built_in:#?}"));

    let pncp = &built_in.sources["pncp"].datasets["contratacoes"];
    assert_eq!(pncp.prefix, "pncp");
    let SliceValues::Listed(values) = &pncp.slices[0].values else {
        panic!("{:?}", pncp.slices)
    };
    assert_eq!(values.len(), 14);
    assert_eq!(pncp.schema.columns.len(), 35);
    assert_eq!(pncp.schema.columns[0].name, "numeroControlePNCP");
}

#[test]
fn a_folder_that_is_not_there() {
    let folder = Folder::shipped();
    let missing = folder.0.path().join("conf");
    let problems = load(Some(&missing), []).unwrap_err().to_string();
    assert_eq!(
        problems,
        format!(
            "{}: there is no such folder\n    name a folder that has `bronzed.toml` and `sources/` in it",
            missing.display()
        )
    );
}

#[test]
fn files_that_are_not_there() {
    let folder = Folder::shipped();
    std::fs::remove_file(folder.0.path().join(BRONZED)).unwrap();
    folder.tells_only(&[], (BRONZED, 0), "this file isn't there", "`bronzed.toml`");

    let folder = Folder::shipped();
    std::fs::remove_file(folder.0.path().join(PNCP)).unwrap();
    let what = "a folder with files of sources isn't there";
    folder.tells_only(&[], ("sources", 0), what, "a TOML file per source");
}

#[test]
fn a_file_that_is_not_text() {
    let folder = Folder::shipped();
    std::fs::write(folder.0.path().join(PNCP), b"name = \"\xff\"").unwrap();
    folder.tells_only(
        &[],
        (PNCP, 1),
        "this file isn't UTF-8 text",
        "save it as UTF-8",
    );

    let folder = Folder::shipped();
    let columns = [folder.read(COLUMNS).as_bytes(), b"# S\xe3o Paulo\n"].concat();
    std::fs::write(folder.0.path().join(COLUMNS), &columns).unwrap();
    let line = columns.split(|byte| *byte == b'\n').count() - 1;
    let problems = folder.problems(&[]).to_string();
    let hint = format!("save that file as UTF-8: see its line {line}\n");
    assert!(format!("{problems}\n").contains(&hint), "{problems}");
}

#[test]
fn a_source_whose_file_has_no_name() {
    let folder = Folder::shipped();
    let text = folder.read(PNCP);
    folder.write(
        "sources/Dados Abertos.toml",
        &text.replace("\"pncp\"", "\"Dados Abertos\""),
    );
    let problems = folder.problems(&[]).to_string();
    assert!(
        problems.contains("`Dados Abertos` is not a name"),
        "{problems}"
    );
}

/// Every malformed line is reported, but nothing that may be only a consequence of it.
#[test]
fn a_file_that_is_not_toml() {
    let folder = Folder::shipped();
    let unquoted = "base_url = https://pncp.gov.br/api";
    folder.spoil(PNCP, "base_url = \"https://pncp.gov.br/api\"", unquoted);
    folder.spoil(PNCP, "page_size = 50", "page_size = ");
    folder.spoil(PNCP, "[retry]", "[retry");
    folder.spoil(
        PNCP,
        "[[response]]\nstatus = 422",
        "[[response]\nstatus = 422",
    );
    let problems = folder.problems(&[]);
    let text = folder.read(PNCP);
    let line = |start: &str| {
        text.lines()
            .position(|line| line.starts_with(start))
            .unwrap()
            + 1
    };
    let told: Vec<_> = problems
        .iter()
        .map(|problem| folder.place(problem).1)
        .collect();
    let response = text.lines().position(|line| line == "[[response]").unwrap() + 1;
    let expected = [
        line("base_url"),
        line("[retry"),
        response,
        line("page_size ="),
    ];
    assert_eq!(told, expected, "{problems}");
}
