//! Catalogue of all log events: `docs/operate/events.md` is generated from it, and a test checks the sources for
//! uncatalogued events.
//!
//! An event is identified by its name, which is the constant message of the line; variable data is in fields.
//! Names and fields are stable, because log monitoring relies on them.

use std::fmt::Write as _;

#[cfg(test)]
mod tests;

/// One event.
#[derive(Debug)]
pub struct CatalogueEvent {
    /// `run finished`
    pub name: &'static str,
    /// Possible levels.
    pub levels: &'static [Level],
    /// Context of the event.
    pub within: Within,
    /// Fields of the event, beside those of its context.
    pub fields: &'static [&'static str],
    /// Meaning, in one or two sentences.
    pub meaning: &'static str,
}

/// Severity of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// A failure that needs a person.
    Error,
    /// An anomaly that the program handles itself.
    Warn,
    /// Normal operation.
    Info,
    /// Single requests.
    Debug,
}

/// Context of an event, which determines the fields of its spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// A run: `run_id`, `source`, `dataset`, `day`, `job`.
    Run,
    /// The comparison of a day with the API: `run_id`, `source`, `dataset`, `day`, `job`.
    Verification,
    /// A run or a comparison, with the fields of either.
    Reading,
    /// The process, without span fields.
    Process,
}

const DEBUG: &[Level] = &[Level::Debug];
const INFO: &[Level] = &[Level::Info];
const ERROR: &[Level] = &[Level::Error];
const WARN: &[Level] = &[Level::Warn];
/// Levels by outcome: success, partial, failure.
const BY_OUTCOME: &[Level] = &[Level::Info, Level::Warn, Level::Error];

/// Every event, in the order of the docs.
pub const CATALOGUE: &[CatalogueEvent] = &[
    CatalogueEvent {
        name: "run started",
        levels: INFO,
        within: Within::Run,
        fields: &["mode"],
        meaning: "The reading of a dataset for a day begins: `mode` is `full`, `new` or `verify`.",
    },
    CatalogueEvent {
        name: "run finished",
        levels: BY_OUTCOME,
        within: Within::Run,
        fields: &[
            "status",
            "complete",
            "fetched",
            "new",
            "duplicates",
            "off_day",
            "misplaced",
            "unidentified",
            "drift",
            "requests",
            "retries",
            "repeats",
            "vanished",
            "withdrawn",
            "returned",
            "files",
            "failed_slices",
            "duration_seconds",
            "error",
        ],
        meaning: "The summary of a run: `ok` as info, `partial` as warning, `failed` as error. \
                  `fetched` + `vanished` = `new` + `duplicates` + `off_day`.",
    },
    CatalogueEvent {
        name: "table index written",
        levels: DEBUG,
        within: Within::Run,
        fields: &["files"],
        meaning: "The table's Delta log has `files` more files: those of the run, and what earlier runs had left.",
    },
    CatalogueEvent {
        name: "table index is late",
        levels: WARN,
        within: Within::Run,
        fields: &["error"],
        meaning: "The table's Delta log couldn't follow the run. Bronze isn't affected; the log follows with the next run of the day.",
    },
    CatalogueEvent {
        name: "requests not kept",
        levels: WARN,
        within: Within::Run,
        fields: &["error"],
        meaning: "The run's requests couldn't be written beside its entry: its page has none. The run itself isn't affected.",
    },
    CatalogueEvent {
        name: "requests not read",
        levels: WARN,
        within: Within::Process,
        fields: &["run_id", "error"],
        meaning: "The kept requests of a run are damaged, or of a newer version: its page has none.",
    },
    CatalogueEvent {
        name: "old requests removed",
        levels: INFO,
        within: Within::Process,
        fields: &["runs"],
        meaning: "The kept requests of `runs` runs are older than 30 days, and were removed.",
    },
    CatalogueEvent {
        name: "old requests not removed",
        levels: WARN,
        within: Within::Process,
        fields: &["error"],
        meaning: "Kept requests of more than 30 days ago couldn't be removed: it is tried again a day later.",
    },
    CatalogueEvent {
        name: "silver table built",
        levels: INFO,
        within: Within::Process,
        fields: &[
            "source",
            "table",
            "version",
            "days",
            "added",
            "changed",
            "deleted",
            "files",
            "bytes",
            "days_left",
        ],
        meaning: "A silver table has taken in `days` of bronze, and is at `version` now. Of its rows so many were added, changed and deleted, \
                  in so many new files.",
    },
    CatalogueEvent {
        name: "silver table not built",
        levels: WARN,
        within: Within::Process,
        fields: &["source", "table", "error"],
        meaning: "A silver table couldn't follow bronze. Bronze isn't affected, what was committed before stays, and the next round tries again.",
    },
    CatalogueEvent {
        name: "silver partition held back",
        levels: WARN,
        within: Within::Process,
        fields: &[
            "source",
            "table",
            "partition",
            "expectation",
            "unexpected",
            "evaluated",
        ],
        meaning: "An expectation of severity `error` failed on new rows of a silver table: they aren't taken in, and readers see the partition as \
                  it was. `bronzed silver status` shows it.",
    },
    CatalogueEvent {
        name: "silver table isn't as expected",
        levels: WARN,
        within: Within::Process,
        fields: &["source", "table", "expectation", "unexpected", "evaluated"],
        meaning: "An expectation of severity `warn` failed on rows that a build has written, or on the table as a whole (`row_count_between`, \
                  `freshness`: one judgement; `exists_in`: its rows). Nothing is held back.",
    },
    CatalogueEvent {
        name: "silver expectation not evaluated",
        levels: INFO,
        within: Within::Process,
        fields: &["source", "table", "expectation", "reason"],
        meaning: "An expectation `exists_in` wasn't evaluated by a build: the other table has no version yet, can't be read, or was built by \
                  another declaration; or the build was stopped. The next build tries again.",
    },
    CatalogueEvent {
        name: "values unfit for a silver column",
        levels: WARN,
        within: Within::Process,
        fields: &["source", "table", "column", "values"],
        meaning: "The declared type of a silver column can't hold so many values: they are null there. Bronze has them.",
    },
    CatalogueEvent {
        name: "silver vacuum failed",
        levels: WARN,
        within: Within::Process,
        fields: &["prefix", "error"],
        meaning: "Files that a silver table doesn't need any more couldn't be deleted. A later build of the table tries again.",
    },
    CatalogueEvent {
        name: "unused file of a silver table not deleted",
        levels: DEBUG,
        within: Within::Process,
        fields: &["key", "error"],
        meaning: "A file that another writer's version has made useless is left for a later build of the table.",
    },
    CatalogueEvent {
        name: "silver build panicked",
        levels: ERROR,
        within: Within::Process,
        fields: &["panic"],
        meaning: "A fault of the program ended the build of a silver table; please report it. The table is as it was, and the next round \
                  tries again.",
    },
    CatalogueEvent {
        name: "Delta checkpoint failed",
        levels: WARN,
        within: Within::Run,
        fields: &["prefix", "error"],
        meaning: "A checkpoint of a Delta log wasn't written, or old versions weren't deleted. The log is read without; the next checkpoint is due after 30 versions.",
    },
    CatalogueEvent {
        name: "table compacted",
        levels: INFO,
        within: Within::Process,
        fields: &["source", "dataset", "days", "files", "bytes", "left"],
        meaning: "`days` of a table have one file each for readers of its Delta log, instead of `files`; `left` days are still due. The numbered files stay.",
    },
    CatalogueEvent {
        name: "table not compacted",
        levels: WARN,
        within: Within::Process,
        fields: &["source", "dataset", "error"],
        meaning: "The compaction of a table has failed. Bronze isn't affected, and readers see the same rows; it is tried again hours later.",
    },
    CatalogueEvent {
        name: "configuration looks wrong",
        levels: WARN,
        within: Within::Process,
        fields: &["place", "detail", "hint"],
        meaning: "Something in the configuration can be read, and is probably a mistake: `place` is a \
                  file with its line or a variable, `hint` tells what would be right.",
    },
    CatalogueEvent {
        name: "traces not delivered",
        levels: WARN,
        within: Within::Process,
        fields: &["reason"],
        meaning: "The collector of `OTEL_EXPORTER_OTLP_ENDPOINT` doesn't take traces: what can't be held is \
                  dropped, and runs go on. Logged once, until it does.",
    },
    CatalogueEvent {
        name: "traces delivered again",
        levels: INFO,
        within: Within::Process,
        fields: &[],
        meaning: "The collector takes traces again.",
    },
    CatalogueEvent {
        name: "run put off",
        levels: INFO,
        within: Within::Run,
        fields: &["requests", "reason"],
        meaning: "The source is down, and the run got nothing: it has left nothing behind, and its day \
                  is read when the source is well.",
    },
    CatalogueEvent {
        name: "state rebuilt from the files",
        levels: WARN,
        within: Within::Run,
        fields: &["cause", "removed_ids"],
        meaning: "The day's state was missing, unreadable, contradictory or of the earlier pipeline, \
                  or files that it counts are gone: `cause` says it.",
    },
    CatalogueEvent {
        name: "new lake created",
        levels: WARN,
        within: Within::Process,
        fields: &["lake", "id"],
        meaning: "There was nothing at the lake's address: a new lake begins there, with `id` as its \
                  identity. Where one should have been, `lake.url` or a mount is wrong.",
    },
    CatalogueEvent {
        name: "table refused",
        levels: ERROR,
        within: Within::Process,
        fields: &["source", "dataset", "reason"],
        meaning: "The dataset's table was written with another declaration or protection than the configuration's: \
                  nothing is read into it, and all other datasets go on. `reason` tells the way out.",
    },
    CatalogueEvent {
        name: "lake adopted",
        levels: INFO,
        within: Within::Process,
        fields: &["lake", "id"],
        meaning: "There are data at the lake's address, and no identity yet: it has one now, \
                  `_bronzed/lake.json`.",
    },
    CatalogueEvent {
        name: "day no longer complete",
        levels: WARN,
        within: Within::Run,
        fields: &[],
        meaning: "The day was complete or accepted, and has lost files, ids or its state: its marker is \
                  taken back, and its records are read again.",
    },
    CatalogueEvent {
        name: "file adopted",
        levels: WARN,
        within: Within::Run,
        fields: &["key"],
        meaning: "A file was found beyond those that the state counts: a run was killed between \
                  file and state.",
    },
    CatalogueEvent {
        name: "file committed",
        levels: INFO,
        within: Within::Run,
        fields: &["key", "rows", "dropped"],
        meaning: "New rows are stored; `dropped` others had been stored by another run meanwhile.",
    },
    CatalogueEvent {
        name: "rows of other days stored here",
        levels: WARN,
        within: Within::Run,
        fields: &["rows", "id", "own_day"],
        meaning: "The day lists so many rows that are of other days by their own date, and those days \
                  don't have them: they are stored under the day that was read. `id` is one of them, \
                  `own_day` the day of its date.",
    },
    CatalogueEvent {
        name: "schema drift seen",
        levels: WARN,
        within: Within::Run,
        fields: &["field", "why", "example", "values"],
        meaning: "So many values went into `_extra`, because no column is declared for them or its \
                  type doesn't hold them; once a run, with one of them. `bronzed schema drift` has all.",
    },
    CatalogueEvent {
        name: "expectation failed",
        levels: WARN,
        within: Within::Run,
        fields: &[
            "expectation",
            "check",
            "severity",
            "evaluated",
            "unexpected",
        ],
        meaning: "Fewer of the run's new rows are as expected than the dataset's `expect` table asks for. They are \
                  stored all the same; `bronzed quality` shows examples.",
    },
    CatalogueEvent {
        name: "feed coverage forgotten",
        levels: WARN,
        within: Within::Run,
        fields: &["files", "example"],
        meaning: "Files of days that a feed had covered are lost: the next walk reads the whole feed again, \
                  and stores their records anew.",
    },
    CatalogueEvent {
        name: "records without a readable day",
        levels: WARN,
        within: Within::Run,
        fields: &["rows", "stored_under"],
        meaning: "Records of a feed whose date is missing or in another form: they are stored under one \
                  day for all of them.",
    },
    CatalogueEvent {
        name: "known rows can't be read",
        levels: WARN,
        within: Within::Run,
        fields: &["key", "error"],
        meaning: "A snapshot's known rows are damaged; they are made of the files again.",
    },
    CatalogueEvent {
        name: "known rows can't be kept",
        levels: WARN,
        within: Within::Run,
        fields: &["error"],
        meaning: "The next run makes a snapshot's known rows of more files than it need.",
    },
    CatalogueEvent {
        name: "slice read",
        levels: DEBUG,
        within: Within::Run,
        fields: &["slice", "total"],
        meaning: "A slice was read as the run's mode asks.",
    },
    CatalogueEvent {
        name: "slice not complete",
        levels: WARN,
        within: Within::Run,
        fields: &["slice", "reason"],
        meaning: "A slice couldn't be read, or its proof doesn't hold; the run will be `partial`.",
    },
    CatalogueEvent {
        name: "pages are smaller",
        levels: WARN,
        within: Within::Run,
        fields: &["slice", "declared", "rows"],
        meaning: "The API hands out fewer rows a page than `page_size` declares; the slice is read by \
                  the size that it uses.",
    },
    CatalogueEvent {
        name: "known rows are answered empty",
        levels: WARN,
        within: Within::Run,
        fields: &["known_day", "slice"],
        meaning: "A page that is known to have rows is answered empty: the API has failed, and no \
                  empty answer of the run is believed.",
    },
    CatalogueEvent {
        name: "answer contradicts the slice",
        levels: WARN,
        within: Within::Run,
        fields: &["slice", "page", "attempt", "reason"],
        meaning: "A page isn't what the API said before; it is asked for again.",
    },
    CatalogueEvent {
        name: "request answered",
        levels: DEBUG,
        within: Within::Reading,
        fields: &[
            "source", "dataset", "day", "slice", "page", "attempt", "status", "bytes",
        ],
        meaning: "An answer came, whatever it says.",
    },
    CatalogueEvent {
        name: "request failed",
        levels: WARN,
        within: Within::Reading,
        fields: &[
            "source", "dataset", "day", "slice", "page", "attempt", "status", "reason", "detail",
            "wait_ms",
        ],
        meaning: "A request failed, by the kinds of failure of `bronzed_retries_total`; it is sent \
                  again after `wait_ms`, without which it was the last try.",
    },
    CatalogueEvent {
        name: "source taken for down",
        levels: WARN,
        within: Within::Reading,
        fields: &["source", "what", "failures", "reason"],
        meaning: "So many requests in a row have failed that `what` (a host, or one endpoint of it) is \
                  only probed from now on: no run begins that could only fail. Told once, however \
                  long it lasts.",
    },
    CatalogueEvent {
        name: "parents listed",
        levels: INFO,
        within: Within::Run,
        fields: &["parents", "left"],
        meaning: "A child's day has so many parents, of which so many aren't done.",
    },
    CatalogueEvent {
        name: "parent skipped",
        levels: INFO,
        within: Within::Run,
        fields: &["slice", "status"],
        meaning: "A rule says that the API knows no such parent: it has no children.",
    },
    CatalogueEvent {
        name: "blackout waited out",
        levels: INFO,
        within: Within::Reading,
        fields: &["source", "dataset", "wait_ms"],
        meaning: "Requests wait for the end of the hours in which nothing is asked of the source.",
    },
    CatalogueEvent {
        name: "source answers again",
        levels: INFO,
        within: Within::Reading,
        fields: &["source", "what", "seconds"],
        meaning: "A probe was answered: `what` was down for so many seconds, and what waits for it \
                  goes on.",
    },
    CatalogueEvent {
        name: "day verified",
        levels: BY_OUTCOME,
        within: Within::Verification,
        fields: &[
            "outcome",
            "complete",
            "stored",
            "withdrawn",
            "requests",
            "different_slices",
            "reason",
        ],
        meaning: "A day was compared with what the API states: `same` and `repaired` as info, \
                  `different` and `unknown` (not every slice answered) as warning, `failed` as error.",
    },
    CatalogueEvent {
        name: "mark of a verified day not written",
        levels: WARN,
        within: Within::Process,
        fields: &["key"],
        meaning: "Others kept writing the document; the day is compared once more.",
    },
    CatalogueEvent {
        name: "stopped before all days were read",
        levels: WARN,
        within: Within::Process,
        fields: &["unread"],
        meaning: "A signal ended `bronzed run`; what was read is committed.",
    },
    CatalogueEvent {
        name: "stopping",
        levels: WARN,
        within: Within::Process,
        fields: &["detail"],
        meaning: "The first SIGINT or SIGTERM.",
    },
    CatalogueEvent {
        name: "nothing can be paused or asked for: no token",
        levels: INFO,
        within: Within::Process,
        fields: &[],
        meaning: "The daemon has started without `server.token`, so that its API refuses whatever \
                  changes something. A token takes a restart.",
    },
    CatalogueEvent {
        name: "limit shared with another process",
        levels: INFO,
        within: Within::Process,
        fields: &["source", "processes", "share", "of"],
        meaning: "So many processes of the lake ask this source; this one may have `share` of `of` \
                  requests in flight, or waits for its turn where that is 0.",
    },
    CatalogueEvent {
        name: "limit shared no longer",
        levels: INFO,
        within: Within::Process,
        fields: &["source", "share"],
        meaning: "The other processes have given back their shares of the source's limits.",
    },
    CatalogueEvent {
        name: "lease taken over",
        levels: WARN,
        within: Within::Process,
        fields: &["source", "host", "pid", "command", "expired"],
        meaning: "A process ended, or lost the lake, without giving back its share of the source's \
                  limits; the others have it now.",
    },
    CatalogueEvent {
        name: "lease not kept",
        levels: WARN,
        within: Within::Process,
        fields: &["source", "error"],
        meaning: "The lake couldn't be asked for this process's share of the source's limits: it goes \
                  on with the last one for a minute, and then with one request at a time.",
    },
    CatalogueEvent {
        name: "lease not given back",
        levels: DEBUG,
        within: Within::Process,
        fields: &["source", "error"],
        meaning: "The lake couldn't be told that this process asks the source no longer; its share \
                  expires by itself.",
    },
    CatalogueEvent {
        name: "daemon started",
        levels: INFO,
        within: Within::Process,
        fields: &["version", "listen", "sources"],
        meaning: "`bronzed daemon` listens, and is about to look at its jobs.",
    },
    CatalogueEvent {
        name: "run due",
        levels: INFO,
        within: Within::Process,
        fields: &["source", "dataset", "day", "job", "mode", "reason", "slot"],
        meaning: "A run of a job has its place and begins: `reason` is `slot`, `catch_up` \
                  (its slot passed while nobody was there), `coverage`, `retry` or \
                  `settle` (read well, and read again when it can be proven).",
    },
    CatalogueEvent {
        name: "slots missed",
        levels: INFO,
        within: Within::Process,
        fields: &["source", "dataset", "job", "reason", "slots"],
        meaning: "Slots passed without a run of their own: `downtime`, `overlap` or \
                  `paused`. What they asked for is caught up with.",
    },
    CatalogueEvent {
        name: "dataset stale",
        levels: WARN,
        within: Within::Process,
        fields: &["source", "dataset", "job", "age_seconds", "bound_seconds"],
        meaning: "The last run that did well what the job asks for is longer ago than its \
                  `freshness`. Told once.",
    },
    CatalogueEvent {
        name: "dataset fresh again",
        levels: INFO,
        within: Within::Process,
        fields: &["source", "dataset", "job"],
        meaning: "A run has ended well since.",
    },
    CatalogueEvent {
        name: "days overdue",
        levels: WARN,
        within: Within::Process,
        fields: &["source", "dataset", "day", "days"],
        meaning: "So many days could have been complete for longer than `complete_by` of their job; \
                  `day` is the oldest that isn't. Told once.",
    },
    CatalogueEvent {
        name: "days no longer overdue",
        levels: INFO,
        within: Within::Process,
        fields: &["source", "dataset"],
        meaning: "They are complete, or accepted.",
    },
    CatalogueEvent {
        name: "named days not noted",
        levels: WARN,
        within: Within::Process,
        fields: &["source", "dataset", "error"],
        meaning: "The first day that a job has named couldn't be read or written \
                  (`_bronzed/named`): it is tried again within an hour.",
    },
    CatalogueEvent {
        name: "files of complete days gone",
        levels: WARN,
        within: Within::Process,
        fields: &["source", "dataset", "days", "oldest"],
        meaning: "So many days have a marker, and fewer or shorter files than noted when they were marked. \
                  They aren't complete any more, and are read again.",
    },
    CatalogueEvent {
        name: "backfill waits",
        levels: WARN,
        within: Within::Process,
        fields: &["what", "since", "reason", "probe_at", "hint"],
        meaning: "`bronzed backfill` waits for the end of an outage: `what` is a host, an endpoint or \
                  the lake, asked again at `probe_at`. Told once, however long it lasts.",
    },
    CatalogueEvent {
        name: "backfill goes on",
        levels: INFO,
        within: Within::Process,
        fields: &["seconds"],
        meaning: "The outage is over after so long, and the same day was read.",
    },
    CatalogueEvent {
        name: "backfill gave up",
        levels: ERROR,
        within: Within::Process,
        fields: &["what", "reason", "unread", "max_outage"],
        meaning: "The outage has lasted longer than `--max-outage`: so many days are left for the next \
                  backfill.",
    },
    CatalogueEvent {
        name: "days put off",
        levels: WARN,
        within: Within::Process,
        fields: &["put_off", "what", "since", "reason", "hint"],
        meaning: "`bronzed run` has left out so many days because `what` is down; `bronzed backfill` \
                  waits for it.",
    },
    CatalogueEvent {
        name: "alert started",
        levels: WARN,
        within: Within::Process,
        fields: &["alert", "summary", "detail", "hint"],
        meaning: "A rule of `[alerts.rules]` holds for long enough: told once, and through each channel. \
                  `alert` is its key, such as `down/pncp`.",
    },
    CatalogueEvent {
        name: "alert ended",
        levels: INFO,
        within: Within::Process,
        fields: &["alert", "summary", "since"],
        meaning: "It holds no more: told once, and through each channel.",
    },
    CatalogueEvent {
        name: "alert delivered",
        levels: INFO,
        within: Within::Process,
        fields: &["channel", "id", "attempts"],
        meaning: "A channel has taken a message.",
    },
    CatalogueEvent {
        name: "alert not delivered",
        levels: WARN,
        within: Within::Process,
        fields: &["channel", "id", "attempts", "error"],
        meaning: "A channel hasn't taken a message: it is tried again after a minute, then at a distance \
                  that doubles up to an hour.",
    },
    CatalogueEvent {
        name: "alert given up",
        levels: ERROR,
        within: Within::Process,
        fields: &["channel", "id", "attempts"],
        meaning: "A message waited for three days, or a hundred later ones wait for the same channel: \
                  nobody was told. `bronzed alert test` says what is wrong with the channel.",
    },
    CatalogueEvent {
        name: "alert channel not usable",
        levels: ERROR,
        within: Within::Process,
        fields: &["channel", "error"],
        meaning: "A channel, or the heartbeat, can't send anything from this machine.",
    },
    CatalogueEvent {
        name: "alerts not kept",
        levels: WARN,
        within: Within::Process,
        fields: &["error"],
        meaning: "The ledger of alerts can't be read or written. Alerts go on from memory, and are noted \
                  when the lake takes them. Told once, however long it lasts.",
    },
    CatalogueEvent {
        name: "heartbeat not sent",
        levels: WARN,
        within: Within::Process,
        fields: &["error"],
        meaning: "The URL of the heartbeat doesn't answer well. Told once, however long it lasts.",
    },
    CatalogueEvent {
        name: "lake refuses writes",
        levels: WARN,
        within: Within::Process,
        fields: &["error"],
        meaning: "It is full, read-only or out of reach: nothing begins until a probe is taken, and \
                  `/readyz` says so. Told once, however long it lasts.",
    },
    CatalogueEvent {
        name: "lake takes writes again",
        levels: INFO,
        within: Within::Process,
        fields: &["seconds"],
        meaning: "A probe was taken: the lake refused writes for so long, and everything goes on.",
    },
    CatalogueEvent {
        name: "lake not reached",
        levels: WARN,
        within: Within::Process,
        fields: &["error"],
        meaning: "At the start: the lake can't be reached, or has no room; it is tried again every ten seconds.",
    },
    CatalogueEvent {
        name: "lake not read",
        levels: WARN,
        within: Within::Process,
        fields: &["source", "dataset", "error"],
        meaning: "What the lake has of a dataset isn't known, or not newly; it is asked \
                  again.",
    },
    CatalogueEvent {
        name: "paused jobs not read",
        levels: WARN,
        within: Within::Process,
        fields: &["error"],
        meaning: "The lake didn't tell which jobs are paused; those known of stay so.",
    },
    CatalogueEvent {
        name: "verified day not marked",
        levels: WARN,
        within: Within::Process,
        fields: &["source", "dataset", "day", "error"],
        meaning: "A day was compared, and the lake didn't take the note of it; it may be \
                  compared once more.",
    },
    CatalogueEvent {
        name: "cron expression left to the tick",
        levels: WARN,
        within: Within::Process,
        fields: &["source", "cron", "error"],
        meaning: "The cron crate can't read it; its slots are found up to 15 s late.",
    },
    CatalogueEvent {
        name: "cron scheduler failed",
        levels: WARN,
        within: Within::Process,
        fields: &["error"],
        meaning: "All slots are found by the tick, up to 15 s late.",
    },
    CatalogueEvent {
        name: "clock set, or machine asleep",
        levels: WARN,
        within: Within::Process,
        fields: &["seconds"],
        meaning: "The clock went on by so many seconds more (or, negative, less) than the \
                  machine's ticks.",
    },
    CatalogueEvent {
        name: "run panicked",
        levels: ERROR,
        within: Within::Process,
        fields: &["run_id", "source", "dataset", "day", "job", "panic"],
        meaning: "A fault of the program ended a run; it is audited as failed, and nothing \
                  else is affected.",
    },
    CatalogueEvent {
        name: "run not audited",
        levels: ERROR,
        within: Within::Process,
        fields: &["run_id", "source", "dataset", "day", "job", "error"],
        meaning: "The lake didn't take the entry of a run that panicked.",
    },
    CatalogueEvent {
        name: "panicked",
        levels: ERROR,
        within: Within::Process,
        fields: &["place", "message"],
        meaning: "A fault of the program, and where.",
    },
    CatalogueEvent {
        name: "daemon stopping",
        levels: INFO,
        within: Within::Process,
        fields: &["runs", "grace_seconds"],
        meaning: "Nothing new begins; so many runs commit what they have read.",
    },
    CatalogueEvent {
        name: "run abandoned",
        levels: WARN,
        within: Within::Process,
        fields: &["run_id", "source", "dataset", "day", "job"],
        meaning: "The grace was over before the run had ended; what it had committed is \
                  adopted by the next.",
    },
    CatalogueEvent {
        name: "daemon stopped",
        levels: INFO,
        within: Within::Process,
        fields: &[],
        meaning: "Everything has ended.",
    },
    CatalogueEvent {
        name: "runs asked for",
        levels: INFO,
        within: Within::Process,
        fields: &["source", "dataset", "days"],
        meaning: "Somebody asked for runs of so many days over the API or on the page.",
    },
    CatalogueEvent {
        name: "backfill asked for",
        levels: INFO,
        within: Within::Process,
        fields: &["source", "dataset", "from", "to"],
        meaning: "Somebody asked for a backfill over the API or on the page.",
    },
    CatalogueEvent {
        name: "pause of a job asked for",
        levels: INFO,
        within: Within::Process,
        fields: &["source", "job", "paused"],
        meaning: "Somebody asked over the API or on the page that a job be paused, or resumed (`paused` is false).",
    },
    CatalogueEvent {
        name: "run of a job asked for",
        levels: INFO,
        within: Within::Process,
        fields: &["source", "job"],
        meaning: "Somebody asked over the API or on the page that a job be run now.",
    },
    CatalogueEvent {
        name: "stop of a backfill asked for",
        levels: INFO,
        within: Within::Process,
        fields: &["source", "dataset"],
        meaning: "Somebody asked over the API or on the page that a backfill be stopped; what is being read goes on.",
    },
    CatalogueEvent {
        name: "login refused",
        levels: WARN,
        within: Within::Process,
        fields: &[],
        meaning: "Somebody gave another token than the configured one to the status page.",
    },
    CatalogueEvent {
        name: "connection not accepted",
        levels: WARN,
        within: Within::Process,
        fields: &["error"],
        meaning: "The server has no descriptors or memory left for a connection; it goes on.",
    },
    CatalogueEvent {
        name: "connection ended",
        levels: DEBUG,
        within: Within::Process,
        fields: &["error"],
        meaning: "A client of the server broke off or ran into a time-out.",
    },
];

/// Renders the catalogue as `docs/operate/events.md`.
pub fn to_markdown() -> String {
    let mut page = String::from(
        "# Events\n\n\
         What the program logs, on standard error: pretty on a terminal, else one JSON object a \
         line\n(`telemetry.format` decides otherwise). This page is written from the catalogue in \
         `src/telemetry/events`\n(`UPDATE_DOCS=1 cargo test --lib telemetry::events`), and nothing \
         is logged that isn't in it.\n\n\
         ```json\n\
         {\"timestamp\": \"2025-10-23T06:00:03.120456Z\", \"level\": \"INFO\", \"event\": \"file \
         committed\",\n \"run_id\": \"019a…\", \"source\": \"pncp\", \"dataset\": \"contratacoes\", \
         \"day\": \"2025-10-22\", \"job\": \"daily\",\n \"key\": \"pncp/year=2025/…\", \"rows\": 812, \
         \"dropped\": 0, \"target\": \"bronzed_engine::ingest::intake\"}\n```\n\n\
         `event` is the name below, `timestamp` is in UTC, `target` says where in the program. Every \
         line of a run\ncarries `run_id`, `source`, `dataset`, `day` and `job`; so does every line of a \
         comparison with the API, whose\n`run_id` is that of its repair, too. Lines of \
         libraries have other targets than `bronzed…`.\n\n\
         | event | level | within | fields | meaning |\n|---|---|---|---|---|\n",
    );
    for event in CATALOGUE {
        let levels: Vec<_> = event.levels.iter().map(|level| level.name()).collect();
        let fields: Vec<_> = event.fields.iter().map(|f| format!("`{f}`")).collect();
        // Writing to a string can't fail.
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} |",
            event.name,
            levels.join(", "),
            event.within.name(),
            fields.join(", "),
            event.meaning
        );
    }
    page
}

impl Level {
    /// Name in log lines, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

impl Within {
    fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Verification => "comparison",
            Self::Reading => "run or comparison",
            Self::Process => "process",
        }
    }
}
