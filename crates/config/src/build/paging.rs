//! Builds the paginator of a dataset, and checks it against the proof of completeness.

use super::Build;
use super::dataset::DatasetContext;
use crate::path::KeyPath;
use crate::tables::dataset::{PaginatorTable, PaginatorType};
use crate::text::value;
use bronzed_model::declaration::{Paginator, PagingStyle, Require};

impl Build<'_> {
    /// Builds the paginator.
    pub fn paginator(&mut self, context: &DatasetContext<'_>) -> Option<Paginator> {
        let table = context.table.paginator.as_ref()?;
        let path = context.path.key("paginator");
        let style = self.paging_style(&path, table);
        let short = table.stop_on_short_page.unwrap_or(false);
        let counts = matches!(
            table.style,
            PaginatorType::PageNumber | PaginatorType::Offset
        );
        if counts || table.page_size_param.is_some() || short {
            let hint = "write page_size = 50, or what the API allows";
            self.needs(&path.key("page_size"), "the walk goes by it", hint);
        }
        self.end_of_pages(&path, table);
        Some(Paginator {
            style,
            page_size: table.page_size.unwrap_or(1).into(),
            page_size_param: table.page_size_param.clone(),
            total_records_path: value(&table.total_records_path),
            total_pages_path: value(&table.total_pages_path),
            totals_on_first_page_only: table.totals_on_first_page_only,
            has_more_path: value(&table.has_more_path),
            next_path: value(&table.next_path),
            stop_on_short_page: short,
            max_pages: table.max_pages.unwrap_or(10_000).into(),
        })
    }

    /// Rejects `stop_on_short_page` if the response states the end, and an overlap of a whole page.
    fn end_of_pages(&mut self, path: &KeyPath, table: &PaginatorTable) {
        let ends = [
            "total_records_path",
            "total_pages_path",
            "has_more_path",
            "next_path",
        ];
        let end = ends.into_iter().find(|key| self.said(&path.key(key)));
        if let (Some(true), Some(key)) = (table.stop_on_short_page, end) {
            let problem = format!("means nothing beside `{key}`, which says where the end is");
            self.refuses(&path.key("stop_on_short_page"), &problem, "leave it out");
        }
        if let (Some(overlap), Some(size)) = (table.overlap, table.page_size)
            && overlap >= size
        {
            let at = path.key("overlap");
            let what = format!("`{at} = {overlap}` is not less than a page of {size}");
            let hint = "write a small part of the page: the walk gets on by the rest";
            self.complain(&at, what, hint);
        }
    }

    fn paging_style(&mut self, path: &KeyPath, table: &PaginatorTable) -> PagingStyle {
        use PaginatorType::{Cursor, NextLink, Offset, PageNumber, Single};
        for (key, style) in [
            ("page_param", PageNumber),
            ("first_page", PageNumber),
            ("offset_param", Offset),
            ("overlap", Offset),
            ("cursor_param", Cursor),
        ] {
            if style != table.style {
                let problem = "doesn't belong to the type of paginator that is said";
                let hint = format!("write type = \"{}\", or leave it out", style.word());
                self.refuses(&path.key(key), problem, hint);
            }
        }
        if table.style == NextLink {
            let hint = "write next_path = \"/…\"";
            self.needs(
                &path.key("next_path"),
                "the next page's URL stands there",
                hint,
            );
        }
        let mut parameter = |key: &str, name: &Option<String>, why: &str| {
            self.needs(&path.key(key), why, "name the parameter");
            name.clone().unwrap_or_default()
        };
        match table.style {
            PageNumber => PagingStyle::PageNumber {
                page_param: parameter(
                    "page_param",
                    &table.page_param,
                    "it takes the page's number",
                ),
                first_page: table.first_page.unwrap_or(1).into(),
            },
            Offset => {
                let why = "it takes the number of records to leave out";
                PagingStyle::Offset {
                    offset_param: parameter("offset_param", &table.offset_param, why),
                    overlap: table.overlap.unwrap_or(0).into(),
                }
            }
            Cursor => {
                let why = "it takes what the page before says";
                let cursor_param = parameter("cursor_param", &table.cursor_param, why);
                let hint = "write next_path = \"/…\"";
                self.needs(&path.key("next_path"), "the next cursor stands there", hint);
                PagingStyle::Cursor { cursor_param }
            }
            NextLink => PagingStyle::NextLink,
            Single => PagingStyle::Single,
        }
    }

    /// Rejects a proof of completeness that the paginator's keys can't provide.
    pub fn completeness(&mut self, context: &DatasetContext<'_>) {
        if context.table.paginator.is_none() {
            return;
        }
        let paginator = context.path.key("paginator");
        let states = |key: &str| self.meant(&paginator.key(key));
        let (needs, hint) = match context.table.completeness.require {
            Require::UniqueTotal | Require::RowTotal if !states("total_records_path") => (
                "needs a total, but the paginator has no `total_records_path`",
                "say where the API states the total, or write require = \"two_walks\"",
            ),
            Require::HasMore if !states("has_more_path") && !states("next_path") => (
                "needs a paginator with `has_more_path` or `next_path`",
                "say where the API states whether more follow, or write require = \"two_walks\"",
            ),
            _ => return,
        };
        let path = context.path.key("completeness").key("require");
        self.complain(&path, format!("`{path}` {needs}"), hint);
    }
}
