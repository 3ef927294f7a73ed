//! `bronzed state show`: shows the state of one day.

use chrono::SecondsFormat;
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::DatasetHandle;
use crate::cli::{CliContext, CliError, Exit, say, table};
use bronzed_model::day::Day;
use bronzed_model::declaration::Dataset;
use bronzed_storage::bronze::layout;
use bronzed_storage::state::DayState;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Dataset (`pncp.contratacoes`)
    #[arg(value_name = "SOURCE.DATASET")]
    target: String,
    /// Day
    #[arg(long, value_name = "YYYY-MM-DD")]
    day: Day,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let settings = shell.settings()?;
    shell.log(&settings, true)?;
    let place = DatasetHandle::to_read(&settings, &args.target).await?;
    let state = place.day(args.day).look().await;
    let state = state.map_err(anyhow::Error::from)?;
    if args.json {
        say(&as_json(&place.dataset, args.day, &state).to_string());
    } else {
        say(&in_words(&place.dataset, args.day, &state, place.zone));
    }
    Ok(Exit::Done)
}

fn as_json(dataset: &Dataset, day: Day, state: &DayState) -> Value {
    let recovery = state.recovery();
    json!({
        "source": dataset.source,
        "dataset": dataset.name,
        "day": day,
        "key": layout::state_key(&dataset.prefix, day),
        "complete": state.is_complete(),
        "accepted": state.accepted().map(|accepted| json!({
            "at": accepted.at.to_rfc3339(),
            "reason": accepted.reason,
        })),
        "lost_files": state.lost_files(),
        "records": state.len(),
        "withdrawn": state.withdrawn(),
        "commits": state.commits(),
        "revision": state.revision(),
        "slices": state.slices(),
        "executions": state.audit(),
        "to_set_right": {
            "rebuild": recovery.rebuilt.as_ref().map(ToString::to_string),
            "removed_ids": recovery.removed_ids,
            "adopt": recovery.adopted,
        },
    })
}

fn in_words(dataset: &Dataset, day: Day, state: &DayState, zone: Tz) -> String {
    let name = dataset.full_name();
    let audit = state.audit();
    if state.is_empty() && audit.is_empty() && !state.is_complete() {
        return format!("{name} {day}: the lake knows nothing of this day");
    }
    let complete = match (state.is_complete(), state.accepted()) {
        (true, _) => "complete".to_owned(),
        (false, None) => "not complete".to_owned(),
        (false, Some(accepted)) => {
            let at = accepted.at.with_timezone(&zone);
            let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
            format!("not complete, accepted on {at}: {}", accepted.reason)
        }
    };
    let withdrawn = match state.withdrawn().len() {
        0 => String::new(),
        gone => format!(", {gone} of them listed by the API no more"),
    };
    let mut lines = vec![
        format!("{name} {day}: {complete}"),
        format!(
            "{} records in {} numbered files{withdrawn}",
            state.len(),
            state.commits()
        ),
        format!(
            "{}, revision {}",
            layout::state_key(&dataset.prefix, day),
            state.revision()
        ),
    ];
    let lost = state.lost_files().iter();
    lines.extend(lost.map(|key| format!("lost: {key}; its records are read again")));
    lines.extend(to_set_right(state));
    lines.push(String::new());
    lines.extend(table::aligned(&slices(state)));
    lines.push(String::new());
    lines.extend(table::aligned(&executions(&audit)));
    lines.extend(reasons(&audit));
    for (id, at) in state.withdrawn() {
        let at = at.with_timezone(&zone);
        let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
        lines.push(format!("listed no more since {at}: {id}"));
    }
    lines.join("\n")
}

/// Returns the repairs that the next run makes first.
fn to_set_right(state: &DayState) -> Vec<String> {
    let recovery = state.recovery();
    let rebuilt = recovery.rebuilt.as_ref();
    let rebuilt = rebuilt.map(|cause| format!("the next run rebuilds it from the files: {cause}"));
    let adopted = recovery.adopted.iter();
    let adopted = adopted.map(|key| format!("the next run adopts {key}"));
    rebuilt.into_iter().chain(adopted).collect()
}

fn slices(state: &DayState) -> Vec<Vec<String>> {
    let mut rows = vec![
        ["slice", "stated", "different ids"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for (label, progress) in state.slices() {
        rows.push(vec![
            label.clone(),
            progress.total.to_string(),
            progress.seen.to_string(),
        ]);
    }
    rows
}

fn executions(audit: &[Value]) -> Vec<Vec<String>> {
    let columns = [
        ("started_at", "started"),
        ("timestamp", "written"),
        ("job", "job"),
        ("status", "status"),
        ("fetched", "fetched"),
        ("new_records", "new"),
        ("duplicates_filtered", "duplicates"),
        ("off_day", "off day"),
        ("requests", "requests"),
    ];
    let head = columns.iter().map(|(_, head)| (*head).to_owned());
    let mut rows = vec![head.chain(["failed".to_owned()]).collect::<Vec<_>>()];
    for entry in audit {
        let cells = columns.iter().map(|(key, _)| match &entry[key] {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        let failed = entry["failed_slices"].as_array();
        let failed = failed.map_or(0, Vec::len).to_string();
        rows.push(cells.chain([failed]).collect());
    }
    rows
}

/// Returns the errors of the last run, and the time of its next attempt; `--json` has those of earlier runs.
fn reasons(audit: &[Value]) -> Vec<String> {
    let Some(entry) = audit.last() else {
        return Vec::new();
    };
    let text = |key: &str| entry[key].as_str();
    let failures = entry["failures"].as_object().into_iter().flatten();
    let failures = failures.map(|(label, reason)| {
        let reason = reason.as_str().unwrap_or_default();
        format!("{label}: {reason}")
    });
    let error = text("error").map(|error| format!("error: {error}"));
    let stop = text("stop").map(|stop| format!("ended early: {stop}"));
    let again = text("again_at").map(|at| format!("to be read again from {at} on"));
    let rest = [error, stop, again].into_iter().flatten();
    let mut lines: Vec<_> = failures.chain(rest).collect();
    if !lines.is_empty() {
        lines.insert(0, "the last run:".to_owned());
        lines.insert(0, String::new());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_run_says_in_words_what_kept_it_from_being_whole() {
        let well = json!({"status": "ok", "failures": {}});
        let entry = json!({
            "status": "partial",
            "failed_slices": ["modalidade=6"],
            "failures": {"modalidade=6": "gave up after 2 tries: 503"},
            "stop": "deadline",
            "again_at": "2025-10-23T09:00:00-03:00",
        });
        assert_eq!(
            reasons(&[well.clone(), entry.clone()])[1..],
            [
                "the last run:",
                "modalidade=6: gave up after 2 tries: 503",
                "ended early: deadline",
                "to be read again from 2025-10-23T09:00:00-03:00 on",
            ]
        );
        assert!(reasons(&[entry, well]).is_empty() && reasons(&[]).is_empty());
    }
}
