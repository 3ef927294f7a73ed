//! Mistakes in a dataset of a source's file: missing keys, unsupported values, requests, days, fields, and
//! conflicts between datasets.

use super::{Folder, PNCP, each_is_told};

#[test]
fn missing_keys() {
    let missing = [
        (
            "base_url = \"https://pncp.gov.br/api\"",
            "#:schema",
            "`base_url` is missing",
            "Base URL",
        ),
        (
            "timezone = \"America/Sao_Paulo\"",
            "#:schema",
            "`timezone` is missing",
            "zone",
        ),
        (
            "path = \"/consulta/v1/contratacoes/publicacao\"",
            "[dataset.contratacoes]",
            "`path` is missing in `dataset.contratacoes`",
            "Appended to the base URL",
        ),
        (
            "format = \"%Y%m%d\"",
            "[dataset.contratacoes.window]",
            "`dataset.contratacoes.window.format` is missing: it says how a day is written in a request",
            "strftime",
        ),
        (
            "schema = \"pncp/contratacoes.toml\"",
            "[dataset.contratacoes]",
            "`schema` is missing in `dataset.contratacoes`",
            "declares the columns",
        ),
        (
            "cron = \"0 3 * * *\"",
            "[job.daily]",
            "`cron` is missing in `job.daily`",
            "Five fields",
        ),
        (
            "start_param = \"dataInicial\"",
            "[dataset.contratacoes.window]",
            "`dataset.contratacoes.window.start_param` is missing: it takes the window's start",
            "`{start}`",
        ),
        (
            "end = \"inclusive\"",
            "[dataset.contratacoes.window]",
            "`dataset.contratacoes.window.end` is missing: APIs differ in whether the end belongs to the window",
            "write end = \"inclusive\"",
        ),
        (
            "page_param = \"pagina\"",
            "[dataset.contratacoes.paginator]",
            "`dataset.contratacoes.paginator.page_param` is missing: it takes the page's number",
            "name the parameter",
        ),
        (
            "page_size = 50",
            "[dataset.contratacoes.paginator]",
            "`dataset.contratacoes.paginator.page_size` is missing: the walk goes by it",
            "page_size = 50",
        ),
        (
            "total_records_path = \"/totalRegistros\"",
            "require = ",
            "`dataset.contratacoes.completeness.require` needs a total, but the paginator has no `total_records_path`",
            "two_walks",
        ),
    ];
    for (removed, at, what, instead) in missing {
        let folder = Folder::shipped();
        folder.spoil(PNCP, &format!("\n{removed}"), "");
        let text = folder.read(PNCP);
        let line = text.lines().position(|line| line.starts_with(at)).unwrap() + 1;
        folder.tells_only(&[], (PNCP, line), what, instead);
    }
}

#[test]
fn requests_and_slices() {
    each_is_told(
        PNCP,
        &[
            (
                "path = \"/consulta",
                "¶path = \"consulta",
                "`dataset.contratacoes.path = \"consulta/v1/contratacoes/publicacao\"` is not a path",
                "slash",
            ),
            (
                "/publicacao\"",
                "/publicacao¶?a=1\"",
                "`dataset.contratacoes.path` has more than a path in it",
                "[params]",
            ),
            (
                "= \"{modalidade}\"",
                "= ¶\"{modalidade}{\"",
                "`dataset.contratacoes.params.codigoModalidadeContratacao` is a bad template: `{modalidade}{` has a `{` without its `}`; write `{{` for a plain brace",
                "write variables as {name}",
            ),
            (
                "/publicacao\"",
                "/publicacao/¶{modalidad}\"",
                "`dataset.contratacoes.path` names `{modalidad}`, which nothing gives a value",
                "did you mean `{modalidade}`?",
            ),
            (
                "/publicacao\"",
                "/publicacao/¶{cnpj}\"",
                "`dataset.contratacoes.path` names `{cnpj}`, which nothing gives a value",
                "[dataset.contratacoes.slices]",
            ),
            (
                "modalidade = [1",
                "¶uf = [\"SP\"]\nmodalidade = [1",
                "`dataset.contratacoes.slices.uf` is used by no parameter: every request would be the same",
                "write `{uf}`",
            ),
            (
                "[1, 2, ",
                "[1, ¶1, ",
                "`dataset.contratacoes.slices.modalidade` has `1` twice",
                "keep one",
            ),
            (
                "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]",
                "¶[]",
                "`dataset.contratacoes.slices.modalidade` has no values: there would be nothing to read",
                "write the values",
            ),
            (
                "page_param = \"pagina\"",
                "¶page_param = \"dataInicial\"",
                "`dataset.contratacoes.paginator.page_param` sends the parameter `dataInicial`, as `dataset.contratacoes.window.start_param` does",
                "one meaning",
            ),
            (
                "prefix = \"pncp\"",
                "¶prefix = \"_pncp\"",
                "`dataset.contratacoes.prefix = \"_pncp\"` can't be a folder of the lake",
                "letters, digits",
            ),
            (
                "prefix = \"pncp\"",
                "¶prefix = \"pncp/\"",
                "`dataset.contratacoes.prefix = \"pncp/\"` can't be a folder of the lake",
                "letters, digits",
            ),
        ],
    );
}

#[test]
fn days_pages_and_fields() {
    each_is_told(
        PNCP,
        &[
            (
                "\"%Y%m%d\"",
                "¶\"%Q\"",
                "`dataset.contratacoes.window.format = \"%Q\"` is not a format of a date",
                "strftime",
            ),
            (
                "\"%Y%m%d\"",
                "¶\"%H:%M:%S\"",
                "`dataset.contratacoes.window.format = \"%H:%M:%S\"` doesn't name a whole day: it gives `00:00:00`",
                "year, month and day",
            ),
            (
                "\"%Y%m%d\"",
                "¶\"%Y%m\"",
                "`dataset.contratacoes.window.format = \"%Y%m\"` doesn't name a whole day: it gives `202112`",
                "period = \"month\"",
            ),
            (
                "format = \"%Y%m%d\"",
                "period = \"month\"\n¶format = \"%m\"",
                "`dataset.contratacoes.window.format = \"%m\"` doesn't name a whole month: it gives `12`",
                "year and month",
            ),
            (
                "format = \"%Y%m%d\"",
                "format = \"%Y%m%d\"\n¶period = \"week\"",
                "`dataset.contratacoes.window.period` is `week`",
                "`day`, `month` or `year`",
            ),
            (
                "\"{modalidade}\"",
                "¶\"{modalidade:%Y}\"",
                "`dataset.contratacoes.params.codigoModalidadeContratacao` gives `{modalidade}` the format `%Y`",
                "leave it out",
            ),
            (
                "\"{modalidade}\"",
                "\"{modalidade}\"\n¶ano = \"{start:%Q}\"",
                "`dataset.contratacoes.params.ano` has `{start:%Q}`, which is no format of a date",
                "strftime",
            ),
            (
                "2021-04-01\n",
                "¶\"01/04/2021\"\n",
                "`dataset.contratacoes.window.earliest` is `01/04/2021`, which is not a day",
                "2025-10-22",
            ),
            (
                "# from = 2025-01-01\n",
                "[dataset.contratacoes.coverage]\n¶from = 2021-03-31\n",
                "`dataset.contratacoes.coverage.from = 2021-03-31` is before `window.earliest`: the API has nothing then",
                "from = 2021-04-01",
            ),
            (
                "\"2h\"",
                "¶\"two hours\"",
                "`dataset.contratacoes.window.settle = \"two hours\"` is not a duration",
                "\"2h\"",
            ),
            (
                "end_param = \"dataFinal\"\nend",
                "¶end",
                "`dataset.contratacoes.window.end` is said, but no `end_param` sends it",
                "leave `end` out",
            ),
            (
                "[\"numeroControlePNCP\"]",
                "[¶\"numeroControlePncp\"]",
                "`dataset.contratacoes.primary_key[0]` names `numeroControlePncp`, which the schema lacks",
                "did you mean `numeroControlePNCP`?",
            ),
            (
                "[\"numeroControlePNCP\"]",
                "[¶\"orgaoEntidade\"]",
                "`dataset.contratacoes.primary_key[0]` names `orgaoEntidade`, which is not a single value",
                "\"/orgaoEntidade/…\"",
            ),
            (
                "[\"numeroControlePNCP\"]",
                "[¶\"/orgaoEntidade/cpf\"]",
                "`dataset.contratacoes.primary_key[0]` names `/orgaoEntidade/cpf`, which the schema lacks",
                "declare `cpf` among the columns",
            ),
            (
                "\"dataPublicacaoPncp\"",
                "¶\"publicadoEm\"",
                "`dataset.contratacoes.window.day_field` names `publicadoEm`, which the schema lacks",
                "declare `publicadoEm`",
            ),
            (
                "version = \"none\"",
                "¶kind = \"dates\"",
                "`dataset.contratacoes.kind` is `dates`",
                "write `dated`, `snapshot`, `child` or `feed`",
            ),
            (
                "first_page = 1",
                "¶offset_param = \"inicio\"",
                "`dataset.contratacoes.paginator.offset_param` doesn't belong to the type of paginator that is said",
                "type = \"offset\"",
            ),
            (
                "\"/totalRegistros\"",
                "¶\"totalRegistros\"",
                "`dataset.contratacoes.paginator.total_records_path = \"totalRegistros\"` is not a JSON pointer",
                "\"/totalRegistros\"",
            ),
            (
                "\"pncp/contratacoes.toml\"",
                "¶\"contratacoes.toml\"",
                "`dataset.contratacoes.schema` names DIR/sources/contratacoes.toml, which isn't there",
                "a file that can be read",
            ),
        ],
    );
}

#[test]
fn a_dataset_declared_twice() {
    each_is_told(
        PNCP,
        &[
            (
                "[job.hourly]",
                "¶[dataset.contratacoes] # once more\n[job.hourly]",
                "`[dataset.contratacoes]` is declared a second time",
                "another name",
            ),
            (
                "page_size = 50",
                "page_size = 50\n¶page_size = 20",
                "`page_size` is said a second time",
                "keep one",
            ),
        ],
    );
}

#[test]
fn tables_in_one_another() {
    let nested =
        "`dataset.contratos.prefix = \"pncp/contratos\"`, but pncp.contratacoes has `pncp` already";
    let same = "`dataset.contratacoes.prefix = \"pncp\"`, but pncp.contratacoes has `pncp` already";

    let folder = Folder::shipped();
    let text = folder.read(PNCP);
    folder.write(
        "sources/zweite.toml",
        &text.replace("name = \"pncp\"", "name = \"zweite\""),
    );
    let line = text
        .lines()
        .position(|line| line == "prefix = \"pncp\"")
        .unwrap()
        + 1;
    folder.tells_only(
        &[],
        ("sources/zweite.toml", line),
        same,
        "beside the others",
    );

    let folder = Folder::shipped();
    let start = text.find("[dataset.contratacoes]").unwrap();
    let end = text.find("# Times are Brasília's").unwrap();
    let second = text[start..end]
        .replace("[dataset.contratacoes", "[dataset.contratos")
        .replace("prefix = \"pncp\"", "prefix = \"pncp/contratos\"");
    folder.write(PNCP, &format!("{text}\n{second}"));
    let text = folder.read(PNCP);
    let line = text
        .lines()
        .position(|line| line.ends_with("/contratos\""))
        .unwrap()
        + 1;
    folder.tells_only(&[], (PNCP, line), nested, "\"pncp_contratos\"");
}
