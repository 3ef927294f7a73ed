//! Page of the schedule: the slots of the coming 24 hours by job, what is due, and the jobs with what can be done.

use chrono::{DateTime, TimeDelta, Timelike as _, Utc};
use chrono_tz::Tz;
use maud::{Markup, html};

use crate::server::page::lang::Lang;
use crate::server::page::layout::{Frame, Place, Viewer, form_token, page};
use crate::server::page::overview::zone_of;
use crate::server::page::runs::due;
use crate::server::page::{Glance, parts};
use crate::server::view::{JobSlots, ScheduleView};

/// Width of a lane in its own units: a minute each.
const WIDTH: i64 = 24 * 60;
/// Maximum number of due runs that are listed.
const DUE: usize = 30;

/// Returns the page of schedule and jobs.
pub(super) fn jobs(viewer: &Viewer, glance: &Glance) -> Markup {
    let lang = viewer.lang;
    let words = &lang.words().schedule;
    let schedule = &glance.schedule;
    let frame = Frame {
        viewer,
        title: words.title,
        place: Place::Jobs,
        at: Some((schedule.at, zone_of(&glance.overview))),
        json: Some("/api/v1/schedule".to_owned()),
    };
    page(
        &frame,
        html! {
            h1 { (words.title) }
            section aria-labelledby="next" {
                h2 id="next" { (words.next) }
                (lanes(lang, schedule))
            }
            section aria-labelledby="jobs" {
                h2 id="jobs" { (words.jobs) }
                @if viewer.form_token.is_none() && viewer.can_log_in {
                    p { a href="/login?next=/jobs" { (words.log_in_to_act) } }
                }
                ul class="jobs" { @for job in &schedule.jobs { li { (one_job(viewer, job, schedule.at)) } } }
            }
            section aria-labelledby="due" {
                h2 id="due" { (words.due) }
                @if schedule.due.is_empty() { p { (words.nothing_due) } }
                ul class="waiting" {
                    @for run in schedule.due.iter().take(DUE) { li { (due(lang, run)) } }
                    @if schedule.due_runs > DUE as u64 {
                        li class="small" {
                            "… " (lang.number(schedule.due_runs - DUE as u64)) " " (lang.words().concern.more)
                        }
                    }
                }
            }
        },
    )
}

/// Draws the slots of the coming 24 hours, a lane a job.
pub(super) fn lanes(lang: Lang, schedule: &ScheduleView) -> Markup {
    let words = &lang.words().schedule;
    let zone = schedule
        .jobs
        .first()
        .map_or(Tz::UTC, |job| parts::zone(&job.timezone));
    html! {
        div class="lanes" {
            div class="lane axis" aria-hidden="true" {
                span {}
                (axis(lang, schedule.at, zone))
                span {}
            }
            @for job in &schedule.jobs {
                div class="lane" {
                    span class="name" { (job.source) "." (job.job) }
                    (lane(lang, job, schedule.at))
                    span class="small" {
                        @match (job.paused_since, job.next) {
                            (Some(_), _) => span class="tag partial" { (words.paused) },
                            (None, Some(at)) => (parts::when(lang, at, schedule.at, parts::zone(&job.timezone))),
                            (None, None) => (words.no_slot),
                        }
                    }
                }
            }
        }
    }
}

/// Draws the hours from now on, every third with its name.
fn axis(lang: Lang, now: DateTime<Utc>, zone: Tz) -> Markup {
    let past_hour = i64::from(now.with_timezone(&zone).minute());
    let hours = (0..24).map(|hour| {
        let minutes = hour * 60 + 60 - past_hour;
        (minutes, lang.clock(now + TimeDelta::minutes(minutes), zone))
    });
    let named = hours.filter(|(minutes, clock)| {
        let hour: u32 = clock
            .get(..2)
            .and_then(|hour| hour.parse().ok())
            .unwrap_or(0);
        hour.is_multiple_of(3) && *minutes < WIDTH - 30
    });
    html! {
        svg class="hours" {
            @for (minutes, clock) in named {
                text x=(format!("{:.1}%", minutes as f64 * 100.0 / WIDTH as f64)) y="14" {
                    (clock.get(..2).unwrap_or_default()) "h"
                }
            }
        }
    }
}

fn lane(lang: Lang, job: &JobSlots, now: DateTime<Utc>) -> Markup {
    let words = &lang.words().schedule;
    let zone = parts::zone(&job.timezone);
    let times: Vec<_> = job
        .slots
        .iter()
        .take(4)
        .map(|at| lang.clock(*at, zone))
        .collect();
    let more = if job.slots.len() > times.len() {
        ", …"
    } else {
        ""
    };
    let label = format!(
        "{} {}: {}{more}",
        job.slots.len(),
        words.slots,
        times.join(", ")
    );
    let class = match job.paused_since {
        Some(_) => "slots off",
        None => "slots",
    };
    html! {
        svg class=(class) role="img" aria-label=(label) viewBox=(format!("0 0 {WIDTH} 20"))
            preserveAspectRatio="none" {
            rect class="rail" x="0" y="9" width=(WIDTH) height="2" {}
            @for slot in &job.slots {
                rect class="slot" x=((*slot - now).num_minutes()) y="3" width="6" height="14" {}
            }
        }
    }
}

fn one_job(viewer: &Viewer, job: &JobSlots, now: DateTime<Utc>) -> Markup {
    let lang = viewer.lang;
    let words = &lang.words().schedule;
    let zone = parts::zone(&job.timezone);
    let name = format!("{}.{}", job.source, job.job);
    let action = |what: &str| format!("/jobs/{}/{}/{what}", job.source, job.job);
    let button = |what: &str, text: &str| {
        html! {
            form method="post" action=(action(what)) {
                (form_token(viewer))
                button { (text) span class="vh" { " " (name) } }
            }
        }
    };
    html! {
        div class="job" {
            h3 { (name) }
            p {
                code { (job.cron) } " " span class="small" { (zone.name()) }
                @match (job.paused_since, job.next) {
                    (Some(since), _) => {
                        " · " span class="tag partial" { (words.paused) } " "
                        (parts::when(lang, since, now, zone))
                    }
                    (None, Some(at)) => { " · " (parts::instant(lang, at, now, zone)) " (" (lang.distance(at, now)) ")" }
                    (None, None) => { " · " (words.no_slot) }
                }
            }
            p class="small" { (words.reads) ": " (job.datasets.join(", ")) }
            @if viewer.form_token.is_some() {
                div class="actions" {
                    @if job.paused_since.is_some() { (button("resume", words.resume)) }
                    @else { (button("pause", words.pause)) }
                    (button("run", words.run_now))
                }
            }
        }
    }
}
