//! Screen that output is made for: its width, and whether it has colours.

use console::{Style, Term};

/// Least width that tables and paragraphs are laid out for.
const LEAST: usize = 40;
/// Width of a terminal that doesn't tell its own.
const USUAL: usize = 80;

/// Width and colours of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Number of columns. `None`: lines are as long as they need, because no terminal shows them.
    pub width: Option<usize>,
    /// `true` if colours are used.
    pub color: bool,
}

/// Role of a text, shown as a colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Paint {
    /// Ordinary text.
    #[default]
    Plain,
    /// Headings and names.
    Bold,
    /// Secondary text.
    Dim,
    /// As it should be.
    Good,
    /// Not as it should be, and it may mend itself.
    Warn,
    /// Failed.
    Bad,
}

impl Screen {
    /// Returns the screen of standard output. The variable `COLUMNS` overrides the width; `NO_COLOR` is
    /// obeyed.
    pub fn stdout() -> Self {
        let asked = std::env::var("COLUMNS").ok();
        let asked = asked.and_then(|columns| columns.parse().ok());
        let terminal = Term::stdout();
        let size = || match terminal.size_checked() {
            Some((_, columns)) => Some(columns.into()),
            // Some terminals don't tell their size.
            None => terminal.is_term().then_some(USUAL),
        };
        let width = asked.or_else(size);
        Self {
            width: width.map(|width: usize| width.max(LEAST)),
            color: console::colors_enabled(),
        }
    }

    /// Returns the text in the colour of its role.
    pub fn paint(self, paint: Paint, text: &str) -> String {
        let style = match paint {
            _ if !self.color || text.is_empty() => return text.to_owned(),
            Paint::Plain => return text.to_owned(),
            Paint::Bold => Style::new().bold(),
            Paint::Dim => Style::new().dim(),
            Paint::Good => Style::new().green(),
            Paint::Warn => Style::new().yellow(),
            Paint::Bad => Style::new().red(),
        };
        style.force_styling(true).apply_to(text).to_string()
    }
}
