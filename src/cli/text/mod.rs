//! Output for people: pages of lines and tables that fit the screen, and one form for times and days.
//!
//! A [`page::TextPage`] is built from plain values, and printed by [`crate::cli::show`]. It knows the width of its
//! screen and whether the screen has colours, so that the same values give the same text in tests.

pub mod brief;
pub mod days;
pub mod page;
pub mod screen;
pub mod table;
pub mod time;

pub use brief::brief;
pub use days::spans;
pub use page::TextPage;
pub use screen::{Paint, Screen};
pub use table::{Cell, Table, TableColumn};

/// Returns a count with its noun: `1 day`, `2 days`.
pub fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}
