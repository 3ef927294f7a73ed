//! Mistakes in a source's file: keys, types, formatted strings, response rules and jobs.

use super::{COLUMNS, Folder, PNCP, each_is_told};

#[test]
fn unknown_keys() {
    each_is_told(
        PNCP,
        &[
            (
                "concurrency = 3",
                "¶concurency = 3",
                "unknown key `concurency` in `limits`",
                "did you mean `concurrency`?",
            ),
            (
                "enabled = true",
                "¶active = true",
                "unknown key `active` at the top",
                "known here: auth, base_url",
            ),
            (
                "end_param",
                "¶endparam",
                "unknown key `endparam` in `dataset.contratacoes.window`",
                "did you mean `end_param`?",
            ),
            (
                "body_empty",
                "¶bodyempty",
                "unknown key `bodyempty` in `response[1]`",
                "did you mean `body_empty`?",
            ),
            (
                "name = ",
                "¶nam = ",
                "unknown key `nam` at the top",
                "did you mean `name`?",
            ),
            (
                "[limits]",
                "[auth]\n¶token = \"x\"\n[limits]",
                "unknown key `token` in `auth`",
                "token_env = \"NAME\" or token_file",
            ),
        ],
    );
}

#[test]
fn wrong_types_and_numbers_out_of_range() {
    each_is_told(
        PNCP,
        &[
            (
                "concurrency = 3",
                "¶concurrency = \"3\"",
                "`limits.concurrency` is a text",
                "write a whole number from 1 to 65535",
            ),
            (
                "concurrency = 3",
                "¶concurrency = 0",
                "`limits.concurrency` is 0",
                "write a whole number from 1 to 65535",
            ),
            (
                "concurrency = 3",
                "¶concurrency = -1",
                "`limits.concurrency` is -1",
                "write a whole number from 1 to 65535",
            ),
            (
                "concurrency = 3",
                "¶concurrency = 2.5",
                "`limits.concurrency` is 2.5",
                "write a whole number",
            ),
            (
                "[retry]",
                "¶requests_per_second = 0\n[retry]",
                "`limits.requests_per_second` is 0",
                "a number greater than 0",
            ),
            (
                "[retry]",
                "¶requests_per_second = inf\n[retry]",
                "`limits.requests_per_second` is inf",
                "a number greater than 0",
            ),
            (
                "enabled = true",
                "¶enabled = \"yes\"",
                "`enabled` is a text",
                "write true or false",
            ),
            (
                "timeout = \"90s\"",
                "¶timeout = 90",
                "`limits.timeout` is 90",
                "a text in \"quotes\"",
            ),
            (
                "page_size = 50",
                "¶page_size = 0",
                "`dataset.contratacoes.paginator.page_size` is 0",
                "at least 1",
            ),
            (
                "[\"numeroControlePNCP\"]",
                "¶\"numeroControlePNCP\"",
                "`dataset.contratacoes.primary_key` is a text",
                "a list",
            ),
            (
                "[\"numeroControlePNCP\"]",
                "¶[]",
                "`dataset.contratacoes.primary_key` is an empty list",
                "a list",
            ),
            (
                "= [1, 2",
                "= [¶{}, 2",
                "`dataset.contratacoes.slices.modalidade[0]` is a table",
                "a text, a whole number or a boolean",
            ),
            (
                "mode = \"new\"",
                "mode = \"new\"\n¶freshness = \"0h\"",
                "`job.hourly.freshness` is no time at all",
                "\"30s\"",
            ),
            (
                "mode = \"new\"",
                "mode = \"new\"\n¶deadline = \"soon\"",
                "`job.hourly.deadline = \"soon\"` is not a duration",
                "\"30s\"",
            ),
            (
                "mode = \"new\"",
                "¶mode = \"newest\"",
                "`job.hourly.mode` is `newest`",
                "write `full`, `new` or `verify`",
            ),
            (
                "mode = \"new\"",
                "mode = \"new\"\n¶datasets = \"contratacoes\"",
                "`job.hourly.datasets` is a text",
                "a list",
            ),
            (
                "status = 422",
                "¶status = 99",
                "`response[2].status` is 99",
                "from 100 to 599",
            ),
            (
                "[headers]",
                "¶[[headers]]",
                "`headers` is a list",
                "a table",
            ),
        ],
    );
}

#[test]
fn texts_with_a_meaning() {
    each_is_told(
        PNCP,
        &[
            (
                "name = \"pncp\"",
                "¶name = \"pcnp\"",
                "`name = \"pcnp\"`, but the file is `pncp.toml`",
                "write name = \"pncp\"",
            ),
            (
                "\"https://pncp.gov.br/api\"",
                "¶\"pncp.gov.br/api\"",
                "`base_url` is not a URL: relative URL without a base",
                "https://host/path",
            ),
            (
                "\"https://pncp.gov.br/api\"",
                "¶\"ftp://pncp.gov.br\"",
                "`base_url` begins with `ftp:`",
                "https://host/path",
            ),
            (
                "\"https://pncp.gov.br/api\"",
                "¶\"https://pncp.gov.br/api?a=1\"",
                "`base_url` has more than an address and a path",
                "[params]",
            ),
            (
                "\"https://pncp.gov.br/api\"",
                "¶\"https://me:pw@pncp.gov.br\"",
                "`base_url` has credentials in it",
                "[auth]",
            ),
            (
                "\"America/Sao_Paulo\"",
                "¶\"America/SaoPaulo\"",
                "`timezone = \"America/SaoPaulo\"` is not a time zone",
                "did you mean `America/Sao_Paulo`?",
            ),
            (
                "\"America/Sao_Paulo\"",
                "¶\"-03:00\"",
                "`timezone = \"-03:00\"` is not a time zone",
                "zone database",
            ),
            (
                "enabled = true",
                "¶user_agent = \"a\\nb\"",
                "`user_agent` can't be sent as a header",
                "line breaks",
            ),
            (
                "enabled = true",
                "¶ca_file = \"ca.pem\"",
                "`ca_file` names DIR/sources/ca.pem, which isn't there",
                "a file that can be read",
            ),
            (
                "Accept = ",
                "¶\"Content Type\" = ",
                "`Content Type` can't be the name of a header",
                "letters, digits and `-`",
            ),
            (
                "Accept = ",
                "¶Authorization = ",
                "`headers.Authorization` has a secret written down",
                "use [auth]",
            ),
            (
                "timeout = \"90s\"",
                "¶timeout = \"90\"",
                "`limits.timeout = \"90\"` is not a duration",
                "\"30s\"",
            ),
            (
                "timeout = \"90s\"",
                "¶timeout = \"0s\"",
                "`limits.timeout` is no time at all",
                "greater than zero",
            ),
            (
                "\"64MB\"",
                "¶\"64 megas\"",
                "`limits.max_body_bytes = \"64 megas\"` is not a size",
                "\"64MB\"",
            ),
            (
                "initial = \"2s\"\nmax",
                "initial = \"2m\"\n¶max",
                "`retry.max` is less than `initial`",
                "the longest as `max`",
            ),
        ],
    );
}

#[test]
fn rules_and_jobs() {
    each_is_told(
        PNCP,
        &[
            (
                "[[response]]\nstatus = 204\n",
                "¶[[response]]\n",
                "a rule without a condition would match every answer",
                "status, content_type",
            ),
            (
                "action = \"empty\"\n\n[[response]]\nstatus = 200",
                "action = \"empty\"\n¶max_attempts = 2\n\n[[response]]\nstatus = 200",
                "`response[0].max_attempts` means nothing where the action isn't `retry`",
                "leave it out",
            ),
            (
                "\n[[response]]\nstatus = 422",
                "\n¶[[response]]\nbody_path = \"/a\"",
                "`response[2].equals` is missing: `body_path` is compared with it",
                "equals =",
            ),
            (
                "\n[[response]]\nstatus = 422",
                "\n¶[[response]]\nstatus = 422\nequals = 7",
                "`response[2].body_path` is missing: `equals` is what stands there",
                "body_path =",
            ),
            (
                "\"0 3 * * *\"",
                "¶\"0 3 * *\"",
                "`job.daily.cron = \"0 3 * *\"` is not a cron expression: it has 4 fields",
                "minute, hour",
            ),
            (
                "\"0 3 * * *\"",
                "¶\"0 25 * * *\"",
                "`job.daily.cron = \"0 25 * * *\"` is not a cron expression: hour 25: 0 to 23",
                "minute",
            ),
            (
                "\"0 3 * * *\"",
                "¶\"0 3 * 1,13/2 *\"",
                "`job.daily.cron = \"0 3 * 1,13/2 *\"` is not a cron expression: month 13: 1 to 12",
                "minute",
            ),
            (
                "\"0 3 * * *\"",
                "¶\"0 0 30 2 *\"",
                "`job.daily.cron = \"0 0 30 2 *\"` is not a cron expression: no day is ever like that",
                "minute, hour",
            ),
            (
                "mode = \"new\"",
                "¶mode = \"verify\"",
                "`job.hourly.mode = \"verify\"` can't be asked of today, which isn't over",
                "`days = \"last 90\"`",
            ),
            (
                "\"yesterday\"",
                "¶\"last 0\"",
                "`job.daily.days = \"last 0\"` names no days",
                "\"last 7\"",
            ),
            (
                "\"yesterday\"",
                "¶\"tomorrow\"",
                "`job.daily.days = \"tomorrow\"` names no days",
                "\"last 7\"",
            ),
            (
                "mode = \"new\"",
                "datasets = [¶\"contratacao\"]",
                "`job.hourly.datasets[0]` names `contratacao`, which is no dataset of this source",
                "did you mean `contratacoes`?",
            ),
            (
                "[job.hourly]",
                "¶[job.Hourly]",
                "`Hourly` is not a name",
                "lower-case",
            ),
        ],
    );
}

#[test]
fn many_mistakes_are_told_at_once() {
    let folder = Folder::shipped();
    for (right, wrong) in [
        (
            "timezone = \"America/Sao_Paulo\"",
            "timezone = \"America/Rio\"",
        ),
        ("concurrency = 3", "concurency = 3"),
        ("timeout = \"90s\"", "timeout = \"soon\""),
        ("status = 422", "status = \"422\""),
        ("\"{modalidade}\"", "\"{modalidad}\""),
        ("page_size = 50", "page_size = 0"),
        ("cron = \"0 3 * * *\"", "cron = \"0 3 * *\""),
        ("mode = \"new\"", "mod = \"new\""),
    ] {
        folder.spoil(PNCP, right, wrong);
    }
    folder.spoil("bronzed.toml", "max_records = 8_000", "max_records = 0");
    folder.spoil(COLUMNS, "srp = \"boolean\"", "srp = \"bool\"");
    let problems = folder.problems(&[]);
    let lines: Vec<_> = problems
        .iter()
        .map(|problem| folder.place(problem))
        .collect();
    assert_eq!(lines.len(), 10, "{problems}");
    let mut sorted = lines.clone();
    sorted.sort();
    assert_eq!(lines, sorted, "{problems}");
}
