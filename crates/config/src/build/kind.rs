//! Builds the kind of a dataset, and the tables that belong to it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Build;
use super::dataset::SourceDefaults;
use crate::conform::nearest;
use crate::place::KeyPath;
use crate::raw::dataset::{
    CoverageTable, DatasetTable, KindWord, PaginatorType, ParentTable, WindowTable,
};
use crate::raw::source::SourceFile;
use bronzed_model::day::Day;
use bronzed_model::declaration::{Days, Kind, Parent, Window, WindowEnd};
use bronzed_model::schema::Schema;

/// Variables of the window, for templates.
pub const WINDOW_VARIABLES: [&str; 2] = ["start", "end"];

impl DatasetTable {
    /// Returns the declared kind. Default: `dated`.
    pub fn kind(&self) -> KindWord {
        self.kind.unwrap_or(KindWord::Dated)
    }
}

impl Build<'_> {
    /// Builds the kind of the dataset at `path`; `used` are the variables in its templates.
    pub fn kind(
        &mut self,
        path: &KeyPath,
        table: &DatasetTable,
        used: &BTreeSet<&str>,
        shared: &SourceDefaults<'_>,
    ) -> Option<Kind> {
        let kind = table.kind();
        self.tables_of_kind(path, table);
        Some(match kind {
            KindWord::Dated => {
                let path = path.key("window");
                let Some(window) = &table.window else {
                    let why = "a day is a request parameter of a dated dataset";
                    self.lacks(&path, why, "write the table, with start_param and format");
                    return None;
                };
                Kind::Dated(self.window(&path, window, used, shared))
            }
            KindWord::Snapshot => Kind::Snapshot,
            KindWord::Feed => {
                self.feed_paging(&path.key("paginator"), table);
                Kind::Feed
            }
            KindWord::Child => {
                let path = path.key("parent");
                let Some(parent) = &table.parent else {
                    let why = "a child is read for the records of another dataset";
                    self.lacks(&path, why, "write the table, with dataset and bind");
                    return None;
                };
                Kind::Child(self.parent(&path, parent, used, shared)?)
            }
        })
    }

    /// Requires `offset` pagination with an overlap for a feed, because records that appear on two pages
    /// prove that a walk skipped none.
    fn feed_paging(&mut self, path: &KeyPath, table: &DatasetTable) {
        let Some(paginator) = &table.paginator else {
            return;
        };
        let Some(style) = paginator.style else {
            return;
        };
        if style != PaginatorType::Offset {
            let path = path.key("type");
            let what = format!("`{path} = \"{}\"` is no way through a feed", style.word());
            self.complain(&path, what, "write \"offset\", so that pages can overlap");
        } else if paginator.overlap.unwrap_or(0) == 0 {
            let why = "only by records that come twice does a walk know that it has missed none";
            self.lacks(
                &path.key("overlap"),
                why,
                "write overlap = 20, a small part of the page",
            );
        }
    }

    /// Rejects tables that do not apply to the dataset's kind.
    fn tables_of_kind(&mut self, path: &KeyPath, table: &DatasetTable) {
        let kind = table.kind();
        let of_days = matches!(kind, KindWord::Dated | KindWord::Feed);
        let with_slices = matches!(kind, KindWord::Dated | KindWord::Snapshot);
        let said = [
            (
                "window",
                table.window.is_some() && !of_days,
                "a snapshot's day is the day of reading, a child's is its parent's",
            ),
            (
                "slices",
                !table.slices.0.is_empty() && !with_slices,
                "a child's requests follow from its parent, and a feed is one list",
            ),
            (
                "parent",
                table.parent.is_some() && kind != KindWord::Child,
                "only a dataset of kind `child` has a parent",
            ),
            (
                "version",
                table.version.is_some() && kind == KindWord::Snapshot,
                "a snapshot tells by itself what has changed",
            ),
        ];
        for (key, _, why) in said.into_iter().filter(|(_, wrong, _)| *wrong) {
            let path = path.key(key);
            let what = format!("`{path}` doesn't belong to the kind of dataset that is said");
            self.complain(
                &path,
                what,
                format!("leave it out, or say another kind: {why}"),
            );
        }
    }

    fn window(
        &mut self,
        path: &KeyPath,
        table: &WindowTable,
        used: &BTreeSet<&str>,
        shared: &SourceDefaults<'_>,
    ) -> Window {
        if table.start_param.is_none() && !used.contains("start") {
            let why = "it takes the window's start";
            let hint = "name the parameter, or write `{start}` into the path or a parameter";
            self.lacks(&path.key("start_param"), why, hint);
        }
        match &table.format {
            Some(format) => self.day_format(&path.key("format"), format),
            None => self.lacks(
                &path.key("format"),
                "it says how a day is written in a request",
                "write it with strftime's letters: format = \"%Y%m%d\"",
            ),
        }
        let sends_end = table.end_param.is_some() || used.contains("end");
        if sends_end && table.end.is_none() {
            self.lacks(
                &path.key("end"),
                "APIs differ in whether the end belongs to the window",
                "write end = \"inclusive\" or end = \"exclusive\"",
            );
        } else if table.end.is_some()
            && !sends_end
            && !self.places.is_refused(&path.key("end_param"))
        {
            let path = path.key("end");
            let what = format!("`{path}` is said, but no `end_param` sends it");
            self.complain(&path, what, "name the parameter, or leave `end` out");
        }
        Window {
            start_param: table.start_param.clone(),
            end_param: table.end_param.clone(),
            format: table.format.clone().unwrap_or_default(),
            end: table.end.unwrap_or(WindowEnd::Inclusive),
            zone: shared.zone,
        }
    }

    /// Builds the properties of the dataset's days.
    pub fn days(
        &mut self,
        path: &KeyPath,
        table: &DatasetTable,
        schema: Option<&Schema>,
        shared: &SourceDefaults<'_>,
    ) -> Days {
        let feed = table.kind() == KindWord::Feed;
        let window = table.window.as_ref();
        let of_dataset = path;
        let (path, day_field) = (
            path.key("window"),
            window.and_then(|w| w.day_field.as_deref()),
        );
        if feed && day_field.is_none() {
            let why = "a feed's days are those of its records";
            self.lacks(
                &path.key("day_field"),
                why,
                "name the field with the record's date",
            );
        }
        if let Some(window) = window.filter(|_| feed) {
            self.no_window_of_feed(&path, window);
        }
        let day_format = window.and_then(|w| w.day_format.as_deref());
        let day_format = day_format.unwrap_or("%Y-%m-%d");
        self.day_format(&path.key("day_format"), day_format);
        let earliest = window.and_then(|w| w.earliest.as_deref());
        let settle = window.and_then(|w| w.settle.as_deref());
        let earliest = earliest.and_then(|text| self.day(&path.key("earliest"), text));
        Days {
            coverage_from: self.coverage(of_dataset, &table.coverage, earliest),
            earliest,
            day_field: day_field
                .map(|field| self.declared_field(&path.key("day_field"), field, schema)),
            day_format: day_format.to_owned(),
            settle: self.duration(&path.key("settle"), settle, Duration::ZERO),
            zone: shared.zone,
        }
    }

    /// Returns the first day of the coverage, which must not be before `window.earliest`.
    fn coverage(
        &mut self,
        path: &KeyPath,
        table: &CoverageTable,
        earliest: Option<Day>,
    ) -> Option<Day> {
        let path = path.key("coverage").key("from");
        let from = self.day(&path, table.from.as_deref()?)?;
        if let Some(earliest) = earliest.filter(|earliest| from < *earliest) {
            self.complain(
                &path,
                format!("`{path} = {from}` is before `window.earliest`: the API has nothing then"),
                format!("write from = {earliest}, or a later day"),
            );
        }
        Some(from)
    }

    fn no_window_of_feed(&mut self, path: &KeyPath, window: &WindowTable) {
        let of_requests = [
            ("start_param", window.start_param.is_some()),
            ("end_param", window.end_param.is_some()),
            ("format", window.format.is_some()),
            ("end", window.end.is_some()),
        ];
        for (key, _) in of_requests.into_iter().filter(|(_, said)| *said) {
            let path = path.key(key);
            let what = format!("`{path}` doesn't belong to a feed, which isn't asked for days");
            self.complain(&path, what, "leave it out, or write kind = \"dated\"");
        }
    }

    fn parent(
        &mut self,
        path: &KeyPath,
        table: &ParentTable,
        used: &BTreeSet<&str>,
        shared: &SourceDefaults<'_>,
    ) -> Option<Parent> {
        let named = table.dataset.as_deref()?;
        let at = path.key("dataset");
        let parent = self.dataset_named(&at, named, shared.tables)?;
        if !leads_to_a_root(named, shared.tables) {
            let what = format!("`{at} = \"{named}\"` leads back to the dataset itself");
            self.complain(
                &at,
                what,
                "name a dataset that isn't read for this one's records",
            );
            return None;
        }
        let parents_path = KeyPath::default().key("dataset").key(named);
        let schema = self.schema(&parents_path, parent);
        let field = |build: &mut Self, key: &str, name: &str, field: &str| {
            let path = path.key(key).key(name);
            build.declared_field(&path, field, schema.as_ref())
        };
        let mut bind = Vec::new();
        for (name, named) in &table.bind.0 {
            bind.push((name.clone(), field(self, "bind", name, named)));
        }
        let mut when = Vec::new();
        for (named, value) in &table.when.0 {
            when.push((field(self, "when", named, named), value.0.clone()));
        }
        let inherited = variables_of(named, shared.tables);
        let bound = |name: &str| bind.iter().any(|(bound, _)| bound == name);
        Some(Parent {
            dataset: named.to_owned(),
            prefix: parent.prefix(shared.source, named),
            primary_key: self.primary_key(
                &parents_path.key("primary_key"),
                parent,
                schema.as_ref(),
            ),
            is_child: parent.kind() == KindWord::Child,
            inherited: inherited
                .into_iter()
                .filter(|name| used.contains(name.as_str()) && !bound(name))
                .collect(),
            bind,
            when,
        })
    }

    /// Returns the table of another dataset of the file. `None` if there is none, which is reported.
    pub fn dataset_named<'t>(
        &mut self,
        path: &KeyPath,
        name: &str,
        tables: &'t SourceFile,
    ) -> Option<&'t DatasetTable> {
        let found = tables.datasets().find(|(known, _)| *known == name);
        if found.is_none() {
            let known = tables.datasets().map(|(known, _)| known);
            let instead = match nearest(name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name a dataset of this file".to_owned(),
            };
            let what = format!("`{path}` names `{name}`, which is no dataset of this source");
            self.complain(path, what, instead);
        }
        found.map(|(_, table)| table)
    }
}

/// Returns the variables that have values in the requests of a dataset: those of its slices or `parent.bind`,
/// and those of its parent's requests.
pub fn variables_of(name: &str, tables: &SourceFile) -> BTreeSet<String> {
    let mut variables = BTreeSet::new();
    for table in lineage(name, tables) {
        variables.extend(table.slices.0.iter().map(|(name, _)| name.clone()));
        let parent = table.parent.iter();
        variables.extend(parent.flat_map(|p| &p.bind.0).map(|(name, _)| name.clone()));
    }
    variables
}

/// Returns `true` if a dataset's chain of parents has no cycle.
fn leads_to_a_root(name: &str, tables: &SourceFile) -> bool {
    lineage(name, tables).count() <= tables.datasets().count()
}

/// Iterates over a dataset, its parent, and so on. In a cycle it yields one more than the number of datasets.
fn lineage<'t>(name: &str, tables: &'t SourceFile) -> impl Iterator<Item = &'t DatasetTable> {
    let of = |name: &str| tables.datasets().find(|(known, _)| *known == name);
    let first = of(name).map(|(_, table)| table);
    let next = move |table: &&'t DatasetTable| {
        let parent = table.parent.as_ref()?.dataset.as_deref()?;
        of(parent).map(|(_, table)| table)
    };
    std::iter::successors(first, next).take(tables.datasets().count() + 1)
}
