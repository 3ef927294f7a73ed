//! Tables that fit the screen.
//!
//! Columns without content are left out. If the rest is wider than the screen, optional columns go first, the
//! most dispensable one before the others; then the widest text column is cut. A row may have notes below it,
//! which are wrapped.

use console::measure_text_width;

use super::page::{clean, wrap};
use super::screen::{Paint, Screen};

/// Space between two columns.
const GAP: usize = 2;
/// Least width to which a column is cut.
const LEAST: usize = 12;
/// Indent of a row's notes.
const NOTE: usize = 4;

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct TableColumn {
    name: &'static str,
    right: bool,
    /// `true` if the column is left out when all its cells are blank, `-` or zero.
    if_used: bool,
    /// Rank among the columns that a narrow screen does without; `None`: it is never left out.
    spare: Option<u8>,
}

impl TableColumn {
    /// Returns a column of texts.
    pub const fn text(name: &'static str) -> Self {
        Self {
            name,
            right: false,
            if_used: false,
            spare: None,
        }
    }

    /// Returns a column of numbers, aligned to the right.
    pub const fn number(name: &'static str) -> Self {
        Self {
            right: true,
            ..Self::text(name)
        }
    }

    /// Leaves the column out if it has no content.
    pub const fn if_used(self) -> Self {
        Self {
            if_used: true,
            ..self
        }
    }

    /// Leaves the column out on narrow screens; the one with the highest `rank` goes first.
    pub const fn spare(self, rank: u8) -> Self {
        Self {
            spare: Some(rank),
            ..self
        }
    }
}

/// One cell.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    text: String,
    paint: Paint,
}

impl Cell {
    /// Returns a cell in the colour of a role.
    pub fn painted(paint: Paint, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            paint,
        }
    }

    fn is_blank(&self) -> bool {
        matches!(self.text.as_str(), "" | "-" | "0")
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::painted(Paint::Plain, text)
    }
}

#[derive(Debug)]
struct TableRow {
    cells: Vec<Cell>,
    notes: Vec<String>,
}

/// A table.
#[derive(Debug)]
pub struct Table {
    columns: Vec<TableColumn>,
    rows: Vec<TableRow>,
}

impl Table {
    /// Creates a table without rows.
    pub fn new(columns: impl IntoIterator<Item = TableColumn>) -> Self {
        Self {
            columns: columns.into_iter().collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row with one cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(TableRow {
            cells: cells.into_iter().map(cleaned).collect(),
            notes: Vec::new(),
        });
    }

    /// Adds a note below the last row.
    pub fn note(&mut self, text: &str) {
        if let Some(row) = self.rows.last_mut() {
            row.notes.push(clean(text));
        }
    }

    /// Returns `true` if the table has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the lines: the names, a rule, and the rows with their notes.
    pub fn lines(&self, screen: Screen) -> Vec<String> {
        let shown = self.fitted(screen.width);
        let head = shown.iter().filter_map(|(index, width)| {
            let column = self.columns.get(*index)?;
            let name = Cell::painted(Paint::Bold, column.name);
            Some((name, *width, column.right))
        });
        let mut lines = vec![line(head, screen)];
        let rule = shown.iter().map(|(_, width)| "─".repeat(*width));
        let rule = rule.collect::<Vec<_>>().join(&" ".repeat(GAP));
        lines.push(screen.paint(Paint::Dim, &rule));
        for row in &self.rows {
            let cells = shown.iter().filter_map(|(index, width)| {
                let cell = row.cells.get(*index)?.clone();
                Some((cell, *width, self.columns.get(*index)?.right))
            });
            lines.push(line(cells, screen));
            for note in &row.notes {
                lines.extend(wrap(screen.width, NOTE, NOTE, note));
            }
        }
        lines
    }

    /// Returns the columns that are shown, each with its width.
    fn fitted(&self, screen: Option<usize>) -> Vec<(usize, usize)> {
        let all = self.columns.iter().enumerate();
        let used = all.filter(|(index, column)| !column.if_used || self.is_used(*index));
        let mut shown: Vec<_> = used
            .map(|(index, column)| (index, self.width_of(index, column)))
            .collect();
        let Some(screen) = screen else {
            return shown;
        };
        while width(&shown) > screen {
            let spare = |at: &(usize, usize)| self.columns.get(at.0).and_then(|one| one.spare);
            let Some(most) = shown.iter().filter_map(spare).max() else {
                break;
            };
            // The last one of equals goes first.
            if let Some(place) = shown.iter().rposition(|at| spare(at) == Some(most)) {
                shown.remove(place);
            }
        }
        let over = width(&shown).saturating_sub(screen);
        let texts = shown.iter_mut().filter(|(index, _)| {
            let column = self.columns.get(*index);
            column.is_some_and(|column| !column.right)
        });
        if over > 0
            && let Some((_, widest)) = texts.max_by_key(|(_, width)| *width)
        {
            *widest = widest.saturating_sub(over).max(LEAST);
        }
        shown
    }

    fn is_used(&self, index: usize) -> bool {
        let mut cells = self.rows.iter().filter_map(|row| row.cells.get(index));
        cells.any(|cell| !cell.is_blank())
    }

    fn width_of(&self, index: usize, column: &TableColumn) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.cells.get(index));
        let widest = cells.map(|cell| measure_text_width(&cell.text)).max();
        widest.unwrap_or(0).max(measure_text_width(column.name))
    }
}

/// Replaces what would break a row.
fn cleaned(cell: Cell) -> Cell {
    Cell {
        text: clean(&cell.text).replace(['\n', '\t'], " "),
        ..cell
    }
}

fn width(shown: &[(usize, usize)]) -> usize {
    let cells: usize = shown.iter().map(|(_, width)| width).sum();
    cells + GAP * shown.len().saturating_sub(1)
}

fn line(cells: impl Iterator<Item = (Cell, usize, bool)>, screen: Screen) -> String {
    let mut text = String::new();
    let mut pending = 0;
    for (cell, width, right) in cells {
        let shown = cut(&cell.text, width);
        let pad = width.saturating_sub(measure_text_width(&shown));
        let before = if right { pad } else { 0 };
        text.push_str(&" ".repeat(pending + before));
        text.push_str(&screen.paint(cell.paint, &shown));
        pending = GAP + pad - before;
    }
    text.trim_end().to_owned()
}

/// Cuts a text in its middle to a width.
fn cut(text: &str, width: usize) -> String {
    let chars: Vec<_> = text.chars().collect();
    if measure_text_width(text) <= width || width < 3 {
        return text.to_owned();
    }
    let (front, back) = (width / 2, width - width / 2 - 1);
    let front = chars.iter().take(front);
    let back = chars.iter().skip(chars.len().saturating_sub(back));
    front.chain(&['…']).chain(back).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs() -> Table {
        let mut table = Table::new([
            TableColumn::text("dataset"),
            TableColumn::text("status"),
            TableColumn::number("new"),
            TableColumn::number("off day").if_used(),
            TableColumn::number("requests").spare(1),
            TableColumn::text("file").spare(2),
        ]);
        let file = "pncp/year=2025/month=10/day=22/pncp_20251022_c000001.parquet";
        let ok = Cell::painted(Paint::Good, "ok, complete");
        table.row([
            "pncp.contratacoes".into(),
            ok,
            "215".into(),
            "0".into(),
            "18".into(),
            file.into(),
        ]);
        let failed = Cell::painted(Paint::Bad, "failed");
        table.row([
            "pncp.atas".into(),
            failed,
            "0".into(),
            "0".into(),
            "2".into(),
            "-".into(),
        ]);
        table.note("all: gave up on https://pncp.gov.br/api/consulta/v1/atas after 2 tries: 503");
        table
    }

    fn shown(table: &Table, width: Option<usize>) -> Vec<String> {
        table.lines(Screen {
            width,
            color: false,
        })
    }

    #[test]
    fn a_table_fits_80_columns_without_its_spare_ones_and_notes_stand_below_their_row() {
        assert_eq!(
            shown(&runs(), Some(80)),
            [
                "dataset            status        new  requests",
                "─────────────────  ────────────  ───  ────────",
                "pncp.contratacoes  ok, complete  215        18",
                "pncp.atas          failed          0         2",
                "    all: gave up on https://pncp.gov.br/api/consulta/v1/atas after 2 tries: 503",
            ]
        );
    }

    #[test]
    fn a_table_has_all_its_used_columns_where_no_terminal_limits_it() {
        let lines = shown(&runs(), None);
        assert!(lines[0].ends_with("requests  file"), "{lines:?}");
        assert!(!lines[0].contains("off day"), "{lines:?}");
        assert_eq!(shown(&runs(), Some(120)), lines);
    }

    #[test]
    fn a_name_that_is_too_long_is_cut_in_its_middle() {
        let lines = shown(&runs(), Some(40));
        assert_eq!(lines[2], "pncp.contratacoes  ok, complete  215");
        let mut table = Table::new([TableColumn::text("dataset"), TableColumn::number("new")]);
        table.row(["comprasnet.legado_itens_pregoes".into(), "1".into()]);
        assert_eq!(shown(&table, Some(25))[2], "comprasnet…s_pregoes    1");
    }

    #[test]
    fn colours_take_no_width_and_an_escape_sequence_of_an_api_does_nothing() {
        let mut table = runs();
        table.row(["\u{1b}[2Jx\ny".into(), "ok".into()]);
        let colored = table.lines(Screen {
            width: Some(80),
            color: true,
        });
        let plain: Vec<_> = colored
            .iter()
            .map(|line| console::strip_ansi_codes(line).into_owned())
            .collect();
        assert_eq!(plain[..4], shown(&table, Some(80))[..4]);
        assert_ne!(colored, plain);
        assert!(plain[5].starts_with("\u{fffd}[2Jx y"), "{plain:?}");
    }
}
