//! Plot of records a day against the usual for the weekday, as an image of its own.

use maud::{Markup, PreEscaped, html};

use crate::server::page::lang::Lang;
use crate::server::view::{VolumeDay, Volumes};

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 26.0;
const TOP: f64 = 12.0;

/// The image follows the viewer's colour scheme by itself: a page's style sheet doesn't reach into it.
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#5a636b}\
    .band{fill:#8a4b16;opacity:.16}.line{stroke:#d9d5cb;stroke-width:1}.dot{fill:#0f6f66}\
    .odd{fill:#b3341a}@media(prefers-color-scheme:dark){text{fill:#a9b1b8}.line{stroke:#3a4148}\
    .band{fill:#e0a36b;opacity:.25}.dot{fill:#5cc4b6}.odd{fill:#ff8f73}}";

/// Draws the records of each day, with the usual range of its weekday as a band.
pub(super) fn volumes(lang: Lang, view: &Volumes) -> Markup {
    let most = view.days.iter().map(|day| {
        let usual = day.usual.map_or(0, |usual| usual.most);
        day.records.unwrap_or(0).max(usual)
    });
    let scale = Scale {
        most: nice(most.max().unwrap_or(0)),
        days: view.days.len().max(1) as f64,
    };
    let steps = [0.0, 0.5, 1.0].map(|part| (scale.most * part, scale.y(scale.most * part)));
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) {
            style { (PreEscaped(STYLE)) }
            @for (value, y) in steps {
                line class="line" x1=(LEFT) x2=(WIDTH) y1=(y) y2=(y) {}
                text x=(LEFT - 8.0) y=(y + 4.0) text-anchor="end" { (lang.number(value as u64)) }
            }
            @for (index, day) in view.days.iter().enumerate() { (one_day(lang, &scale, index, day)) }
        }
    }
}

struct Scale {
    most: f64,
    days: f64,
}

impl Scale {
    fn width(&self) -> f64 {
        (WIDTH - LEFT) / self.days
    }

    fn x(&self, index: usize) -> f64 {
        LEFT + self.width() * index as f64
    }

    fn y(&self, value: f64) -> f64 {
        let part = value / self.most.max(1.0);
        HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP)
    }
}

fn one_day(lang: Lang, scale: &Scale, index: usize, day: &VolumeDay) -> Markup {
    let (x, width) = (scale.x(index), scale.width());
    let is_odd = match (day.records, day.usual) {
        (Some(records), Some(usual)) => usual.judge(records).is_ne(),
        _ => false,
    };
    html! {
        @if let Some(usual) = day.usual {
            @let (top, bottom) = (scale.y(usual.most as f64), scale.y(usual.least as f64));
            rect class="band" x=(round(x)) y=(round(top)) width=(round(width))
                height=(round((bottom - top).max(1.0))) {}
        }
        @if let Some(records) = day.records {
            circle class=(if is_odd { "odd" } else { "dot" }) cx=(round(x + width / 2.0))
                cy=(round(scale.y(records as f64))) r=(if is_odd { "5" } else { "3.5" }) {
                title { (lang.day(day.day)) ": " (lang.number(records)) }
            }
        }
        @if index.is_multiple_of(14) {
            text x=(round(x)) y=(HEIGHT - 6.0) { (lang.day(day.day)) }
        }
    }
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Returns the next round number, for the end of the axis.
fn nice(most: u64) -> f64 {
    let most = (most.max(1)) as f64;
    let power = 10_f64.powf(most.log10().floor());
    let round = [1.0, 1.2, 1.6, 2.0, 2.4, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let factor = round.into_iter().find(|factor| factor * power >= most);
    factor.unwrap_or(10.0) * power
}
