//! Reading of the lake for commands that only show it.

use chrono::{DateTime, Utc};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::{CliContext, CliError, complain, target};
use crate::standing::SourceReading;
use bronzed_model::settings::Settings;
use bronzed_storage::lake::Lake;

/// Reads what the lake knows of the datasets that targets name; of all enabled ones without targets. Tables
/// with a different declaration are reported. Nothing is written.
///
/// # Errors
/// Returns an error if a target does not exist, or if the lake can't be read.
pub async fn read(
    shell: &CliContext,
    settings: &Settings,
    targets: &[String],
    now: DateTime<Utc>,
) -> Result<(Lake, Vec<SourceReading>), CliError> {
    let asked = target::find_all(settings, targets)?;
    let lake = Lake::open_existing(&settings.lake).await;
    let lake = lake.map_err(anyhow::Error::from)?;
    let count: usize = asked.iter().map(|(_, datasets)| datasets.len()).sum();
    let bar = spinner(shell, "reading the lake", count, "datasets");
    let mut readings = Vec::new();
    for (source, datasets) in &asked {
        for dataset in datasets {
            if let Err(error) = bronzed_storage::table::look(&lake, dataset).await {
                complain(&error.to_string());
            }
        }
        let reading = SourceReading::read(&lake, source, datasets, now, &|| bar.inc(1)).await?;
        readings.push(reading);
    }
    bar.finish_and_clear();
    Ok((lake, readings))
}

/// Returns a progress line for work of `count` parts. It is drawn on a terminal only.
pub fn spinner(shell: &CliContext, what: &str, count: usize, parts: &str) -> ProgressBar {
    let bar = shell.bars.add(ProgressBar::new(count as u64));
    let template = format!("{{spinner}} {{prefix}}: {{pos}} of {{len}} {parts}  {{msg}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar.set_prefix(what.to_owned());
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    bar
}
