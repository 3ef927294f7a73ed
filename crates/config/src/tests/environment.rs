//! Environment variables that override files.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::{BRONZED, Folder, PNCP};
use crate::load;
use bronzed_model::declaration::{Auth, KeyPlace, SliceValues};

const CONTRATACOES: &str = "BRONZED__SOURCES__PNCP__DATASET__CONTRATACOES";

#[test]
fn every_kind_of_value_can_be_said() {
    let variable = |end: &str| format!("{CONTRATACOES}__{end}");
    let (size, slices, earliest, key) = (
        variable("PAGINATOR__PAGE_SIZE"),
        variable("SLICES__MODALIDADE"),
        variable("WINDOW__EARLIEST"),
        variable("PRIMARY_KEY"),
    );
    let settings = Folder::shipped()
        .load(&[
            ("PATH", "/usr/bin"),
            ("BRONZED__LAKE__URL", "s3://bucket/80"),
            ("BRONZED__LAKE__OPTIONS__AWS_SECRET_ACCESS_KEY", "hunter2"),
            ("BRONZED__COMMIT__MAX_RECORDS", "7"),
            ("BRONZED__TELEMETRY__LOG", "debug"),
            (
                "BRONZED__SOURCES__PNCP__BASE_URL",
                "http://127.0.0.1:8080/api/",
            ),
            ("BRONZED__SOURCES__PNCP__ENABLED", "false"),
            ("BRONZED__SOURCES__PNCP__USER_AGENT", "80"),
            ("BRONZED__SOURCES__PNCP__LIMITS__CONCURRENCY", "8"),
            ("BRONZED__SOURCES__PNCP__LIMITS__REQUESTS_PER_SECOND", "0.5"),
            ("BRONZED__SOURCES__PNCP__LIMITS__TIMEOUT", "500ms"),
            ("BRONZED__SOURCES__PNCP__RETRY__INITIAL", "10ms"),
            ("BRONZED__SOURCES__PNCP__HEADERS__ACCEPT", "text/json"),
            (
                "BRONZED__SOURCES__PNCP__JOB__HOURLY__DATASETS",
                "contratacoes",
            ),
            ("BRONZED__SOURCES__PNCP__JOB__HOURLY__CATCH_UP", "2d"),
            (&size, "10"),
            (&slices, "6, 8"),
            (&earliest, "2025-01-01"),
            (&key, r#"["anoCompra", "/orgaoEntidade/cnpj"]"#),
        ])
        .unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(settings.lake.url, "s3://bucket/80");
    let secret = &settings.lake.options["aws_secret_access_key"];
    assert_eq!(secret.expose_secret(), "hunter2");
    assert_eq!(settings.commit.max_records, 7);
    assert_eq!(settings.telemetry.log, "debug");
    let pncp = &settings.sources["pncp"];
    assert_eq!(pncp.base_url.as_str(), "http://127.0.0.1:8080/api");
    assert!(!pncp.enabled);
    assert_eq!(pncp.user_agent, "80");
    let catch_up = |job: &str| pncp.jobs[job].catch_up.as_secs() / 3600;
    assert_eq!((catch_up("hourly"), catch_up("daily")), (48, 7 * 24));
    assert_eq!(pncp.limits.concurrency, 8);
    assert_eq!(pncp.limits.requests_per_second, Some(0.5));
    assert_eq!(pncp.limits.timeout, Duration::from_millis(500));
    assert_eq!(pncp.headers, [("Accept".into(), "text/json".into())]);
    assert_eq!(pncp.jobs["hourly"].datasets, ["contratacoes"]);
    let dataset = &pncp.datasets["contratacoes"];
    assert_eq!(dataset.retry.initial, Duration::from_millis(10));
    assert_eq!(dataset.paginator.page_size, 10);
    let six_and_eight = SliceValues::Listed(vec!["6".to_owned(), "8".to_owned()]);
    assert_eq!(dataset.slices[0].values, six_and_eight);
    assert_eq!(dataset.days.earliest.unwrap().to_string(), "2025-01-01");
    assert_eq!(dataset.primary_key, ["/anoCompra", "/orgaoEntidade/cnpj"]);
}

#[test]
fn the_built_in_files_can_be_overridden_too() {
    let variable = ("BRONZED__LAKE__URL".to_owned(), "memory:///".to_owned());
    let settings = load(None, [variable]).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(settings.lake.url, "memory:///");
}

#[test]
fn a_wrong_variable_is_named() {
    let size = format!("{CONTRATACOES}__PAGINATOR__PAGE_SIZE");
    let field = format!("{CONTRATACOES}__PRIMARY_KEY");
    let typo = format!("{CONTRATACOES}X__PATH");
    let unknown = "unknown key `concurency` in `limits`";
    for (name, text, what, instead) in [
        (
            "BRONZED__SOURCES__PNCP__LIMITS__CONCURENCY",
            "2",
            unknown,
            "did you mean `concurrency`?",
        ),
        (
            "BRONZED__SOURCES__PNCP__LIMITS__CONCURRENCY",
            "many",
            "`limits.concurrency` is a text",
            "from 1 to 65535",
        ),
        (
            "BRONZED__SOURCES__PNCP__LIMITS__CONCURRENCY",
            "0",
            "`limits.concurrency` is 0",
            "from 1 to 65535",
        ),
        (
            "BRONZED__SOURCES__PNCP__LIMITS__TIMEOUT",
            "90",
            "`limits.timeout = \"90\"` is not a duration",
            "\"30s\"",
        ),
        (
            "BRONZED__SOURCES__PNCP__ENABLED",
            "yes",
            "`enabled` is a text",
            "true or false",
        ),
        (
            "BRONZED__SOURCES__PNCP__TIMEZONE",
            "Brasilia",
            "`timezone = \"Brasilia\"` is not a time zone",
            "zone",
        ),
        (
            "BRONZED__SOURCES__PNCP__JOB__DAILY__CRON",
            "x",
            "`job.daily.cron = \"x\"` is not a cron expression: it has 1 fields",
            "minute",
        ),
        (
            "BRONZED__SOURCES__PNPC__BASE_URL",
            "http://a",
            "there is no source `pnpc`",
            "did you mean `pncp`?",
        ),
        (
            "BRONZED__SOURCES__PNCP",
            "x",
            "`the whole file` can't be said by a variable",
            "name one of the table's keys",
        ),
        (
            "BRONZED__LAKE",
            "x",
            "`lake` can't be said by a variable",
            "name one of the table's keys",
        ),
        (
            "BRONZED__SOURCES__PNCP__RESPONSE",
            "x",
            "`response` can't be said by a variable",
            "written in the file",
        ),
        (
            "BRONZED__LAKE__URI",
            "x",
            "unknown key `uri` in `lake`",
            "did you mean `url`?",
        ),
        (
            "BRONZED__LAKES__URL",
            "x",
            "unknown key `lakes` at the top",
            "did you mean `lake`?",
        ),
        (
            "BRONZED__LAKE__URL__X",
            "x",
            "unknown key `x` in `lake.url`",
            "no keys",
        ),
        (
            &size,
            "0",
            "`dataset.contratacoes.paginator.page_size` is 0",
            "at least 1",
        ),
        (
            &field,
            "cnpj",
            "`dataset.contratacoes.primary_key[0]` names `cnpj`, which the schema lacks",
            "declare",
        ),
        (
            &typo,
            "/x",
            "unknown key `contratacoesx` in `dataset`",
            "did you mean `contratacoes`?",
        ),
    ] {
        Folder::shipped().tells_only(&[(name, text)], (name, 0), what, instead);
    }
}

#[test]
fn secrets_come_from_variables_and_files_and_are_never_shown() {
    let folder = Folder::shipped();
    folder.write("sources/token.txt", "from-a-file\n");
    let auth = |lines: &str| {
        let folder = Folder::shipped();
        folder.write("sources/token.txt", "from-a-file\n");
        folder.spoil(PNCP, "[limits]\n", &format!("[auth]\n{lines}\n[limits]\n"));
        folder
    };
    let environment = [("TOKEN", "from-a-variable")];

    let settings = auth("type = \"bearer\"\ntoken_env = \"TOKEN\"").load(&environment);
    let settings = settings.unwrap_or_else(|problems| panic!("{problems}"));
    let Auth::Bearer(token) = &settings.sources["pncp"].auth else {
        panic!("{settings:?}")
    };
    assert_eq!(token.expose_secret(), "from-a-variable");
    assert!(!format!("{settings:?}").contains("from-a-variable"));

    let basic = "type = \"basic\"\nuser = \"me\"\npassword_file = \"token.txt\"";
    let settings = auth(basic)
        .load(&[])
        .unwrap_or_else(|problems| panic!("{problems}"));
    let Auth::Basic { user, password } = &settings.sources["pncp"].auth else {
        panic!("{settings:?}")
    };
    assert_eq!(
        (user.as_str(), password.expose_secret()),
        ("me", "from-a-file")
    );

    let api_key = "type = \"api_key\"\nheader = \"X-Api-Key\"\nkey_env = \"TOKEN\"";
    assert!(auth(api_key).load(&environment).is_ok());
    let in_query = "type = \"api_key\"\nparam = \"chave\"\nkey_env = \"TOKEN\"";
    let settings = auth(in_query).load(&environment);
    let settings = settings.unwrap_or_else(|problems| panic!("{problems}"));
    let Auth::ApiKey { place, key } = &settings.sources["pncp"].auth else {
        panic!("{settings:?}")
    };
    assert_eq!(*place, KeyPlace::Param("chave".to_owned()));
    assert_eq!(key.expose_secret(), "from-a-variable");
    assert!(!format!("{settings:?}").contains("from-a-variable"));

    for (lines, what) in [
        (
            "type = \"bearer\"\ntoken_env = \"TOKEN\"",
            "`auth.token_env` names the variable `TOKEN`, which isn't set",
        ),
        (
            "type = \"bearer\"\ntoken_file = \"no.txt\"",
            "`auth.token_file` names the file DIR/sources/no.txt, which isn't there",
        ),
        (
            "token_file = \"token.txt\"\ntype = \"none\"",
            "`auth.token_file` doesn't belong to the type of `auth` that is said",
        ),
        (
            "type = \"api_key\"\nkey_file = \"token.txt\"",
            "`auth.header` is missing: it takes the key",
        ),
        (
            "type = \"api_key\"\nkey_file = \"token.txt\"\nheader = \"X-Key\"\nparam = \"chave\"",
            "`auth.header` is said beside `param`",
        ),
        (
            "param = \"chave\"",
            "`auth.param` doesn't belong to the type of `auth` that is said",
        ),
        (
            "type = \"api_key\"\nkey_file = \"token.txt\"\nparam = \"pagina\"",
            "`dataset.contratacoes.paginator.page_param` sends the parameter `pagina`, as `auth.param` does",
        ),
        (
            "type = \"basic\"\npassword_file = \"token.txt\"",
            "`auth.user` is missing: it goes with the password",
        ),
        (
            "type = \"bearer\"",
            "neither `auth.token_env` nor `auth.token_file` is there",
        ),
    ] {
        let problems = auth(lines).problems(&[]);
        let shown = problems.to_string();
        let [problem] = problems.iter().collect::<Vec<_>>()[..] else {
            panic!("{shown}")
        };
        let end = what.rsplit("DIR").next().unwrap_or(what);
        assert!(problem.what.ends_with(end), "{shown}");
    }
}

#[test]
fn a_variable_replaces_a_secret_that_is_written_down() {
    let folder = Folder::shipped();
    folder.spoil(
        BRONZED,
        "[lake.options]\n",
        "[lake.options]\naws_session_token = \"x\"\n",
    );
    let name = "BRONZED__LAKE__OPTIONS__AWS_SESSION_TOKEN";
    let settings = folder.load(&[(name, "y")]).unwrap();
    assert_eq!(
        settings.lake.options["aws_session_token"].expose_secret(),
        "y"
    );
    let env = format!("{name}__ENV");
    let settings = folder.load(&[(&env, "HERE"), ("HERE", "z")]).unwrap();
    assert_eq!(
        settings.lake.options["aws_session_token"].expose_secret(),
        "z"
    );
}
