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
            total_records_path: value(table.total_records_path.as_ref()),
            total_pages_path: value(table.total_pages_path.as_ref()),
            totals_on_first_page_only: table.totals_on_first_page_only,
            has_more_path: value(table.has_more_path.as_ref()),
            next_path: value(table.next_path.as_ref()),
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
        let needed: &[(&str, &str, &str)] = match table.style {
            PageNumber => &[(
                "page_param",
                "it takes the page's number",
                "name the parameter",
            )],
            Offset => &[(
                "offset_param",
                "it takes the number of records to leave out",
                "name the parameter",
            )],
            Cursor => &[
                (
                    "cursor_param",
                    "it takes what the page before says",
                    "name the parameter",
                ),
                (
                    "next_path",
                    "the next cursor stands there",
                    "write next_path = \"/…\"",
                ),
            ],
            NextLink => &[(
                "next_path",
                "the next page's URL stands there",
                "write next_path = \"/…\"",
            )],
            Single => &[],
        };
        for (key, why, hint) in needed {
            self.needs(&path.key(key), why, hint);
        }
        match table.style {
            PageNumber => PagingStyle::PageNumber {
                page_param: table.page_param.clone().unwrap_or_default(),
                first_page: table.first_page.unwrap_or(1).into(),
            },
            Offset => PagingStyle::Offset {
                offset_param: table.offset_param.clone().unwrap_or_default(),
                overlap: table.overlap.unwrap_or(0).into(),
            },
            Cursor => PagingStyle::Cursor {
                cursor_param: table.cursor_param.clone().unwrap_or_default(),
            },
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
