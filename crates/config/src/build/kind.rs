//! Builds the kind of a dataset, and its window or parent.

use std::collections::BTreeSet;

use chrono::DateTime;

use super::Build;
use super::dataset::{DatasetContext, path_of};
use super::variables::{leads_to_a_root, variables_of};
use crate::nearest::did_you_mean;
use crate::path::KeyPath;
use crate::read::named;
use crate::tables::dataset::{DatasetTable, KindWord, PaginatorType, ParentTable, WindowTable};
use crate::tables::source::SourceFile;
use crate::text::{Field, formatted, names_period};
use bronzed_model::declaration::{Kind, Parent, Period, Window, WindowEnd};
use bronzed_model::template::of_variable;

impl Build<'_> {
    /// Builds the kind of a dataset; `used` are the variables in its templates.
    pub fn kind(&mut self, context: &DatasetContext<'_>, used: &BTreeSet<&str>) -> Option<Kind> {
        let DatasetContext { path, table, .. } = *context;
        self.tables_of_kind(path, table.kind);
        match table.kind {
            KindWord::Dated => {
                self.needs(
                    &path.key("window"),
                    "a day is a request parameter of a dated dataset",
                    "write the table, with start_param and format",
                );
                let window = table.window.as_ref()?;
                Some(Kind::Dated(self.window(context, window, used)))
            }
            KindWord::Snapshot => Some(Kind::Snapshot),
            KindWord::Feed => {
                self.feed_paging(&path.key("paginator"), table);
                Some(Kind::Feed)
            }
            KindWord::Child => {
                self.needs(
                    &path.key("parent"),
                    "a child is read for the records of another dataset",
                    "write the table, with dataset and bind",
                );
                let parent = self.parent(context, table.parent.as_ref()?, used);
                parent.map(Kind::Child)
            }
        }
    }

    /// Requires `offset` pagination with an overlap for a feed, because records that appear on two pages
    /// prove that a walk skipped none.
    fn feed_paging(&mut self, path: &KeyPath, table: &DatasetTable) {
        let Some(paginator) = &table.paginator else {
            return;
        };
        if paginator.style != PaginatorType::Offset {
            let (path, word) = (path.key("type"), paginator.style.word());
            let what = format!("`{path} = \"{word}\"` is no way through a feed");
            self.complain(&path, what, "write \"offset\", so that pages can overlap");
        } else if paginator.overlap.unwrap_or(0) == 0
            && !self.layers.is_refused(&path.key("overlap"))
        {
            let path = path.key("overlap");
            let why = "only by records that come twice does a walk know that it has missed none";
            let hint = "write overlap = 20, a small part of the page";
            self.complain(&path, format!("`{path}` is missing: {why}"), hint);
        }
    }

    /// Rejects tables that do not apply to the dataset's kind.
    fn tables_of_kind(&mut self, path: &KeyPath, kind: KindWord) {
        use KindWord::{Child, Dated, Feed, Snapshot};
        let tables: [(&str, &[KindWord], &str); 4] = [
            (
                "window",
                &[Dated, Feed],
                "a snapshot's day is the day of reading, a child's is its parent's",
            ),
            (
                "slices",
                &[Dated, Snapshot],
                "a child's requests follow from its parent, and a feed is one list",
            ),
            (
                "parent",
                &[Child],
                "only a dataset of kind `child` has a parent",
            ),
            (
                "version",
                &[Dated, Child, Feed],
                "a snapshot tells by itself what has changed",
            ),
        ];
        for (key, kinds, why) in tables {
            if !kinds.contains(&kind) {
                let problem = "doesn't belong to the kind of dataset that is said";
                let hint = format!("leave it out, or say another kind: {why}");
                self.refuses(&path.key(key), problem, hint);
            }
        }
    }

    fn window(
        &mut self,
        context: &DatasetContext<'_>,
        table: &WindowTable,
        used: &BTreeSet<&str>,
    ) -> Window {
        let path = context.path.key("window");
        let uses = |name| used.iter().any(|variable| of_variable(variable).0 == name);
        if !uses("start") {
            let why = "it takes the window's start";
            let hint = "name the parameter, or write `{start}` into the path or a parameter";
            self.needs(&path.key("start_param"), why, hint);
        }
        let by_format = used.contains("start") || used.contains("end");
        if by_format || !uses("start") || table.start_param.is_some() || table.end_param.is_some() {
            let why = "it says how a day is written in a request";
            let hint = "write it with strftime's letters: format = \"%Y%m%d\"";
            self.needs(&path.key("format"), why, hint);
        }
        self.names_its_period(&path, table, used);
        if table.end_param.is_some() || uses("end") {
            self.needs(
                &path.key("end"),
                "APIs differ in whether the end belongs to the window",
                "write end = \"inclusive\" or end = \"exclusive\"",
            );
        } else if !self.meant(&path.key("end_param")) {
            let problem = "is said, but no `end_param` sends it";
            let hint = "name the parameter, or leave `end` out";
            self.refuses(&path.key("end"), problem, hint);
        }
        Window {
            start_param: table.start_param.clone(),
            end_param: table.end_param.clone(),
            format: table.format.clone().unwrap_or_default(),
            end: table.end.unwrap_or(WindowEnd::Inclusive),
            zone: context.source.zone,
        }
    }

    /// Checks that the texts of the window's start, taken together, name one period.
    fn names_its_period(&mut self, path: &KeyPath, table: &WindowTable, used: &BTreeSet<&str>) {
        // A format that is none is reported where it is written.
        let is_format = |format: &&str| formatted(format, DateTime::UNIX_EPOCH).is_some();
        let of_templates = used
            .iter()
            .filter_map(|variable| match of_variable(variable) {
                ("start", format) => format.filter(is_format),
                _ => None,
            });
        let own = table.format.as_deref();
        let formats: Vec<_> = own.into_iter().chain(of_templates).collect();
        let Err(wrong) = names_period(&formats.join(" "), table.period) else {
            return;
        };
        match (own, formats.len()) {
            (_, 0) => {}
            (Some(_), _) => {
                let path = path.key("format");
                let is_month = names_period(&formats.join(" "), Period::Month).is_ok();
                let hint = match table.period == Period::Day && is_month {
                    true => format!("{}; or say period = \"month\"", wrong.hint),
                    false => wrong.hint,
                };
                self.complain(&path, named(&wrong.problem, &path), hint);
            }
            (None, _) => {
                let word = table.period.word();
                let what = format!("the formats of `{{start}}` don't name a whole {word} together");
                self.complain(path, what, wrong.hint);
            }
        }
    }

    fn parent(
        &mut self,
        context: &DatasetContext<'_>,
        table: &ParentTable,
        used: &BTreeSet<&str>,
    ) -> Option<Parent> {
        let path = context.path.key("parent");
        let (at, name) = (path.key("dataset"), table.dataset.as_str());
        let source = context.source;
        let hint = "name a dataset of this file";
        let parent = self.dataset_named(&at, name, hint, source.tables)?;
        if !leads_to_a_root(name, source.tables) {
            let what = format!("`{at} = \"{name}\"` leads back to the dataset itself");
            let hint = "name a dataset that isn't read for this one's records";
            self.complain(&at, what, hint);
            return None;
        }
        let of_parent = DatasetContext {
            name,
            path: &path_of(name),
            table: parent,
            schema: source.schemas.get(name).map(AsRef::as_ref),
            source,
        };
        let mut bind = Vec::new();
        for (variable, field) in &table.bind {
            let path = path.key("bind").key(variable);
            let pointer = self.declared_field(&path, &field.0, of_parent.schema);
            bind.push((variable.clone(), pointer));
        }
        let mut when = Vec::new();
        for (named, value) in &table.when {
            let path = path.key("when").key(named);
            if let Some(field) = self.parse::<Field>(&path, named) {
                let pointer = self.declared_field(&path, &field, of_parent.schema);
                when.push((pointer, value.0.clone()));
            }
        }
        let mut inherited = variables_of(name, source.tables);
        inherited.retain(|name| used.contains(name.as_str()) && !table.bind.contains_key(name));
        Some(Parent {
            dataset: name.to_owned(),
            prefix: parent.folder(source.name, name),
            primary_key: self.primary_key(&of_parent),
            is_child: parent.kind == KindWord::Child,
            inherited: inherited.into_iter().collect(),
            bind,
            when,
        })
    }

    /// Returns the table of a dataset of the file. `None` if there is none, which is reported.
    pub fn dataset_named<'t>(
        &mut self,
        path: &KeyPath,
        name: &str,
        otherwise: &str,
        tables: &'t SourceFile,
    ) -> Option<&'t DatasetTable> {
        let found = tables.dataset.get(name);
        if found.is_none() {
            let known = tables.dataset.keys().map(String::as_str);
            let hint = did_you_mean(name, known, || otherwise.to_owned());
            let what = format!("`{path}` names `{name}`, which is no dataset of this source");
            self.complain(path, what, hint);
        }
        found
    }
}
