//! `bronzed state verify`: checks that files, states and markers agree.

use serde_json::json;

use super::{DatasetHandle, Opened, Selection};
use crate::cli::reading::spinner;
use crate::cli::{CliContext, CliError, Exit, complain, say};
use bronzed_storage::state::{Inspection, inspect};

/// Maximum number of findings printed for a day.
const TOLD: usize = 20;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Print one JSON object per day, with every finding
    #[arg(long)]
    json: bool,
}

pub async fn run(shell: &CliContext, args: Args) -> Result<Exit, CliError> {
    let Opened { place, table, days } = args.selection.open(shell).await?;
    let name = place.dataset.full_name();
    let (mut sound, mut unread) = (0, 0);
    let bar = spinner(shell, &name, days.len(), "days");
    for day in &days {
        bar.set_message(day.to_string());
        match inspect(&place.lake, &place.dataset, place.zone, *day).await {
            Ok(found) => {
                sound += usize::from(found.findings.is_empty());
                bar.suspend(|| match args.json {
                    true => say(&as_json(&place, &found).to_string()),
                    false => in_words(&name, &found).iter().for_each(|line| say(line)),
                });
            }
            Err(error) => {
                unread += 1;
                bar.suspend(|| complain(&format!("{name} {day}: {error}")));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    for key in &table.strays {
        complain(&format!(
            "{name}: `{key}` has no place there; readers of the table may take it for a part of it: move it away"
        ));
    }
    if !args.json {
        say(&format!("{sound} of {} days are sound", days.len()));
        if sound + unread < days.len() {
            say(
                "`bronzed state rebuild` makes states anew from their files, as the next run of such \
                 a day does; what files that are gone held is read again then",
            );
        }
    }
    Ok(match sound == days.len() && table.strays.is_empty() {
        true => Exit::Done,
        false => Exit::Failed,
    })
}

fn as_json(place: &DatasetHandle, found: &Inspection) -> serde_json::Value {
    let findings = found.findings.iter();
    let findings: Vec<_> = findings
        .map(|finding| json!({"promise": format!("{:?}", finding.promise), "what": finding.what}))
        .collect();
    json!({
        "source": place.dataset.source,
        "dataset": place.dataset.name,
        "day": found.day,
        "files": found.files,
        "rows": found.rows,
        "ids": found.ids,
        "earlier": found.earlier,
        "sound": findings.is_empty(),
        "findings": findings,
    })
}

fn in_words(name: &str, found: &Inspection) -> Vec<String> {
    let day = found.day;
    let mut lines: Vec<_> = found
        .findings
        .iter()
        .take(TOLD)
        .map(|finding| format!("{name} {day}: {finding}"))
        .collect();
    let more = found.findings.len().saturating_sub(TOLD);
    if more > 0 {
        lines.push(format!("{name} {day}: and {more} more; --json has them"));
    }
    if found.earlier {
        lines.push(format!(
            "{name} {day}: the state is of the earlier pipeline; the first run takes the day over"
        ));
    }
    lines
}
