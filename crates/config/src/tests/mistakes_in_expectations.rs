//! Mistakes in `expect`: each would make an expectation that never fails, or always does.

use super::{Folder, PNCP};
use bronzed_model::declaration::{Check, ExpectationSeverity, Share, ValueSet};

fn folder(rule: &str) -> Folder {
    let folder = Folder::shipped();
    let text = folder.read(PNCP);
    folder.write(PNCP, &format!("{text}\n{rule}\n"));
    folder
}

fn of(rest: &str) -> String {
    format!("[dataset.contratacoes.expect.rule]\n{rest}")
}

#[test]
fn an_expectation_is_built_in_the_unit_of_its_column() {
    let rule = of(
        "check = \"between\"\ncolumn = \"valorTotalEstimado\"\nmin = \"0.01\"\nmostly = 0.9\nseverity = \"error\"",
    );
    let settings = folder(&rule).load(&[]).unwrap();
    let dataset = &settings.sources["pncp"].datasets["contratacoes"];
    let [expectation] = &*dataset.expectations else {
        panic!("{:?}", dataset.expectations);
    };
    let Check::Between { column, min, max } = &expectation.check else {
        panic!("{expectation:?}");
    };
    assert_eq!(column.pointer, "/valorTotalEstimado");
    assert_eq!(
        min.as_ref().map(|min| (min.value, min.strict)),
        Some((100, false))
    );
    assert_eq!(*max, None);
    assert_eq!(expectation.severity, ExpectationSeverity::Error);
    assert_eq!(Some(expectation.mostly), Share::of(0.9));
}

#[test]
fn a_column_is_named_by_dots() {
    let rule = of("check = \"in_set\"\ncolumn = \"unidadeOrgao.ufSigla\"\nvalues = [\"SP\"]");
    let settings = folder(&rule).load(&[]).unwrap();
    let dataset = &settings.sources["pncp"].datasets["contratacoes"];
    let Check::InSet { column, values } = &dataset.expectations[0].check else {
        panic!("{:?}", dataset.expectations);
    };
    assert_eq!(column.pointer, "/unidadeOrgao/ufSigla");
    assert_eq!(*values, ValueSet::Text(["SP".to_owned()].into()));
}

#[test]
fn each_mistake_is_told_with_its_place() {
    for (rule, what, hint) in [
        ("column = \"srp\"", "check` is missing", "not_null"),
        (
            "check = \"not_nul\"\ncolumn = \"srp\"",
            "not_nul",
            "not_null",
        ),
        ("check = \"not_null\"", "column` is missing", "write column"),
        (
            "check = \"exists_in\"\ncolumn = \"srp\"\ntable = \"pncp.contratacoes\"",
            "which a run of a dataset doesn't read",
            "anti-join",
        ),
        (
            "check = \"not_null\"\ncolumn = \"valorTotalEstimad\"",
            "the schema lacks",
            "did you mean `valorTotalEstimado`",
        ),
        (
            "check = \"not_null\"\ncolumn = \"unidadeOrgao.ufSigl\"",
            "the schema lacks",
            "did you mean `ufSigla`",
        ),
        (
            "check = \"not_null\"\ncolumn = \"srp\"\nmin = 1",
            "means nothing to `not_null`",
            "its keys are `column`",
        ),
        (
            "check = \"between\"\ncolumn = \"modalidadeId\"",
            "neither `min` nor `max`",
            "one of them",
        ),
        (
            "check = \"between\"\ncolumn = \"modalidadeId\"\nmin = 5\nmax = 1",
            "less than `min`",
            "lower limit",
        ),
        (
            "check = \"between\"\ncolumn = \"modalidadeId\"\nmin = \"0.5\"",
            "can't be compared",
            "whole number",
        ),
        (
            "check = \"between\"\ncolumn = \"numeroCompra\"\nmin = 1",
            "not a number, a date or a time",
            "another column",
        ),
        (
            "check = \"between\"\ncolumn = \"dataInclusao\"\nmin = \"2021\"",
            "can't be compared",
            "2021-04-01T00:00:00",
        ),
        (
            "check = \"in_set\"\ncolumn = \"modalidadeId\"\nvalues = [1, \"x\"]",
            "values[1]",
            "whole number",
        ),
        (
            "check = \"in_set\"\ncolumn = \"srp\"\nvalues = [\"x\"]",
            "not text or a number",
            "another column",
        ),
        (
            "check = \"matches\"\ncolumn = \"modalidadeId\"\npattern = \"x\"",
            "not text",
            "another column",
        ),
        (
            "check = \"matches\"\ncolumn = \"numeroCompra\"\npattern = \"(\"",
            "not a regular expression",
            "syntax",
        ),
        (
            "check = \"unique\"\ncolumn = \"orgaoEntidade\"",
            "not a single value",
            "another column",
        ),
        (
            "check = \"column_pair_a_ge_b\"\ncolumn_a = \"modalidadeId\"\ncolumn_b = \"dataInclusao\"",
            "of type timestamp",
            "one type",
        ),
        (
            "check = \"row_count_between\"\nmin = -1",
            "not a number of rows",
            "whole number",
        ),
        (
            "check = \"freshness\"\ncolumn = \"modalidadeId\"\nmax_age = \"2d\"",
            "not a date or a time",
            "another column",
        ),
        (
            "check = \"not_null\"\ncolumn = \"srp\"\nmostly = 1.5",
            "not a share",
            "at most 1",
        ),
        (
            "check = \"not_null\"\ncolumn = \"srp\"\nmostly = 0.0",
            "mostly",
            "0",
        ),
        (
            "check = \"not_null\"\ncolumn = \"srp\"\nseverity = \"fatal\"",
            "fatal",
            "error",
        ),
    ] {
        let problems = folder(&of(rule)).problems(&[]).to_string();
        assert!(
            problems.contains(what) && problems.contains(hint),
            "{rule}: {problems}"
        );
        assert!(problems.contains("pncp.toml:"), "{rule}: {problems}");
        assert_eq!(
            problems.matches("pncp.toml:").count(),
            1,
            "{rule}: {problems}"
        );
    }
}

#[test]
fn all_mistakes_of_an_expectation_are_told_at_once() {
    let rule = of(
        "check = \"between\"\ncolumn = \"modalidadeId\"\nmin = \"a\"\nmax = \"b\"\nmostly = 2.0\npattern = \"x\"",
    );
    let problems = folder(&rule).problems(&[]);
    assert_eq!(problems.iter().len(), 4, "{problems}");
}

#[test]
fn an_example_of_a_protected_field_is_never_shown() {
    let secret = ("PROTECT_KEY", "a key of sixteen characters or more");
    let folder = folder(&of(
        "check = \"matches\"\ncolumn = \"usuarioNome\"\npattern = \"x\"\n\
         [dataset.contratacoes.protect.usuarioNome]\nmethod = \"hmac\"",
    ));
    let text = folder.read(PNCP);
    folder.write(
        PNCP,
        &format!("protect_key = {{ env = \"PROTECT_KEY\" }}\n{text}"),
    );
    let settings = folder.load(&[secret]).unwrap();
    let dataset = &settings.sources["pncp"].datasets["contratacoes"];
    assert!(!dataset.expectations[0].examples);
}
