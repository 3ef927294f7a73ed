//! Result of the query that the demo prints, computed here so that it is shown on machines without DuckDB,
//! too.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use anyhow::Context as _;

use crate::cli::text::{Table, TableColumn};
use bronzed_model::declaration::Dataset;
use bronzed_model::json::decimal::Decimal;
use bronzed_model::json::tape::Document;
use bronzed_model::record;
use bronzed_storage::bronze::reader;
use bronzed_storage::lake::Lake;

const NAME: &str = "/modalidadeNome";
const VALUE: &str = "/valorTotalEstimado";

/// Number of decimal places of [`VALUE`], as declared by its column.
const SCALE: u8 = 4;

/// Returns the table of the printed query over all files of the dataset: modality, records, value.
///
/// # Errors
/// Returns an error if a file can't be read.
pub async fn answer(lake: &Lake, dataset: &Dataset) -> anyhow::Result<Table> {
    let mut groups: BTreeMap<String, (u64, i128)> = BTreeMap::new();
    let years = format!("{}/year=", dataset.prefix);
    for entry in lake.list(&dataset.prefix).await? {
        if !entry.key.starts_with(&years) || !entry.key.ends_with(".parquet") {
            continue;
        }
        let file = lake.get(&entry.key).await?;
        let (bytes, _) = file.with_context(|| format!("`{}` is gone", entry.key))?;
        for row in reader::stored(&bytes, &dataset.primary_key, &[NAME, VALUE])? {
            let document = Document::parse(&*row.record)?;
            let name = record::field(document.value(), NAME);
            let value = record::field(document.value(), VALUE);
            let value = value.as_deref().and_then(Decimal::parse);
            let group = groups.entry(name.unwrap_or_default());
            let (count, sum) = group.or_default();
            *count += 1;
            *sum += value
                .and_then(|value| value.to_scaled(38, SCALE))
                .unwrap_or(0);
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, (count, _))| Reverse(*count));
    let mut table = Table::new([
        TableColumn::text("modalidadeNome"),
        TableColumn::number("records"),
        TableColumn::number("valorTotalEstimado"),
    ]);
    for (name, (count, sum)) in groups {
        table.row([name.into(), count.to_string().into(), decimal(sum).into()]);
    }
    Ok(table)
}

fn decimal(scaled: i128) -> String {
    let one = 10_i128.pow(u32::from(SCALE));
    let (sign, scaled) = (if scaled < 0 { "-" } else { "" }, scaled.unsigned_abs());
    let one = one.unsigned_abs();
    format!("{sign}{}.{:04}", scaled / one, scaled % one)
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn sums_keep_their_digits() {
        for (scaled, shown) in [(0, "0.0000"), (-5, "-0.0005"), (1_234_567, "123.4567")] {
            assert_eq!(decimal(scaled), shown);
        }
    }
}
