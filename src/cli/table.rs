//! Text tables with aligned columns.

/// Aligns cells to columns, numbers to the right; adds a rule below the first row.
pub fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<_> = (0..columns)
        .map(|column| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        })
        .collect();
    let mut lines: Vec<String> = rows.iter().map(|row| line(row, &widths)).collect();
    let rule = widths
        .iter()
        .map(|width| "─".repeat(*width))
        .collect::<Vec<_>>();
    lines.insert(1, rule.join("  "));
    lines
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells: Vec<_> = row
        .iter()
        .zip(widths)
        .map(|(cell, width)| {
            let digits = cell.trim_start_matches(['+', '-']);
            let number =
                !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
            if number {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        })
        .collect();
    cells.join("  ").trim_end().to_owned()
}
