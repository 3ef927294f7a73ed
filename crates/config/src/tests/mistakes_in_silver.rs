//! Mistakes in `silver`: each would make a table that lacks what its declaration says, or mixes records.

use super::{BRONZED, Folder, PNCP};
use bronzed_model::declaration::{Check, DeletedRows, ReferencedColumn, SilverTable};
use bronzed_model::schema::ColumnType;

/// A second dataset of the same record, and a snapshot.
const MORE: &str = r#"
[dataset.atualizadas]
path = "/atualizacao"
data_selector = "/data"
primary_key = ["numeroControlePNCP"]
schema = "pncp/contratacoes.toml"
[dataset.atualizadas.window]
start_param = "dataInicial"
end_param = "dataFinal"
end = "inclusive"
format = "%Y%m%d"
day_field = "dataAtualizacaoGlobal"
[dataset.atualizadas.paginator]
type = "single"
[dataset.atualizadas.completeness]
require = "two_walks"
[dataset.lista]
kind = "snapshot"
path = "/lista"
primary_key = ["numeroControlePNCP"]
schema = "pncp/contratacoes.toml"
[dataset.lista.paginator]
type = "single"
[dataset.lista.completeness]
require = "two_walks"
[dataset.outra]
kind = "snapshot"
path = "/outra"
primary_key = ["numeroCompra"]
schema = "pncp/outra.toml"
[dataset.outra.paginator]
type = "single"
[dataset.outra.completeness]
require = "two_walks"
"#;

const OTHER_COLUMNS: &str =
    "[columns]\nnumeroCompra = \"int64\"\nsrp = \"boolean\"\nvalid_from = \"date\"\n";

fn folder(silver: &str) -> Folder {
    let folder = Folder::shipped();
    let text = folder.read(PNCP);
    folder.write("sources/pncp/outra.toml", OTHER_COLUMNS);
    folder.write(PNCP, &format!("{text}\n{MORE}\n{silver}\n"));
    folder
}

fn table(silver: &str) -> SilverTable {
    let settings = folder(silver).load(&[]);
    let settings = settings.unwrap_or_else(|problems| panic!("{problems}"));
    (*settings.sources["pncp"].silver["tabela"]).clone()
}

fn of(rest: &str) -> String {
    format!("[silver.tabela]\nfrom = [\"contratacoes\"]\n{rest}")
}

fn exists_in(rest: &str) -> String {
    of(&format!(
        "[silver.tabela.expect.regra]\ncheck = \"exists_in\"\n{rest}"
    ))
}

fn reference(table: &SilverTable) -> (&str, &ReferencedColumn) {
    let Check::ExistsIn { column, other } = &table.expectations[0].check else {
        panic!("{:?}", table.expectations);
    };
    (&column.pointer, other)
}

#[test]
fn columns_are_those_of_the_datasets_flat_and_readable() {
    let table = table("[silver.tabela]\nfrom = [\"contratacoes\", \"atualizadas\"]");
    let names: Vec<_> = table.columns.iter().map(|one| &*one.column.name).collect();
    assert!(names.contains(&"orgao_entidade_cnpj"), "{names:?}");
    assert!(names.contains(&"numero_controle_pncp"), "{names:?}");
    let organ = table.columns.iter();
    let mut organ = organ.filter(|one| one.column.name == "orgao_entidade_cnpj");
    assert_eq!(organ.next().unwrap().pointers, ["/orgaoEntidade/cnpj"]);
    assert_eq!(
        organ.next(),
        None,
        "both datasets have it: it is one column"
    );
    assert_eq!(table.prefix, "silver/pncp_tabela");
    assert_eq!(table.full_name(), "silver.pncp.tabela");
    assert!(table.enabled && !table.history);
    assert_eq!(table.deleted, DeletedRows::Flag);
    assert_eq!(table.inputs.len(), 2);
}

#[test]
fn a_column_takes_a_name_a_type_and_earlier_names_or_is_left_out() {
    let table = table(&of(r#"
order_by = "dataAtualizacaoGlobal"
partition_by = "publicada_em"
deleted = "omit"
[silver.tabela.columns]
dataPublicacaoPncp = { name = "publicada_em" }
"orgaoEntidade.cnpj" = { type = "int64", aliases = ["orgao.cnpj", "/cnpj"] }
unidadeOrgao = false
[silver.tabela.expect.regra]
check = "between"
column = "orgao_entidade_cnpj"
min = 1
"#));
    let named = |name: &str| table.columns.iter().find(|one| one.column.name == name);
    assert!(named("data_publicacao_pncp").is_none() && named("publicada_em").is_some());
    let organ = named("orgao_entidade_cnpj").unwrap();
    assert_eq!(organ.column.kind, ColumnType::Int64);
    assert_eq!(
        organ.pointers,
        ["/orgaoEntidade/cnpj", "/orgao/cnpj", "/cnpj"]
    );
    let names = || table.columns.iter().map(|one| &one.column.name);
    assert!(names().all(|name| !name.starts_with("unidade_orgao")));
    assert_eq!(table.order_by.as_deref(), Some("/dataAtualizacaoGlobal"));
    assert_eq!(table.partition_by.as_deref(), Some("publicada_em"));
    assert_eq!(table.deleted, DeletedRows::Omit);
    let Check::Between { column, .. } = &table.expectations[0].check else {
        panic!("{:?}", table.expectations);
    };
    assert_eq!(column.pointer, "/orgao_entidade_cnpj");
}

#[test]
fn each_mistake_is_told_with_its_place() {
    let from = |names: &str, rest: &str| format!("[silver.tabela]\nfrom = [{names}]\n{rest}");
    for (silver, what, hint) in [
        (
            "[silver.tabela]\n".to_owned(),
            "from` is missing",
            "hold versions",
        ),
        (from("", ""), "from` is an empty list", "write a list"),
        (
            from("\"contratacao\"", ""),
            "no dataset of this source",
            "did you mean `contratacoes`",
        ),
        (
            from("\"contratacoes\", \"contratacoes\"", ""),
            "once more",
            "each dataset once",
        ),
        (
            from(
                "\"outra\", \"contratacoes\"",
                "columns.numeroCompra = false\ncolumns.srp = false\ncolumns.valid_from.name = \"x\"",
            ),
            "beside `outra`, which is a snapshot",
            "name the snapshot alone",
        ),
        (
            from("\"contratacoes\"", "history = true"),
            "is no snapshot",
            "leave it out",
        ),
        (
            from("\"lista\"", "history = true\ndeleted = \"omit\""),
            "means nothing beside `history`",
            "valid_to",
        ),
        (
            of("order_by = \"dataAtualizacaoGloba\""),
            "the schema lacks",
            "did you mean `dataAtualizacaoGlobal`",
        ),
        (
            of("order_by = \"orgaoEntidade\""),
            "not a single value",
            "a field inside",
        ),
        (
            of("partition_by = \"data_publicacao_pnc\""),
            "no column of the table",
            "did you mean `data_publicacao_pncp`",
        ),
        (
            of("partition_by = \"srp\""),
            "not a date or a time",
            "one partition",
        ),
        (of("deleted = \"drop\""), "drop", "omit"),
        (of("form = [\"x\"]"), "unknown key `form`", "did you mean"),
        (
            of("prefix = \"pncp/silver\""),
            "already",
            "beside the others",
        ),
        (of("prefix = \"../x\""), "can't be a folder", "letters"),
        (
            of("columns.orgao = false"),
            "no column of the datasets",
            "the API names it",
        ),
        (
            of("columns.\"orgaoEntidade.cnp\" = false"),
            "no column of the datasets",
            "did you mean `orgaoEntidade.cnpj`",
        ),
        (
            of("columns.orgaoEntidade = { name = \"x\" }"),
            "is a struct",
            "a field inside it",
        ),
        (of("columns.srp = true"), "says nothing", "write false"),
        (of("columns.srp = 1"), "srp` is 1", "true or false, or {"),
        (
            of("columns.srp = { nam = \"x\" }"),
            "unknown key `nam`",
            "did you mean `name`",
        ),
        (
            of("columns.srp = { name = \"Sim Não\" }"),
            "is not a name",
            "lower-case",
        ),
        (
            of("columns.srp = { name = \"numero_compra\" }"),
            "would both be column `numero_compra`",
            "a name of its own",
        ),
        (
            of("columns.srp = { name = \"month\" }"),
            "which the table has by itself",
            "another name",
        ),
        (
            of("columns.srp = { type = \"bool\" }"),
            "is not a type",
            "boolean",
        ),
        (
            of("columns.srp = { type = \"decimal(50,2)\" }"),
            "out of range",
            "1 to 38",
        ),
        (
            from("\"outra\"", "history = true"),
            "which the table has by itself",
            "columns.\"valid_from\"",
        ),
        (
            of("[silver.tabela.expect.regra]\ncheck = \"not_null\"\ncolumn = \"numeroCompra\""),
            "the schema lacks",
            "did you mean `numero_compra`",
        ),
        (
            exists_in("column = \"numero_compra\"\nseverity = \"error\"\ntable = \"pncp.tabela\""),
            "judges the table as a whole",
            "severity = \"warn\"",
        ),
        (
            exists_in("column = \"numero_compra\""),
            "table` is missing: `exists_in` needs it",
            "write table",
        ),
        (
            exists_in("column = \"numero_compr\"\ntable = \"pncp.tabela\""),
            "names `numero_compr`, which the schema lacks",
            "did you mean `numero_compra`",
        ),
        (
            exists_in("column = \"_parent_id\"\ntable = \"pncp.tabela\""),
            "names `_parent_id`, which the schema lacks",
            "in the table",
        ),
        (
            exists_in("column = \"srp\"\ntable = \"pncp.tabela\""),
            "a column of type boolean, which is not text, a number",
            "another column",
        ),
        (
            exists_in("column = \"fontes_orcamentarias\"\ntable = \"pncp.tabela\""),
            "which is not text, a number",
            "another column",
        ),
        (
            exists_in("column = \"fontes_orcamentarias.nome\"\ntable = \"pncp.tabela\""),
            "is inside another column",
            "a list can't be compared",
        ),
        (
            exists_in("column = \"numero_compra\"\ntable = \"pncp.tabel\""),
            "table = \"pncp.tabel\"` is no silver table",
            "did you mean `pncp.tabela`",
        ),
        (
            exists_in("column = \"numero_compra\"\ntable = \"tabela\""),
            "table = \"tabela\"` is no silver table",
            "write SOURCE.NAME: `pncp.tabela`",
        ),
        (
            exists_in(
                "column = \"numero_compra\"\ntable = \"pncp.tabela\"\nother = \"numero_compr\"",
            ),
            "other` names `numero_compr`, which `pncp.tabela` lacks",
            "did you mean `numero_compra`",
        ),
        (
            exists_in("column = \"ano_compra\"\ntable = \"pncp.tabela\""),
            "`ano_compra` is of type int64, and `_id` of `pncp.tabela` of type string",
            "one type",
        ),
        (
            exists_in(
                "column = \"numero_compra\"\ntable = \"pncp.tabela\"\nother = \"valor_total_estimado\"",
            ),
            "`numero_compra` is of type string, and `valor_total_estimado`",
            "one type",
        ),
        (
            of(
                "[silver.tabela.expect.regra]\ncheck = \"row_count_between\"\nmin = 1\nseverity = \"error\"",
            ),
            "judges the table as a whole",
            "severity = \"warn\"",
        ),
        (
            of(
                "[silver.tabela.expect.regra]\ncheck = \"freshness\"\ncolumn = \"fontes_orcamentarias.dataInclusao\"\nmax_age = \"2d\"",
            ),
            "is inside another column",
            "a column of its own",
        ),
    ] {
        let problems = folder(&silver).problems(&[]).to_string();
        assert!(
            problems.contains(what) && problems.contains(hint),
            "{silver}: {problems}"
        );
        let places = problems.matches("pncp.toml:").count();
        // Other primary keys and other types are mistakes of the same line.
        let one = silver.contains("\"outra\", ") || places == 1;
        assert!(one, "{silver}: {problems}");
    }
}

#[test]
fn a_column_refers_to_the_key_of_a_table_or_another_column_in_whatever_file() {
    let own = table(&exists_in(
        "column = \"numero_compra\"\ntable = \"pncp.tabela\"",
    ));
    let other = |column: &str| ReferencedColumn {
        table: "silver.pncp.tabela".to_owned(),
        prefix: "silver/pncp_tabela".to_owned(),
        column: column.to_owned(),
    };
    assert_eq!(reference(&own), ("/numero_compra", &other("_id")));
    // A file that is read before that of the table.
    let folder = folder(&of(""));
    let refers = exists_in(
        "column = \"ano_compra\"\ntable = \"pncp.tabela\"\nother = \"sequencial_compra\"",
    );
    let text = folder.read(PNCP).replace(&of(""), &refers);
    let text = ["name", "prefix"].iter().fold(text, |text, key| {
        text.replace(
            &format!("{key} = \"pncp\"\n"),
            &format!("{key} = \"antes\"\n"),
        )
    });
    folder.write("sources/antes.toml", &text);
    let settings = folder.load(&[]);
    let settings = settings.unwrap_or_else(|problems| panic!("{problems}"));
    let before = &settings.sources["antes"].silver["tabela"];
    let expected = ("/ano_compra", &other("sequencial_compra"));
    assert_eq!(reference(before), expected);
}

#[test]
fn a_table_whose_key_has_several_fields_is_referred_to_by_a_column_that_is_named() {
    let with_key = |rest: &str| {
        let folder = folder(&format!(
            "{}\n[silver.outra]\nfrom = [\"outra\"]\ncolumns.valid_from = false",
            exists_in(&format!(
                "column = \"numero_compra\"\ntable = \"pncp.outra\"\n{rest}"
            ))
        ));
        folder.write(
            "sources/pncp/outra.toml",
            &OTHER_COLUMNS.replace("int64", "string"),
        );
        let key = "primary_key = [\"numeroCompra\"]";
        folder.spoil(PNCP, key, "primary_key = [\"numeroCompra\", \"srp\"]");
        folder
    };
    let problems = with_key("").problems(&[]).to_string();
    assert!(
        problems.contains("other` is missing: the key of `pncp.outra` is made of 2 fields"),
        "{problems}"
    );
    let settings = with_key("other = \"numero_compra\"").load(&[]);
    let settings = settings.unwrap_or_else(|problems| panic!("{problems}"));
    let (_, other) = reference(&settings.sources["pncp"].silver["tabela"]);
    assert_eq!(other.column, "numero_compra");
}

#[test]
fn a_table_that_has_mistakes_of_its_own_is_not_said_to_be_missing() {
    let folder = folder(&format!(
        "{}\n[silver.outra]\nfrom = [\"nada\"]",
        exists_in("column = \"numero_compra\"\ntable = \"pncp.outra\"")
    ));
    let problems = folder.problems(&[]);
    assert_eq!(problems.iter().len(), 1, "{problems}");
}

#[test]
fn datasets_of_other_records_or_types_are_not_mixed() {
    let mixed = "[silver.tabela]\nfrom = [\"lista\", \"outra\"]\ncolumns.valid_from = false";
    let problems = folder(mixed).problems(&[]).to_string();
    for what in [
        "whose primary key is `/numeroCompra`; that of `lista` is `/numeroControlePNCP`",
        "has `numeroCompra` as string, and in `outra` it is int64",
        "which is a snapshot",
    ] {
        assert!(problems.contains(what), "{what}: {problems}");
    }
    let settled = format!("{mixed}\ncolumns.numeroCompra = {{ type = \"string\" }}");
    let problems = folder(&settled).problems(&[]).to_string();
    assert!(!problems.contains("as string, and in"), "{problems}");
}

#[test]
fn all_mistakes_of_a_table_are_told_at_once() {
    let problems = folder(&of(
        "order_by = \"x\"\npartition_by = \"y\"\nhistory = true\ncolumns.z = false",
    ));
    assert_eq!(problems.problems(&[]).iter().len(), 4);
}

#[test]
fn a_table_is_kept_if_a_dataset_of_it_is() {
    let disabled = folder(&of(""));
    disabled.spoil(
        PNCP,
        "[dataset.contratacoes]\n",
        "[dataset.contratacoes]\nenabled = false\n",
    );
    let settings = disabled.load(&[]).unwrap();
    assert!(!settings.sources["pncp"].silver["tabela"].enabled);
    assert!(table(&of("")).enabled && !table(&of("enabled = false")).enabled);
}

#[test]
fn an_example_of_a_protected_field_is_never_shown_by_its_other_name() {
    let secret = ("PROTECT_KEY", "a key of sixteen characters or more");
    let folder = folder(&of("columns.usuarioNome = { name = \"pessoa\" }\n\
         [silver.tabela.expect.regra]\ncheck = \"matches\"\ncolumn = \"pessoa\"\npattern = \"x\"\n\
         [dataset.contratacoes.protect.usuarioNome]\nmethod = \"hmac\""));
    let text = folder.read(PNCP);
    let key = "protect_key = { env = \"PROTECT_KEY\" }";
    folder.write(PNCP, &format!("{key}\n{text}"));
    let settings = folder.load(&[secret]).unwrap();
    assert!(!settings.sources["pncp"].silver["tabela"].expectations[0].examples);
}

#[test]
fn silver_goes_with_the_delta_logs() {
    let off = Folder::shipped();
    off.spoil(BRONZED, "enabled = true", "enabled = false");
    assert!(!off.load(&[]).unwrap().silver.enabled);
    assert!(Folder::shipped().load(&[]).unwrap().silver.enabled);
    let refused = Folder::shipped();
    let text = refused
        .read(BRONZED)
        .replace("enabled = true", "enabled = false");
    let set = [("BRONZED__SILVER__ENABLED", "true")];
    refused.write(BRONZED, &text);
    let problems = refused.problems(&set).to_string();
    assert!(problems.contains("needs the Delta logs"), "{problems}");
}
