//! Silver tables, as `bronzed tables verify` shows them.

use serde_json::json;

use crate::cli::text::{Screen, TextPage};
use crate::cli::{say, show};
use bronzed_model::declaration::SilverTable;
use bronzed_storage::lake::Lake;
use bronzed_tables::silver::{SilverComparison, SilverError, verify};

/// Verifies a table and shows what was found. Returns `true` if nothing is wrong.
pub(super) async fn verified(
    lake: &Lake,
    table: &SilverTable,
    as_json: bool,
) -> Result<bool, SilverError> {
    let found = Box::pin(verify(lake, table)).await?;
    match as_json {
        true => say(&json_of(table, &found).to_string()),
        false => show(&page(table, &found, Screen::stdout())),
    }
    Ok(found.is_whole())
}

fn json_of(table: &SilverTable, found: &SilverComparison) -> serde_json::Value {
    let twice = found.twice.iter();
    let twice: Vec<_> = twice
        .map(|one| json!({"id": one.id, "files": one.files}))
        .collect();
    let ahead = found.ahead.iter();
    let ahead: Vec<_> = ahead
        .map(|one| json!({"day": one.day, "taken": one.taken, "stored": one.stored}))
        .collect();
    json!({
        "source": table.source,
        "table": table.name,
        "prefix": table.prefix,
        "version": found.version,
        "files": found.files,
        "rows": found.rows,
        "gone": found.gone,
        "damaged": found.damaged,
        "twice": twice,
        "ahead": ahead,
    })
}

fn page(table: &SilverTable, found: &SilverComparison, screen: Screen) -> TextPage {
    let mut page = TextPage::new(screen);
    let name = table.full_name();
    // A table that was never built has nothing to be wrong.
    let Some(version) = found.version else {
        return page;
    };
    let end = if found.is_whole() {
        ", as in the lake"
    } else {
        ""
    };
    page.line(&format!(
        "{name}: {} files, {} rows, version {version}{end}",
        found.files, found.rows
    ));
    for key in &found.gone {
        page.indented(2, &format!("gone: {key}: readers of the table fail"));
    }
    for (key, reason) in &found.damaged {
        page.indented(2, &format!("damaged: {key}: {reason}"));
    }
    for one in &found.twice {
        let [first, second] = &one.files;
        page.indented(
            2,
            &format!("twice: `{}` is in {first} and {second}", one.id),
        );
    }
    for one in &found.ahead {
        page.indented(
            2,
            &format!(
                "ahead: commit {} of {} is in the table, and bronze has {}",
                one.taken, one.day, one.stored
            ),
        );
    }
    if !found.ahead.is_empty() {
        page.indented(
            2,
            "bronze has lost files: `bronzed state verify` names them; their rows are read again, or restore them from a copy",
        );
    }
    if !found.is_whole() {
        page.indented(
            2,
            &format!("mend: bronzed silver build --rebuild {name}: the table is made anew, of what bronze has"),
        );
    }
    page
}
