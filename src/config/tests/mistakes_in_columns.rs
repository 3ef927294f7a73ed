//! Mistakes in a file of columns.

use super::{COLUMNS, Folder, each_is_told};

#[test]
fn types() {
    each_is_told(
        COLUMNS,
        &[
            (
                "srp = \"boolean\"",
                "¶srp = \"bool\"",
                "`columns.srp = \"bool\"` is not a type",
                "types are string",
            ),
            (
                "srp = \"boolean\"",
                "¶srp = \"booleam\"",
                "`columns.srp = \"booleam\"` is not a type",
                "did you mean \"boolean\"?",
            ),
            (
                "srp = \"boolean\"",
                "¶srp = true",
                "`columns.srp` is a boolean",
                "types are string",
            ),
            (
                "srp = \"boolean\"",
                "¶srp = \"decimal(39,2)\"",
                "`columns.srp = \"decimal(39,2)\"` is out of range",
                "1 to 38 digits",
            ),
            (
                "srp = \"boolean\"",
                "¶srp = \"decimal(4,5)\"",
                "`columns.srp = \"decimal(4,5)\"` is out of range",
                "1 to 38 digits",
            ),
            (
                "srp = \"boolean\"",
                "¶srp = \"decimal(18)\"",
                "`columns.srp = \"decimal(18)\"` is not a type",
                "decimal(18,4)",
            ),
            (
                "srp = \"boolean\"",
                "¶srp = []",
                "`columns.srp` is a list of 0 types",
                "[\"string\"]",
            ),
            (
                "srp = \"boolean\"",
                "¶srp = [\"string\", \"date\"]",
                "`columns.srp` is a list of 2 types",
                "[\"string\"]",
            ),
            (
                "srp = \"boolean\"",
                "¶srp = {}",
                "`columns.srp` declares no fields",
                "one or more",
            ),
            (
                "codigo = \"int64\"\nnome = \"string\"\ndescricao = \"string\"\ndata",
                "¶codigo = \"int\"\ndata",
                "`columns.fontesOrcamentarias.codigo = \"int\"` is not a type",
                "types are",
            ),
        ],
    );
}

#[test]
fn names_and_keys() {
    each_is_told(
        COLUMNS,
        &[
            (
                "srp = \"boolean\"",
                "¶_id = \"string\"",
                "`columns._id` has the name of a column that every table has",
                "`_extra`",
            ),
            (
                "srp = \"boolean\"",
                "¶_Extra = \"string\"",
                "`columns._Extra` has the name of a column that every table has",
                "`_extra`",
            ),
            (
                "srp = \"boolean\"",
                "¶month = \"int64\"",
                "`columns.month` has the name of a column that every table has",
                "`_extra`",
            ),
            (
                "srp = \"boolean\"",
                "srp = \"boolean\"\n¶srp = \"string\"",
                "`srp` is said a second time",
                "keep one",
            ),
            (
                "\n[columns]",
                "\n¶drift = \"fail\"\n[columns]",
                "unknown key `drift`",
                "under [columns]",
            ),
        ],
    );
}

#[test]
fn a_file_without_columns() {
    let folder = Folder::shipped();
    folder.write(COLUMNS, "# nothing yet\n");
    folder.tells_only(
        &[],
        (COLUMNS, 1),
        "there is no [columns] here",
        "one column or more",
    );
}

#[test]
fn inner_names_are_free() {
    let folder = Folder::shipped();
    folder.spoil(COLUMNS, "codigoUnidade = \"string\"\nnomeUnidade = \"string\"\nufSigla = \"string\"\nufNome = \"string\"\nmunicipioNome = \"string\"\ncodigoIbge = \"string\"\n\n# The", "_id = \"string\"\nyear = \"int64\"\n\n# The");
    assert!(folder.load(&[]).is_ok());
}

#[test]
fn a_file_that_is_not_toml() {
    each_is_told(
        COLUMNS,
        &[(
            "[columns]",
            "¶[columns",
            "this isn't TOML: unclosed table, expected `]`",
            "mend the line",
        )],
    );
}
