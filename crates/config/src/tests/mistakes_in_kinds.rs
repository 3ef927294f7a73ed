//! Mistakes in dataset kinds, paginators, versions and response rules: one valid file that has all of them,
//! and each mistake in it.

use super::{Folder, PNCP, marked};
use bronzed_model::declaration::{
    Action, Kind, PagingStyle, Require, SliceValues, Version, Wait, WindowEnd,
};

/// A source with one dataset of each kind, used instead of the shipped one.
const KINDS: &str = r##"
name = "pncp"
base_url = "https://example.org/api"
timezone = "America/Sao_Paulo"
blackout = ["20:00-21:00"]

[limits]
concurrency = 4
timeout = "60s"

[pool.contratos]
concurrency = 1
requests_per_second = 0.6

[[response]]
status = 429
action = "rate_limited"
wait_pattern = "Try again in ([0-9]+) seconds"

[dataset.compras]
path = "/compras/{start}"
data_selector = "/data"
primary_key = ["numeroControlePNCP"]
version = "content"
schema = "pncp/contratacoes.toml"
[dataset.compras.window]
end_param = "ate"
end = "exclusive"
format = "%Y-%m-%dT%H:%M:%S"
day_format = "%Y-%m-%dT%H:%M:%S%#z"
day_field = "dataPublicacaoPncp"
[dataset.compras.paginator]
type = "cursor"
cursor_param = "after"
next_path = "/meta/next"
[dataset.compras.completeness]
require = "has_more"

[dataset.itens]
kind = "child"
enabled = false
pool = "contratos"
path = "/compras/{cnpj}/{ano}/itens"
primary_key = ["_parent_id", "numeroCompra"]
schema = "pncp/contratacoes.toml"
[dataset.itens.parent]
dataset = "compras"
bind = { cnpj = "/orgaoEntidade/cnpj", ano = "anoCompra" }
when = { srp = false }
[dataset.itens.paginator]
type = "page_number"
page_param = "pagina"
page_size = 500
stop_on_short_page = true
[dataset.itens.completeness]
require = "none"
[dataset.itens.limits]
timeout = "5m"
[dataset.itens.cost]
requests_per_day = 9000
seconds_per_request = 8.5
[[dataset.itens.response]]
status = 404
action = "skip"

[dataset.resultados]
kind = "child"
path = "/compras/{cnpj}/{ano}/itens/{item}/resultados"
primary_key = ["_parent_id", "numeroCompra"]
schema = "pncp/contratacoes.toml"
[dataset.resultados.parent]
dataset = "itens"
bind = { item = "numeroCompra" }
[dataset.resultados.paginator]
type = "single"

[dataset.orgaos]
kind = "snapshot"
path = "/orgaos"
base_url = "https://other.example.org/ords"
params = { ativo = "{ativo}" }
primary_key = ["numeroCompra"]
schema = "pncp/contratacoes.toml"
[dataset.orgaos.slices]
ativo = [true, false]
[dataset.orgaos.paginator]
type = "offset"
offset_param = "offset"
page_size = 500
overlap = 5
has_more_path = "/hasMore"

[dataset.contratos]
path = "/contratos/{orgao}"
primary_key = ["numeroCompra"]
schema = "pncp/contratacoes.toml"
[dataset.contratos.window]
start_param = "de"
format = "%Y-%m-%d"
[dataset.contratos.slices]
orgao = { dataset = "orgaos", field = "numeroCompra" }
[dataset.contratos.paginator]
type = "next_link"
next_path = "/next"

[dataset.acordaos]
kind = "feed"
path = "/acordaos"
primary_key = ["numeroCompra"]
schema = "pncp/contratacoes.toml"
explode = "/orgaoEntidade"
[dataset.acordaos.window]
day_field = "dataPublicacaoPncp"
day_format = "%d/%m/%Y"
earliest = 1992-01-01
settle = "45d"
[dataset.acordaos.paginator]
type = "offset"
offset_param = "inicio"
page_size = 500
overlap = 20

[job.daily]
cron = "0 3 * * *"
days = "yesterday"
blackout = ["23:00-01:00"]
"##;

fn folder() -> Folder {
    let folder = Folder::shipped();
    folder.write(PNCP, KINDS);
    folder
}

/// They were planned at no slot, and `check` said that all is right.
#[test]
fn a_snapshot_and_a_feed_that_no_job_of_today_reads_are_doubtful() {
    let warnings = |folder: &Folder| {
        let settings = folder.load(&[]);
        settings
            .unwrap_or_else(|problems| panic!("{problems}"))
            .warnings
    };
    let folder = folder();
    let told = warnings(&folder);
    let kinds = [("acordaos", "feed"), ("orgaos", "snapshot")];
    assert_eq!(told.len(), kinds.len(), "{told:?}");
    for (name, kind) in kinds {
        let starts = format!("`{name}` is a {kind}, of which only today can be read");
        let problem = told
            .iter()
            .find(|problem| problem.what.starts_with(&starts));
        let problem = problem.unwrap_or_else(|| panic!("{told:?}"));
        let (file, line) = folder.place(problem);
        let said = KINDS.lines().nth(line - 1).unwrap();
        assert_eq!(
            (file.as_str(), said),
            (PNCP, &*format!("kind = \"{kind}\""))
        );
        assert!(
            problem.hint.contains("`days = \"today\"`"),
            "{}",
            problem.hint
        );
    }
    let today = "cron = \"0 4 * * *\"\ndays = \"today\"\n";
    let one = format!("{KINDS}[job.lists]\n{today}datasets = [\"orgaos\"]\n");
    folder.write(PNCP, &one);
    assert_eq!(warnings(&folder).len(), 1);
    folder.write(PNCP, &format!("{KINDS}[job.lists]\n{today}"));
    assert_eq!(warnings(&folder), []);
}

#[test]
fn every_kind_is_declared_in_a_few_lines() {
    let settings = folder()
        .load(&[])
        .unwrap_or_else(|problems| panic!("{problems}"));
    let source = &settings.sources["pncp"];
    let dataset = |name: &str| &source.datasets[name];

    let compras = dataset("compras");
    let Kind::Dated(window) = &compras.kind else {
        panic!("{:?}", compras.kind)
    };
    assert_eq!(
        (&window.start_param, window.end),
        (&None, WindowEnd::Exclusive)
    );
    assert_eq!(compras.version, Version::Content);
    let style = &compras.paginator.style;
    assert!(matches!(style, PagingStyle::Cursor { cursor_param } if cursor_param == "after"));
    assert_eq!(compras.completeness.require, Require::HasMore);
    let rule = &compras.responses[0];
    let Some(Wait::Pattern(pattern)) = &rule.wait else {
        panic!("{rule:?}")
    };
    let body = r#"{"message":"Rate limit is exceeded. Try again in 26 seconds."}"#;
    assert_eq!(&pattern.captures(body).unwrap()[1], "26");

    let itens = dataset("itens");
    let Kind::Child(parent) = &itens.kind else {
        panic!("{:?}", itens.kind)
    };
    assert_eq!(parent.dataset, "compras");
    let bound = parent
        .bind
        .iter()
        .map(|(name, field)| (name.as_str(), field.as_str()));
    let bound: Vec<_> = bound.collect();
    assert_eq!(
        bound,
        [("cnpj", "/orgaoEntidade/cnpj"), ("ano", "/anoCompra")]
    );
    assert_eq!(parent.when, [("/srp".to_owned(), "false".to_owned())]);
    assert!(parent.inherited.is_empty() && !itens.enabled);
    assert_eq!(itens.primary_key, ["/_parent_id", "/numeroCompra"]);
    assert_eq!(itens.responses[0].action, Action::Skip);
    assert_eq!(itens.limits.timeout.as_secs(), 300);
    assert_eq!(compras.limits.timeout.as_secs(), 60);
    assert_eq!(source.pools[itens.pool.as_deref().unwrap()].concurrency, 1);
    assert_eq!(itens.cost.unwrap().requests_per_day, 9000);

    let Kind::Child(parent) = &dataset("resultados").kind else {
        panic!("{:?}", dataset("resultados").kind)
    };
    assert_eq!(parent.inherited, ["ano", "cnpj"]);

    let SliceValues::OfDataset {
        dataset: of, field, ..
    } = &dataset("contratos").slices[0].values
    else {
        panic!("{:?}", dataset("contratos").slices)
    };
    assert_eq!((of.as_str(), field.as_str()), ("orgaos", "/numeroCompra"));
    let elsewhere = dataset("orgaos").base_url.as_ref().unwrap();
    assert_eq!(elsewhere.as_str(), "https://other.example.org/ords");

    let acordaos = dataset("acordaos");
    assert!(matches!(acordaos.kind, Kind::Feed));
    assert_eq!(acordaos.days.day_format, "%d/%m/%Y");
    assert_eq!(
        (source.blackout.len(), source.jobs["daily"].blackout.len()),
        (1, 1)
    );
}

/// Asserts that each mistake alone is reported at its line, with this text, and nothing else.
fn each_is_told(mistakes: &[super::Mistake]) {
    for (right, wrong, what, instead) in mistakes {
        let folder = folder();
        folder.spoil(PNCP, right, wrong);
        let line = marked(&folder, PNCP);
        folder.tells_only(&[], (PNCP, line), what, instead);
    }
}

#[test]
fn tables_that_belong_to_another_kind() {
    each_is_told(&[
        (
            "[dataset.orgaos.slices]",
            "¶[dataset.orgaos.window]\nsettle = \"1h\"\n[dataset.orgaos.slices]",
            "`dataset.orgaos.window` doesn't belong to the kind of dataset that is said",
            "the day of reading",
        ),
        (
            "path = \"/acordaos\"",
            "path = \"/acordaos/{ano}\"\n¶slices = { ano = [1] }",
            "`dataset.acordaos.slices` doesn't belong to the kind of dataset that is said",
            "a feed is one list",
        ),
        (
            "kind = \"snapshot\"",
            "kind = \"snapshot\"\n¶version = \"content\"",
            "`dataset.orgaos.version` doesn't belong to the kind of dataset that is said",
            "tells by itself",
        ),
        (
            "[dataset.contratos.window]",
            "¶[dataset.contratos.parent]\ndataset = \"compras\"\n[dataset.contratos.window]",
            "`dataset.contratos.parent` doesn't belong to the kind of dataset that is said",
            "kind `child`",
        ),
        (
            "[dataset.contratos.window]\nstart_param = \"de\"\nformat = \"%Y-%m-%d\"\n",
            "",
            "`dataset.contratos.window` is missing: a day is a request parameter of a dated dataset",
            "start_param and format",
        ),
        (
            "[dataset.resultados.parent]\ndataset = \"itens\"\nbind = { item = \"numeroCompra\" }\n",
            "",
            "`dataset.resultados.parent` is missing: a child is read for the records of another dataset",
            "dataset and bind",
        ),
        (
            "day_format = \"%d/%m/%Y\"",
            "day_format = \"%d/%m/%Y\"\n¶start_param = \"de\"",
            "`dataset.acordaos.window.start_param` doesn't belong to a feed, which isn't asked for days",
            "kind = \"dated\"",
        ),
        (
            "day_field = \"dataPublicacaoPncp\"\nday_format",
            "day_format",
            "`dataset.acordaos.window.day_field` is missing: a feed's days are those of its records",
            "the record's date",
        ),
        (
            "overlap = 20\n",
            "",
            "`dataset.acordaos.paginator.overlap` is missing: only by records that come twice does a \
             walk know that it has missed none",
            "write overlap = 20",
        ),
        (
            "type = \"offset\"\noffset_param = \"inicio\"\npage_size = 500\noverlap = 20",
            "¶type = \"page_number\"\npage_param = \"pagina\"\npage_size = 500",
            "`dataset.acordaos.paginator.type = \"page_number\"` is no way through a feed",
            "write \"offset\"",
        ),
        (
            "days = \"yesterday\"",
            "days = \"yesterday\"\n¶datasets = [\"compras\", \"acordaos\"]",
            "`job.daily.datasets[1]` names `acordaos`, a feed, of which only today can be read",
            "days = \"today\"",
        ),
        (
            "days = \"yesterday\"",
            "days = \"today\"\n¶mode = \"new\"",
            "`job.daily.mode = \"new\"` can't be asked of `compras`, whose records have versions: an \
             update leaves the total as it is, and would be missed",
            "write `mode = \"full\"`",
        ),
        (
            "days = \"yesterday\"",
            "days = \"today\"\ndatasets = [\"contratos\", \"compras\"]\n¶mode = \"new\"",
            "`job.daily.mode = \"new\"` can't be asked of `compras`, whose records have versions: an \
             update leaves the total as it is, and would be missed",
            "those without `version`",
        ),
    ]);
}

#[test]
fn what_is_new_can_be_asked_of_datasets_without_versions() {
    let folder = folder();
    folder.spoil(
        PNCP,
        "days = \"yesterday\"",
        "days = \"today\"\nmode = \"new\"\ndatasets = [\"contratos\"]",
    );
    folder
        .load(&[])
        .unwrap_or_else(|problems| panic!("{problems}"));
}

#[test]
fn parents_and_variables() {
    each_is_told(&[
        (
            "[dataset.itens.parent]\ndataset = \"compras\"",
            "[dataset.itens.parent]\n¶dataset = \"compra\"",
            "`dataset.itens.parent.dataset` names `compra`, which is no dataset of this source",
            "did you mean `compras`?",
        ),
        (
            "{ cnpj = \"/orgaoEntidade/cnpj\",",
            "¶{ cnpj = \"/orgaoEntidade/cpf\",",
            "`dataset.itens.parent.bind.cnpj` names `/orgaoEntidade/cpf`, which the schema lacks",
            "declare `cpf`",
        ),
        (
            "version = \"content\"",
            "¶version = \"versao\"",
            "`dataset.compras.version` names `versao`, which the schema lacks",
            "declare `versao`",
        ),
        (
            "when = { srp",
            "¶when = { srpp",
            "`dataset.itens.parent.when.srpp` names `srpp`, which the schema lacks",
            "did you mean `srp`?",
        ),
        (
            "/{cnpj}/{ano}/itens/{item}/",
            "¶/{cnpj}/{ano}/itens/{itens}/",
            "`dataset.resultados.path` names `{itens}`, which nothing gives a value",
            "did you mean `{item}`?",
        ),
        (
            "/compras/{cnpj}/{ano}/itens\"",
            "/compras/{cnpj}/itens\"",
            "`dataset.itens.parent.bind.ano` is used by no parameter: every request would be the same",
            "write `{ano}`",
        ),
        (
            "path = \"/acordaos\"",
            "¶path = \"/acordaos/{start}\"",
            "`dataset.acordaos.path` names `{start}`, which nothing gives a value",
            "declare it under",
        ),
        (
            "dataset = \"orgaos\", field",
            "¶dataset = \"compras\", field",
            "`dataset.contratos.slices.orgao.dataset = \"compras\"` is no snapshot",
            "kind `snapshot`",
        ),
        (
            "{ dataset = \"orgaos\", field = \"numeroCompra\" }",
            "¶{ dataset = \"orgaos\" }",
            "`field` is missing in `dataset.contratos.slices.orgao`",
            "The field",
        ),
        (
            "{ dataset = \"orgaos\", field = \"numeroCompra\" }",
            "¶\"orgaos\"",
            "`dataset.contratos.slices.orgao` is a text",
            "or { dataset = …, field = … }",
        ),
        (
            "pool = \"contratos\"",
            "¶pool = \"contrato\"",
            "`dataset.itens.pool` names `contrato`, which is no pool",
            "did you mean `contratos`?",
        ),
    ]);
}

#[test]
fn a_parent_that_is_its_own_grandchild() {
    let folder = folder();
    folder.spoil(
        PNCP,
        "dataset = \"compras\"\nbind = { cnpj = \"/orgaoEntidade/cnpj\", ano",
        "dataset = \"resultados\"\nbind = { cnpj = \"/orgaoEntidade/cnpj\", ano",
    );
    let problems = folder.problems(&[]).to_string();
    assert!(
        problems.contains(
            "`dataset.itens.parent.dataset = \"resultados\"` leads back to the dataset itself"
        ),
        "{problems}"
    );
}

#[test]
fn paging() {
    each_is_told(&[
        (
            "cursor_param = \"after\"",
            "",
            "`dataset.compras.paginator.cursor_param` is missing: it takes what the page before says",
            "name the parameter",
        ),
        (
            "type = \"next_link\"\nnext_path = \"/next\"",
            "type = \"next_link\"",
            "`dataset.contratos.paginator.next_path` is missing: the next page's URL stands there",
            "next_path = ",
        ),
        (
            "overlap = 5",
            "¶overlap = 500",
            "`dataset.orgaos.paginator.overlap = 500` is not less than a page of 500",
            "a small part",
        ),
        (
            "stop_on_short_page = true",
            "¶stop_on_short_page = true\nhas_more_path = \"/more\"",
            "`dataset.itens.paginator.stop_on_short_page` means nothing beside `has_more_path`, which says where the end is",
            "leave it out",
        ),
        (
            "has_more_path = \"/hasMore\"",
            "[dataset.orgaos.completeness]\n¶require = \"has_more\"",
            "`dataset.orgaos.completeness.require` needs a paginator with `has_more_path` or `next_path`",
            "two_walks",
        ),
        (
            "page_param = \"pagina\"",
            "page_param = \"pagina\"\n¶cursor_param = \"depois\"",
            "`dataset.itens.paginator.cursor_param` doesn't belong to the type of paginator that is said",
            "type = \"cursor\"",
        ),
    ]);
}

#[test]
fn answers_hours_and_lists() {
    each_is_told(&[
        (
            "wait_pattern = \"Try again in ([0-9]+) seconds\"",
            "¶wait_pattern = \"Try again in [0-9]+ seconds\"",
            "`response[0].wait_pattern` has 0 groups, where one captures the seconds",
            "one group",
        ),
        (
            "wait_pattern = \"Try again in ([0-9]+) seconds\"",
            "¶wait_pattern = \"Try again in ([0-9]+ seconds\"",
            "`response[0].wait_pattern` is not a regular expression: unclosed group",
            "one group",
        ),
        (
            "action = \"rate_limited\"",
            "action = \"rate_limited\"\nwait_header = \"X-Wait\" #",
            "`response[0].wait_pattern` is said beside `wait_header`",
            "keep the one",
        ),
        (
            "action = \"rate_limited\"",
            "action = \"fail\"",
            "`response[0].wait_pattern` means nothing where the action is neither `rate_limited` nor `retry`",
            "leave it out",
        ),
        (
            "action = \"rate_limited\"\nwait_pattern = \"Try again in ([0-9]+) seconds\"",
            "¶action = \"skip\"",
            "`response[0].action = \"skip\"`, but only a child has a parent to skip",
            "`empty` or `fail`",
        ),
        (
            "blackout = [\"20:00-21:00\"]",
            "¶blackout = [\"20-21\"]",
            "`blackout` has `20-21`, which is no span of hours",
            "\"20:00-21:00\"",
        ),
        (
            "blackout = [\"23:00-01:00\"]",
            "¶blackout = [\"23:00-23:00\"]",
            "`job.daily.blackout` has `23:00-23:00`, which is no span of hours",
            "\"20:00-21:00\"",
        ),
        (
            "explode = \"/orgaoEntidade\"",
            "¶explode = \"/fontesOrcamentarias\"",
            "`dataset.acordaos.explode` names `/fontesOrcamentarias`, which the schema declares as a list",
            "as one element",
        ),
        (
            "seconds_per_request = 8.5",
            "¶seconds_per_request = 0",
            "`dataset.itens.cost.seconds_per_request` is 0",
            "greater than 0",
        ),
        (
            "timeout = \"5m\"",
            "¶concurrency = 1",
            "unknown key `concurrency` in `dataset.itens.limits`",
            "known here: max_body_bytes, max_requests_per_run, timeout",
        ),
    ]);
}
