//! Mistakes in a file of columns.

use super::{COLUMNS, Folder, each_is_told};
use bronzed_model::schema::{ColumnType, Description};

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
                "¶Month = \"int64\"",
                "`columns.Month` has the name of a column that every table has",
                "`_extra`",
            ),
            (
                "srp = \"boolean\"",
                "srp = \"boolean\"\n¶SRP = \"string\"",
                "`columns.SRP` and `srp` differ in case only, and readers such as DuckDB take them \
                 for one name",
                "kept in `_extra`, under its own name",
            ),
            (
                "descricao = \"string\"\ndata",
                "descricao = \"string\"\n¶Codigo = \"string\"\ndata",
                "`columns.fontesOrcamentarias.Codigo` and `codigo` differ in case only, and readers \
                 such as DuckDB take them for one name",
                "kept in `_extra`, under its own name",
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
fn descriptions() {
    each_is_told(
        COLUMNS,
        &[
            (
                "srp.en = ",
                "¶srp.eng = ",
                "`descriptions.srp.eng` is not a description",
                "write `pt`, `en`",
            ),
            (
                "srp.pt = ",
                "¶srp.codes = ",
                "`descriptions.srp` is described in one language",
                "write both",
            ),
            (
                "processo.en = \"Number of the process in the system of origin, free text.\"",
                "¶processo.en = \" \"",
                "`descriptions.processo.en` is empty",
                "write it",
            ),
        ],
    );
}

#[test]
fn a_description_is_of_each_column_that_its_path_ends_in() {
    let folder = Folder::shipped();
    let text = "[columns]\nnumeroControlePNCP = \"string\"\ndataPublicacaoPncp = \"timestamp\"\n\
                [columns.amparo]\ncodigo = \"int64\"\n[[columns.fontes]]\ncodigo = \"int64\"\n\
                [descriptions]\npt = \"linha\"\nen = \"row\"\n\
                codigo = { pt = \"código\", en = \"code\" }\n\
                fontes.codigo = { pt = \"da fonte\", en = \"of the source\", codes = \"1 um\" }\n";
    folder.write(COLUMNS, text);
    let settings = folder.load(&[]).unwrap();
    let schema = &settings.sources["pncp"].datasets["contratacoes"].schema;
    let text = |description: &Option<Description>| description.clone().map(|it| (it.en, it.codes));
    assert_eq!(text(&schema.description), Some(("row".into(), None)));
    let members = |name: &str| {
        let column = schema.columns.iter().find(|column| column.name == name);
        match &column.unwrap().kind {
            ColumnType::Struct(members) => members.clone(),
            ColumnType::List(item) => match &**item {
                ColumnType::Struct(members) => members.clone(),
                other => panic!("{other}"),
            },
            other => panic!("{other}"),
        }
    };
    let code = |name: &str| text(&members(name)[0].description);
    assert_eq!(code("amparo"), Some(("code".into(), None)));
    let own = ("of the source".into(), Some("1 um".into()));
    assert_eq!(code("fontes"), Some(own));
    assert_eq!(schema.columns[0].description, None);
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

fn warnings(folder: &Folder, environment: &[(&str, &str)]) -> Vec<(String, usize, String)> {
    let settings = folder.load(environment);
    let settings = settings.unwrap_or_else(|problems| panic!("{problems}"));
    let warnings = settings.warnings.iter();
    let warning = |problem| {
        let (file, line) = folder.place(problem);
        (file, line, format!("{}\n{}", problem.what, problem.hint))
    };
    warnings.map(warning).collect()
}

#[test]
fn a_description_of_no_column_is_doubtful() {
    for (name, instead) in [
        ("srb", "did you mean `srp`?"),
        ("nome.srp", "the path of a declared column"),
    ] {
        let folder = Folder::shipped();
        let more = format!("{name}.pt = \"?\"\n{name}.en = \"?\"\nsrp.pt = ");
        folder.spoil(COLUMNS, "srp.pt = ", &more);
        let told = warnings(&folder, &[]);
        let [(file, _, text)] = &told[..] else {
            panic!("{name}: {told:?}")
        };
        assert_eq!(file, COLUMNS);
        let what = format!("`{name}` is described, and isn't declared\n");
        assert!(text.starts_with(&what) && text.contains(instead), "{text}");
    }
}

/// Regression: the column silently became a member of the nested table.
#[test]
fn a_column_that_was_written_below_a_nested_table_is_doubtful() {
    let nested = "[columns.unidade]\ncodigo = \"string\"\nnome = \"string\"\n";
    let columns =
        "[columns]\nnumeroControlePNCP = \"string\"\ndataPublicacaoPncp = \"timestamp\"\n";
    let told = |end: &str| {
        let folder = Folder::shipped();
        folder.write(COLUMNS, &format!("{columns}{nested}{end}"));
        warnings(&folder, &[])
    };
    assert_eq!(told(""), []);
    assert_eq!(told("uf = \"string\"\n"), [], "a member like the others");
    let described = "[descriptions]\ncodigo.pt = \"código\"\n\ncodigo.en = \"code\"\n";
    assert_eq!(told(described), [], "no columns, and below a nested table");
    for end in [
        "\nvalorNovo = \"string\"\n",
        "numeroControlePNCP = \"string\"\n",
    ] {
        let told = told(end);
        let [(file, line, text)] = &told[..] else {
            panic!("{end}: {told:?}")
        };
        assert_eq!(
            (file.as_str(), *line),
            (COLUMNS, 6 + end.matches('\n').count())
        );
        assert!(
            text.contains("is a member of `columns.unidade`, the table above it"),
            "{text}"
        );
        assert!(text.contains("stands under [columns]"), "{text}");
    }
}

#[test]
fn nothing_that_is_shipped_is_doubtful() {
    let settings = crate::load(None, []).unwrap();
    assert_eq!(settings.warnings, []);
}

/// Regression: the variable was ignored, and the lake was `./data`.
#[test]
fn a_variable_with_an_underscore_too_few_is_doubtful() {
    let folder = Folder::shipped();
    let told = warnings(
        &folder,
        &[
            ("BRONZED_CONFIG", "x"),
            ("BRONZED_TOKEN__OF_MINE", "x"),
            ("BRONZED_LAKE__URL", "s3://bucket"),
            ("BRONZED_sources__PNCP__ENABLED", "false"),
        ],
    );
    let right: Vec<_> = told
        .iter()
        .map(|(name, _, text)| (name.as_str(), text))
        .collect();
    let [(lake, hint), (sources, _)] = right[..] else {
        panic!("{told:?}")
    };
    assert_eq!(
        (lake, sources),
        ("BRONZED_LAKE__URL", "BRONZED_sources__PNCP__ENABLED")
    );
    assert!(hint.contains("this variable is ignored"), "{hint}");
    assert!(hint.contains("write `BRONZED__LAKE__URL`"), "{hint}");
}
