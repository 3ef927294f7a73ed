//! Lines of output for one screen.

use console::measure_text_width;

use super::screen::{Paint, Screen};
use super::table::Table;

/// Lines of output, made for a screen. All texts are made harmless: see [`clean`].
#[derive(Debug)]
pub struct TextPage {
    screen: Screen,
    lines: Vec<String>,
}

impl TextPage {
    /// Creates an empty page.
    pub fn new(screen: Screen) -> Self {
        Self {
            screen,
            lines: Vec::new(),
        }
    }

    /// Adds a line, wrapped if it is longer than the screen is wide.
    pub fn line(&mut self, text: &str) {
        self.indented(0, text);
    }

    /// Adds an indented line; if it is wrapped, further lines have two more columns of indent.
    pub fn indented(&mut self, indent: usize, text: &str) {
        let text = clean(text);
        let lines = wrap(self.screen.width, indent, indent + 2, &text);
        self.lines.extend(lines);
    }

    /// Adds a line of texts with their roles, which is not wrapped.
    pub fn painted(&mut self, parts: &[(Paint, &str)]) {
        let parts = parts.iter();
        let parts = parts.map(|(paint, text)| self.screen.paint(*paint, &clean(text)));
        self.lines.push(parts.collect());
    }

    /// Adds a name and a text beside it, which is wrapped in a column of its own. `width` is that of the
    /// name's column.
    pub fn fact(&mut self, indent: usize, (name, width): (&str, usize), text: &str, paint: Paint) {
        let beside = indent + width;
        let name = clean(name);
        let pad = width.saturating_sub(measure_text_width(&name));
        let lead = format!("{:indent$}{name}{:pad$}", "", "");
        for (index, line) in wrap(self.screen.width, beside, beside, &clean(text))
            .iter()
            .enumerate()
        {
            let text = self.screen.paint(paint, line.trim_start());
            let lead = match index {
                0 => self.screen.paint(Paint::Dim, &lead),
                _ => " ".repeat(beside),
            };
            self.lines.push(format!("{lead}{text}"));
        }
    }

    /// Adds an empty line, unless the page is empty or ends with one.
    pub fn blank(&mut self) {
        if self.lines.last().is_some_and(|last| !last.is_empty()) {
            self.lines.push(String::new());
        }
    }

    /// Adds a table.
    pub fn table(&mut self, table: &Table) {
        self.lines.extend(table.lines(self.screen));
    }

    /// Returns the text, without a line break at its end.
    pub fn text(&self) -> String {
        self.lines.join("\n")
    }
}

/// Replaces control characters that a terminal would interpret, because names of fields, values and slices
/// come from an API.
pub fn clean(text: &str) -> String {
    let obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    text.replace(obeyed, "\u{fffd}")
}

/// Returns the lines of a text of at most `width` columns, indented by `first` and then by `rest`. Words that
/// are longer than a line are not broken, so that they can be copied.
pub fn wrap(width: Option<usize>, first: usize, rest: usize, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let indent = if lines.is_empty() { first } else { rest };
        let Some(width) = width.filter(|width| measure_text_width(paragraph) + indent > *width)
        else {
            lines.push(format!("{:indent$}{paragraph}", ""));
            continue;
        };
        let mut line = " ".repeat(indent);
        let mut empty = true;
        for word in paragraph.split(' ') {
            let space = usize::from(!empty);
            if !empty && measure_text_width(&line) + space + measure_text_width(word) > width {
                lines.push(std::mem::replace(&mut line, " ".repeat(rest)));
                line.push_str(word);
                continue;
            }
            line.push_str(&" ".repeat(space));
            line.push_str(word);
            empty = false;
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_wrapped_between_words_with_an_indent() {
        let text = "one two three four https://a.very.long/address/that/is/not/broken five";
        assert_eq!(
            wrap(Some(20), 2, 4, text),
            [
                "  one two three four",
                "    https://a.very.long/address/that/is/not/broken",
                "    five",
            ]
        );
        assert_eq!(wrap(None, 2, 4, text), [format!("  {text}")]);
    }

    #[test]
    fn a_fact_is_wrapped_beside_its_name() {
        let mut page = TextPage::new(Screen {
            width: Some(24),
            color: false,
        });
        page.fact(0, ("why", 10), "gave up after two tries", Paint::Plain);
        assert_eq!(page.text(), "why       gave up after\n          two tries");
    }
}
