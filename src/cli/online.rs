//! `bronzed check`: prints the configuration or, with `--online`, checks that lake and APIs match it.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::cli::reading::spinner;
use crate::cli::text::{Cell, Paint, Screen, Table, TableColumn, TextPage};
use crate::cli::typed_day::{DAY, TypedDay};
use crate::cli::{CliContext, CliError, Exit, check, say, show, target};
use bronzed_engine::inspection::{CheckResult, CheckVerdict, Inspector, ResponseSummary, Totals};
use bronzed_model::clock::{Clock, SystemClock};
use bronzed_model::day::Day;

use bronzed_model::entropy::Entropy;
use bronzed_model::settings::Settings;
use bronzed_source::SourceClient;
use bronzed_storage::lake::{Lake, LakeError};

/// Maximum length of a slice's label: a child's is long and not informative.
const MOST_LABEL: usize = 30;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Check the lake and the APIs instead: one page of each dataset is compared with its declaration
    #[arg(long)]
    online: bool,
    /// Sources (`pncp`) or datasets (`pncp.contratacoes`). Default: all; with --online, all that are enabled
    #[arg(value_name = "SOURCE[.DATASET]")]
    targets: Vec<String>,
    /// Day to request. Default: of each dataset the newest day that the lake has rows of, else the last working
    /// day before today
    #[arg(long, value_name = DAY, requires = "online")]
    day: Option<TypedDay>,
    /// Print one JSON object per dataset; with --online, one for the lake and for each dataset
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    if !args.online {
        let settings = shell.settings_to_look_at()?;
        shell.begin_log(&settings, true)?;
        let shown = check::shown(&settings, &args.targets)?;
        if args.json {
            let objects = check::to_json(&settings, &shown, clock.now());
            objects.iter().for_each(|one| say(&one.to_string()));
            return Ok(Exit::Done);
        }
        let mut text = Vec::new();
        check::run(&settings, &shown, clock.as_ref(), &mut text).map_err(anyhow::Error::from)?;
        say(String::from_utf8_lossy(&text).trim_end());
        return Ok(Exit::Done);
    }
    let settings = shell.settings()?;
    let asked = target::find_all(&settings, &args.targets)?;
    for (source, datasets) in &asked {
        if let Some(typed) = args.day {
            let today = Day::of(clock.now(), source.timezone);
            let day = typed.on(today);
            target::check_days(day, day, source, datasets, today)?;
        }
    }
    shell.log(&settings, true)?;
    let cancel = CancellationToken::new();
    crate::cli::signal::cancel_on_signal(cancel.clone());
    let entropy = Arc::new(Entropy::from_system());
    let lake = open_lake(&settings, &entropy, clock.as_ref()).await;
    tell_lake(&settings, &lake, args.json);
    let refused = match &lake {
        Ok(lake) => refused_tables(lake, &asked, args.json).await,
        Err(_) => 0,
    };
    let looks = asked.iter().map(|(source, datasets)| {
        let (clock, entropy) = (clock.clone(), entropy.clone());
        let (lake, cancel) = (lake.as_ref().ok(), cancel.clone());
        async move {
            let inspector = Inspector {
                client: SourceClient::new(source, clock.clone(), entropy)?,
                source,
                lake,
                day: args.day.map(|typed| typed.at(clock.now(), source.timezone)),
                clock: clock.as_ref(),
                cancel,
            };
            anyhow::Ok(inspector.inspect(datasets).await)
        }
    });
    let bar = spinner(shell, "asking the APIs", asked.len(), "sources");
    let looks = looks.map(|look| async {
        let found = look.await;
        bar.inc(1);
        found
    });
    let mut findings = Vec::new();
    for found in join_all(looks).await {
        findings.extend(found?);
    }
    bar.finish_and_clear();
    tell(&findings, args.json);
    Ok(exit(lake.is_ok() && refused == 0, &findings))
}

/// Opens the lake, and tests it by a write, a read and a comparison.
async fn open_lake(
    settings: &Settings,
    entropy: &Entropy,
    clock: &dyn Clock,
) -> Result<Lake, LakeError> {
    let lake = Lake::open(&settings.lake)?;
    lake.probe(&entropy.run_id(clock.now()).to_string()).await?;
    Ok(lake)
}

/// Reports the tables that were written with a different declaration; returns their number.
async fn refused_tables(lake: &Lake, asked: &[target::Selected], as_json: bool) -> usize {
    let mut refused = 0;
    for dataset in asked.iter().flat_map(|(_, datasets)| datasets) {
        if let Err(error) = bronzed_storage::table::look(lake, dataset).await {
            refused += 1;
            let problem = error.to_string();
            match as_json {
                true => say(&json!({
                    "table": dataset.prefix,
                    "verdict": "failed",
                    "problem": problem,
                })
                .to_string()),
                false => say(&format!("table {}: failed: {problem}", dataset.prefix)),
            }
        }
    }
    refused
}

fn tell_lake(settings: &Settings, lake: &Result<Lake, LakeError>, as_json: bool) {
    let url = &settings.lake.url;
    let problem = lake.as_ref().err().map(ToString::to_string);
    if as_json {
        let verdict = if problem.is_none() { "ok" } else { "failed" };
        say(&json!({"lake": url, "verdict": verdict, "problem": problem}).to_string());
        return;
    }
    say(&match problem {
        None => format!("lake {url}: ok (written, read and compared)"),
        Some(problem) => format!("lake {url}: failed: {problem}"),
    });
}

/// Returns `Done` if lake and datasets passed, `Failed` if no dataset passed and lake or tables failed or a
/// dataset was probed, else `Partial`.
fn exit(lake: bool, findings: &[CheckResult]) -> Exit {
    let well = findings.iter().filter(|one| one.verdict.is_well()).count();
    let asked = findings
        .iter()
        .any(|one| one.verdict != CheckVerdict::NotAsked);
    match (lake, well) {
        (true, well) if well == findings.len() => Exit::Done,
        (_, 0) if asked || !lake => Exit::Failed,
        _ => Exit::Partial,
    }
}

fn tell(findings: &[CheckResult], as_json: bool) {
    if as_json {
        for finding in findings {
            say(&json!(finding).to_string());
        }
        return;
    }
    let mut table = Table::new([
        TableColumn::text("dataset"),
        TableColumn::text("asked").spare(3),
        TableColumn::number("status").spare(4),
        TableColumn::text("envelope").spare(5),
        TableColumn::number("records"),
        TableColumn::text("ids").spare(1),
        TableColumn::text("totals").spare(2),
        TableColumn::text("fields"),
        TableColumn::text("result"),
    ]);
    findings.iter().for_each(|finding| table.row(row(finding)));
    let mut page = TextPage::new(Screen::stdout());
    page.table(&table);
    say("");
    show(&page);
    let told = |one: &&CheckResult| !one.problems.is_empty() || !one.notes.is_empty();
    for finding in findings.iter().filter(told) {
        let mut page = TextPage::new(Screen::stdout());
        page.line(&format!("{}: {}", finding.dataset, finding.verdict.word()));
        for text in finding.problems.iter().chain(&finding.notes) {
            page.indented(2, text);
        }
        let url = finding.answer.as_ref().map(|answer| &answer.url);
        if let Some(url) = url.filter(|_| !finding.problems.is_empty()) {
            page.indented(2, url);
        }
        say("");
        show(&page);
    }
}

fn row(finding: &CheckResult) -> Vec<Cell> {
    let none = || "-".to_owned();
    let of = |cell: fn(&ResponseSummary) -> Option<String>| {
        let answer = finding.answer.as_ref();
        answer.and_then(cell).unwrap_or_else(none)
    };
    let cells = [
        finding.dataset.clone(),
        of(|sight| Some(asked(sight))),
        of(|sight| Some(sight.status.to_string())),
        of(|sight| Some(sight.envelope.word().to_owned())),
        of(|sight| Some(sight.records?.to_string())),
        of(|sight| {
            let ids = sight.ids.as_ref()?;
            Some(format!("{} of {}", ids.present, ids.present + ids.missing))
        }),
        of(|sight| sight.totals.as_ref().and_then(totals)),
        of(|sight| {
            let fields = sight.fields.as_ref()?;
            let beside = fields.undeclared.len() + fields.mistyped.len();
            let beside = match beside {
                0 => String::new(),
                beside => format!(", {beside} beside"),
            };
            Some(format!("{} of {}{beside}", fields.seen, fields.declared))
        }),
    ];
    let paint = match finding.verdict.is_well() {
        true => Paint::Good,
        false => Paint::Bad,
    };
    let result = Cell::painted(paint, finding.verdict.word());
    cells.into_iter().map(Cell::from).chain([result]).collect()
}

fn asked(sight: &ResponseSummary) -> String {
    let label = match sight.slice.char_indices().nth(MOST_LABEL) {
        Some((end, _)) => format!("{}…", &sight.slice[..end]),
        None => sight.slice.clone(),
    };
    match sight.day {
        Some(day) => format!("{day}, {label}"),
        None => label,
    }
}

fn totals(totals: &Totals) -> Option<String> {
    if !totals.missing.is_empty() {
        return Some("missing".to_owned());
    }
    match (totals.records, totals.pages, totals.has_more) {
        (Some(records), _, _) => Some(records.to_string()),
        (None, Some(pages), _) => Some(format!("{pages} pages")),
        (None, None, Some(true)) => Some("more".to_owned()),
        (None, None, Some(false)) => Some("no more".to_owned()),
        (None, None, None) => None,
    }
}
