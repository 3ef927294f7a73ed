//! `bronzed check`: prints the configuration in readable form; nothing is run or requested.
//!
//! Secrets are not shown: of the lake's options only the names are printed.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::cli::text::time;
use crate::cli::{CliError, target};
use bronzed_model::clock::Clock;
use bronzed_model::cron::Cron;
use bronzed_model::declaration::{
    Auth, Cost, CsvEncoding, Dataset, Job, JobDays, KeyPlace, Kind, Limits, Mode, PagingStyle,
    Pool, Require, SliceValues, SliceVariable, Source,
};
use bronzed_model::settings::{Origin, Settings};

/// Returns the full names of the datasets that targets name; all datasets if there are no targets.
///
/// # Errors
/// Returns an error if a source or dataset does not exist.
pub fn shown(settings: &Settings, targets: &[String]) -> Result<BTreeSet<String>, CliError> {
    let mut shown = BTreeSet::new();
    let everything: Vec<_> = settings.sources.keys().cloned().collect();
    let targets = match targets {
        [] => &everything,
        targets => targets,
    };
    for target in targets {
        match settings.sources.get(target) {
            Some(source) => shown.extend(source.datasets.values().map(|one| one.full_name())),
            None => {
                let (_, datasets) = target::find(settings, target)?;
                shown.extend(datasets.iter().map(|one| one.full_name()));
            }
        }
    }
    Ok(shown)
}

/// Prints the selected datasets, the next slot of each job, the warnings, and a summary.
///
/// # Errors
/// Returns an error if `out` can't be written to.
pub fn run(
    settings: &Settings,
    shown: &BTreeSet<String>,
    clock: &dyn Clock,
    out: &mut dyn Write,
) -> io::Result<()> {
    let origin = match &settings.origin {
        Origin::Folder(folder) => folder.display().to_string(),
        Origin::Embedded => "built into the program".to_owned(),
    };
    line(out, 0, "configuration", &origin)?;
    line(out, 0, "lake", &settings.lake.url)?;
    if !settings.lake.options.is_empty() {
        let names: Vec<_> = settings.lake.options.keys().map(String::as_str).collect();
        line(out, 0, "lake options", &names.join(", "))?;
    }
    let commit = settings.commit;
    let megabytes = commit.max_bytes / 1_000_000;
    let commit = format!("at {} records or {megabytes} MB", commit.max_records);
    line(out, 0, "commits", &commit)?;
    line(out, 0, "logs", &settings.telemetry.log)?;
    let mut counts = [0; 3];
    for source in settings.sources.values() {
        let datasets = source.datasets.values().map(AsRef::as_ref);
        let datasets: Vec<_> = datasets
            .filter(|dataset: &&Dataset| shown.contains(&dataset.full_name()))
            .collect();
        let jobs = source.jobs.values();
        let jobs: Vec<_> = jobs.filter(|job| reads_any(job, &datasets)).collect();
        if !datasets.is_empty() {
            print_source(source, &datasets, &jobs, clock.now(), out)?;
            for (count, more) in counts.iter_mut().zip([1, datasets.len(), jobs.len()]) {
                *count += more;
            }
        }
    }
    writeln!(out)?;
    for warning in &settings.warnings {
        writeln!(out, "warning: {warning}")?;
    }
    let [sources, datasets, jobs] = counts;
    let parts = [
        (sources, "source"),
        (datasets, "dataset"),
        (jobs, "job"),
        (settings.warnings.len(), "warning"),
    ];
    let parts = parts.map(|(count, word)| match count {
        1 => format!("1 {word}"),
        count => format!("{count} {word}s"),
    });
    writeln!(out, "the configuration is right: {}", parts.join(", "))
}

/// Returns one object per selected dataset, and one per warning.
pub fn to_json(settings: &Settings, shown: &BTreeSet<String>, now: DateTime<Utc>) -> Vec<Value> {
    let mut objects = Vec::new();
    for source in settings.sources.values() {
        for dataset in source.datasets.values() {
            if !shown.contains(&dataset.full_name()) {
                continue;
            }
            let reading = source
                .jobs
                .values()
                .filter(|job| reads_any(job, &[dataset]));
            let jobs: serde_json::Map<_, _> = reading
                .map(|job| {
                    let cron = Cron::parse(&job.cron, source.timezone).ok();
                    let next = cron.and_then(|cron| cron.next_after(now));
                    let next = next.map(|slot| time::json(slot.at, source.timezone));
                    (job.name.clone(), json!({"cron": job.cron, "next": next}))
                })
                .collect();
            objects.push(json!({
                "dataset": dataset.full_name(),
                "enabled": source.enabled && dataset.enabled,
                "table": dataset.prefix,
                "kind": dataset.kind.word(),
                "primary_key": dataset.primary_key,
                "columns": dataset.schema.columns.len(),
                "jobs": jobs,
            }));
        }
    }
    let warnings = settings.warnings.iter();
    objects.extend(warnings.map(|warning| json!({"warning": warning.to_string()})));
    objects
}

/// Returns `true` if a job reads one of these datasets.
fn reads_any(job: &Job, datasets: &[&Dataset]) -> bool {
    let reads = |dataset: &&Dataset| job.datasets.contains(&dataset.name);
    job.datasets.is_empty() || datasets.iter().any(reads)
}

fn print_source(
    source: &Source,
    datasets: &[&Dataset],
    jobs: &[&Job],
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out)?;
    let state = if source.enabled {
        ""
    } else {
        " (not enabled: its jobs don't run)"
    };
    line(out, 0, "source", &format!("{}{state}", source.name))?;
    line(out, 1, "address", source.base_url.as_str())?;
    line(out, 1, "credentials", credentials(&source.auth))?;
    line(out, 1, "time zone", source.timezone.name())?;
    line(out, 1, "limits", &limits(&source.limits))?;
    for dataset in datasets {
        print_dataset(dataset, source, out)?;
    }
    for job in jobs {
        let next = next_slot(source, job, now);
        let job_line = format!(
            "{}: {} at `{}`, next {next}",
            job.name,
            reads(job),
            job.cron
        );
        line(out, 1, "job", &job_line)?;
    }
    Ok(())
}

fn print_dataset(dataset: &Dataset, source: &Source, out: &mut dyn Write) -> io::Result<()> {
    let state = if dataset.enabled {
        ""
    } else {
        " (not enabled: its jobs leave it out)"
    };
    line(
        out,
        1,
        "dataset",
        &format!("{}{state}", dataset.full_name()),
    )?;
    line(out, 2, "table", &dataset.prefix)?;
    let method = match dataset.body {
        Some(_) => " (POST, with a JSON body)",
        None => "",
    };
    line(out, 2, "path", &format!("{}{method}", dataset.path))?;
    if let Some(csv) = &dataset.csv {
        let encoding = match csv.encoding {
            CsvEncoding::Utf8 => "UTF-8",
            CsvEncoding::Latin1 => "ISO-8859-1",
        };
        let delimiter = csv.delimiter.escape_default();
        let form = format!("CSV, plain or zipped: `{delimiter}` between fields, {encoding}");
        line(out, 2, "answers", &form)?;
    }
    line(out, 2, "read as", &kind(dataset))?;
    line(out, 2, "slices", &slices(&dataset.slices))?;
    line(out, 2, "pages", &pages(dataset))?;
    if let Some(earliest) = dataset.days.earliest {
        line(out, 2, "earliest day", &earliest.to_string())?;
    }
    line(out, 2, "settled after", &span(dataset.days.settle))?;
    if let Some(cost) = dataset.cost.filter(|_| dataset.enabled) {
        line(out, 2, "takes", &takes(cost, dataset, source))?;
    }
    line(out, 2, "proof", proof(dataset.completeness.require))?;
    line(out, 2, "id", &dataset.primary_key.join(" "))?;
    line(out, 2, "columns", &dataset.schema.columns.len().to_string())
}

/// Returns the duration of reading a day of data within the limits, from its declared cost.
fn takes(cost: Cost, dataset: &Dataset, source: &Source) -> String {
    let pool = dataset
        .pool
        .as_ref()
        .and_then(|pool| source.pools.get(pool));
    let limits = [Some(source.limits.pool()), pool.copied()];
    let slowest = |seconds: f64, limits: Pool| {
        let at_once = limits.concurrency.max(1) as f64;
        let by_rate = limits.requests_per_second.map_or(0.0, |rate| 1.0 / rate);
        seconds.max(cost.seconds_per_request / at_once).max(by_rate)
    };
    let seconds = limits.into_iter().flatten().fold(0.0, slowest);
    let requests = cost.requests_per_day;
    let hours = requests as f64 * seconds / 3600.0;
    let time = match hours {
        short if short < 1.0 => format!("{:.0} minutes", (short * 60.0).max(1.0)),
        hours => format!("{hours:.1} hours"),
    };
    format!("{time} for a day of data, in some {requests} requests")
}

/// Prints one fact; the facts of all levels are aligned in one column.
fn line(out: &mut dyn Write, level: usize, name: &str, fact: &str) -> io::Result<()> {
    let indent = level * 2;
    let width = 18 - indent;
    writeln!(out, "{:indent$}{name:width$}{fact}", "")
}

fn credentials(auth: &Auth) -> &'static str {
    match auth {
        Auth::None => "none needed",
        Auth::Bearer(_) => "a bearer token",
        Auth::ApiKey { place, .. } => match place {
            KeyPlace::Header(_) => "a key in a header",
            KeyPlace::Param(_) => "a key in the query",
        },
        Auth::Basic { .. } => "user and password",
        Auth::OAuth2(_) => "tokens for client credentials (OAuth 2.0)",
    }
}

fn limits(limits: &Limits) -> String {
    let timeout = humantime::format_duration(limits.timeout);
    let rate = match limits.requests_per_second {
        Some(rate) => format!("{rate} requests a second, "),
        None => String::new(),
    };
    format!(
        "{} in flight, {rate}{timeout} a request",
        limits.concurrency
    )
}

/// Formats a duration; whole days are printed as days, not as months of 30.44 days and a remainder.
fn span(duration: Duration) -> String {
    match (duration.as_secs() / 86_400, duration.as_secs() % 86_400) {
        (days @ 2.., 0) => format!("{days} days"),
        _ => humantime::format_duration(duration).to_string(),
    }
}

fn slices(variables: &[SliceVariable]) -> String {
    let mut count = Some(1);
    let mut shown = Vec::new();
    for SliceVariable { name, values } in variables {
        match values {
            SliceValues::Listed(values) => {
                count = count.map(|count| count * values.len());
                shown.push(format!("{name} = {}", values.join(" ")));
            }
            SliceValues::OfDataset { dataset, field, .. } => {
                count = None;
                shown.push(format!("{name} = each {field} of {dataset}"));
            }
        }
    }
    match (count, shown.as_slice()) {
        (_, []) => "one".to_owned(),
        (Some(count), shown) => format!("{count}: {}", shown.join("; ")),
        (None, shown) => shown.join("; "),
    }
}

fn kind(dataset: &Dataset) -> String {
    match &dataset.kind {
        Kind::Dated(_) => format!("{}s that are asked for", dataset.days.period.word()),
        Kind::Snapshot => "a whole table, compared with the one before".to_owned(),
        Kind::Child(parent) => format!("what belongs to each record of {}", parent.dataset),
        Kind::Feed => "a feed, from its newest record back".to_owned(),
    }
}

fn pages(dataset: &Dataset) -> String {
    let size = dataset.paginator.page_size;
    match &dataset.paginator.style {
        PagingStyle::PageNumber { page_param, .. } => format!("{size} records, by `{page_param}`"),
        PagingStyle::Offset { offset_param, .. } => format!("{size} records, by `{offset_param}`"),
        PagingStyle::Cursor { cursor_param } => format!("by `{cursor_param}`, a cursor"),
        PagingStyle::NextLink => "by the link to the next one".to_owned(),
        PagingStyle::Single => "one answer is everything".to_owned(),
    }
}

fn proof(require: Require) -> &'static str {
    match require {
        Require::UniqueTotal => "as many ids as the stated total",
        Require::RowTotal => "as many rows as the stated total",
        Require::HasMore => "the last page says that no more follow",
        Require::TwoWalks => "two walks that find the same ids",
        Require::None => "none: every page read is enough",
    }
}

fn reads(job: &Job) -> String {
    let days = match job.days {
        JobDays::Today => "today".to_owned(),
        JobDays::Yesterday => "yesterday".to_owned(),
        JobDays::Last(days) => format!("the last {days} days"),
        JobDays::Incomplete => "incomplete days".to_owned(),
    };
    let mode = match job.mode {
        Mode::Full => "in full",
        Mode::New => "what is new",
        Mode::Verify => "compared with the API",
    };
    let datasets = match job.datasets.as_slice() {
        [] => String::new(),
        names => format!(" of {}", names.join(", ")),
    };
    format!("{days}{datasets}, {mode},")
}

/// Returns the time of the job's next slot, in the source's time zone.
fn next_slot(source: &Source, job: &Job, now: DateTime<Utc>) -> String {
    let cron = Cron::parse(&job.cron, source.timezone).ok();
    let next = cron.and_then(|cron| cron.next_after(now));
    next.map_or_else(
        || "never".to_owned(),
        |slot| time::at(slot.at, source.timezone),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use bronzed_config::{load, load_without_secrets};
    use bronzed_model::clock::ManualClock;

    fn shown(environment: &[(&str, &str)]) -> String {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        of(environment.iter().map(own).collect(), &[])
    }

    fn of(environment: Vec<(String, String)>, targets: &[&str]) -> String {
        let settings = load_without_secrets(None, environment).unwrap();
        let clock = ManualClock::new("2025-10-22T11:30:00Z".parse().unwrap());
        let targets: Vec<_> = targets.iter().map(|target| (*target).to_owned()).collect();
        let shown = super::shown(&settings, &targets).unwrap();
        let mut out = Vec::new();
        run(&settings, &shown, &clock, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_source_or_a_dataset_can_be_shown_alone() {
        let tcu = of(Vec::new(), &["tcu"]);
        assert!(tcu.contains("source            tcu\n"), "{tcu}");
        assert!(!tcu.contains("pncp.gov.br"), "{tcu}");
        let verdict = tcu.lines().last().unwrap();
        let right = "the configuration is right: 1 source, 5 datasets, ";
        assert!(verdict.starts_with(right), "{verdict}");
        let one = of(Vec::new(), &["pncp.itens"]);
        assert!(
            one.contains("  dataset         pncp.itens (not enabled"),
            "{one}"
        );
        assert!(one.contains("1 source, 1 dataset, "), "{one}");
        let settings = load(None, []).unwrap();
        assert!(super::shown(&settings, &["pncp.x".to_owned()]).is_err());
    }

    #[test]
    fn a_secret_that_is_not_there_is_a_warning() {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let environment = [
            ("BRONZED__SOURCES__TCU__AUTH__TYPE", "bearer"),
            ("BRONZED__SOURCES__TCU__AUTH__TOKEN_ENV", "NOBODY_SET_THIS"),
        ]
        .map(own);
        let shown = of(environment.to_vec(), &["tcu"]);
        let told = "warning: BRONZED__SOURCES__TCU__AUTH__TOKEN_ENV: `auth.token_env` names the \
                    variable `NOBODY_SET_THIS`, which isn't set\n    set `NOBODY_SET_THIS`";
        assert!(shown.contains(told), "{shown}");
        assert!(shown.ends_with(", 1 warning\n"), "{shown}");
        // Loading to run requires the secret.
        assert!(load(None, environment).is_err());
    }

    #[test]
    fn the_shipped_configuration_in_words() {
        let shown = shown(&[]);
        for part in [
            "\
configuration     built into the program
lake              ./data
commits           at 8000 records or 128 MB
logs              info

source            comprasnet
",
            "
source            pncp
  address         https://pncp.gov.br/api
  credentials     none needed
  time zone       America/Sao_Paulo
  limits          3 in flight, 1m 30s a request
",
            "
  dataset         pncp.contratacoes
    table         pncp
    path          /consulta/v1/contratacoes/publicacao
    read as       days that are asked for
    slices        14: modalidade = 1 2 3 4 5 6 7 8 9 10 11 12 13 14
    pages         50 records, by `pagina`
    earliest day  2021-04-01
    settled after 2h
    takes         3 minutes for a day of data, in some 160 requests
    proof         as many ids as the stated total
    id            /numeroControlePNCP
    columns       35
",
            "
  job             backfill: incomplete days, in full, at `30 4 * * *`, next 2025-10-23 04:30 -03:00
  job             daily: yesterday, in full, at `0 3 * * *`, next 2025-10-23 03:00 -03:00
",
            "
  job             verify: the last 90 days, compared with the API, at `0 5 * * 0`, next 2025-10-26 05:00 -03:00
",
            "
  dataset         pncp.arquivos (not enabled: its jobs leave it out)
",
            "
    settled after 45 days
",
        ] {
            assert!(shown.contains(part), "no {part} in {shown}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = shown(&[
            ("BRONZED__LAKE__OPTIONS__AWS_SECRET_ACCESS_KEY", "hunter2"),
            ("BRONZED__SOURCES__PNCP__AUTH__TYPE", "bearer"),
            ("BRONZED__SOURCES__PNCP__AUTH__TOKEN_ENV", "TOKEN"),
            ("TOKEN", "hunter3"),
        ]);
        assert!(
            shown.contains("lake options      aws_secret_access_key\n"),
            "{shown}"
        );
        assert!(shown.contains("a bearer token"), "{shown}");
        assert!(!shown.contains("hunter"), "{shown}");
        let in_query = super::tests::shown(&[
            ("BRONZED__SOURCES__PNCP__AUTH__TYPE", "api_key"),
            ("BRONZED__SOURCES__PNCP__AUTH__PARAM", "chave"),
            ("BRONZED__SOURCES__PNCP__AUTH__KEY_ENV", "KEY"),
            ("KEY", "hunter4"),
        ]);
        assert!(in_query.contains("a key in the query"), "{in_query}");
        assert!(!in_query.contains("hunter"), "{in_query}");
    }

    #[test]
    fn what_is_expensive_tells_its_hours_once_it_is_switched_on() {
        let off = shown(&[]);
        assert!(!off.contains("hours for a day"), "{off}");
        let on = shown(&[("BRONZED__SOURCES__PNCP__DATASET__ITENS__ENABLED", "true")]);
        // 9,500 requests of 8.5 s, three at once.
        let takes = "takes         7.5 hours for a day of data, in some 9500 requests";
        assert!(on.contains(takes), "{on}");
        // 0.6 requests a second, whatever may be in flight.
        let slow = shown(&[(
            "BRONZED__SOURCES__COMPRASNET__DATASET__CONTRATOS__ENABLED",
            "true",
        )]);
        assert!(slow.contains("hours for a day of data"), "{slow}");
    }
}
