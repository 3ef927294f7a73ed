//! Builds the paginator of a dataset, and its proof of completeness.

use super::Build;
use crate::place::KeyPath;
use crate::raw::dataset::{DatasetTable, PaginatorTable, PaginatorType};
use bronzed_model::declaration::{Completeness, Paginator, PagingStyle, Require};

impl Build<'_> {
    /// Builds the paginator.
    pub fn paginator(
        &mut self,
        path: &KeyPath,
        table: Option<&PaginatorTable>,
    ) -> Option<Paginator> {
        let table = table?;
        let style = self.paging_style(path, table)?;
        let counts = matches!(
            style,
            PagingStyle::PageNumber { .. } | PagingStyle::Offset { .. }
        );
        let short = table.stop_on_short_page.unwrap_or(false);
        if table.page_size.is_none() && (counts || table.page_size_param.is_some() || short) {
            let why = "the walk goes by it";
            self.lacks(
                &path.key("page_size"),
                why,
                "write page_size = 50, or what the API allows",
            );
        }
        self.end_of_pages(path, table);
        let mut pointer = |key: &str, text: &Option<String>| {
            let text = text.as_deref()?;
            Some(self.pointer(&path.key(key), text))
        };
        Some(Paginator {
            style,
            page_size: table.page_size.unwrap_or(1).into(),
            page_size_param: table.page_size_param.clone(),
            total_records_path: pointer("total_records_path", &table.total_records_path),
            total_pages_path: pointer("total_pages_path", &table.total_pages_path),
            totals_on_first_page_only: table.totals_on_first_page_only.unwrap_or(false),
            has_more_path: pointer("has_more_path", &table.has_more_path),
            next_path: pointer("next_path", &table.next_path),
            stop_on_short_page: short,
            max_pages: table.max_pages.unwrap_or(10_000).into(),
        })
    }

    /// Rejects `stop_on_short_page` if the response states the end, and an overlap of a whole page.
    fn end_of_pages(&mut self, path: &KeyPath, table: &PaginatorTable) {
        let says = [
            ("total_records_path", &table.total_records_path),
            ("total_pages_path", &table.total_pages_path),
            ("has_more_path", &table.has_more_path),
            ("next_path", &table.next_path),
        ];
        let says = says.into_iter().find(|(_, said)| said.is_some());
        if let (Some(true), Some((key, _))) = (table.stop_on_short_page, says) {
            let at = path.key("stop_on_short_page");
            let what = format!("`{at}` means nothing beside `{key}`, which says where the end is");
            self.complain(&at, what, "leave it out");
        }
        if let (Some(overlap), Some(size)) = (table.overlap, table.page_size)
            && overlap >= size
        {
            let at = path.key("overlap");
            let what = format!("`{at} = {overlap}` is not less than a page of {size}");
            self.complain(
                &at,
                what,
                "write a small part of the page: the walk gets on by the rest",
            );
        }
    }

    fn paging_style(&mut self, path: &KeyPath, table: &PaginatorTable) -> Option<PagingStyle> {
        let style = table.style?;
        let of_style = [
            (
                "page_param",
                table.page_param.is_some(),
                PaginatorType::PageNumber,
            ),
            (
                "first_page",
                table.first_page.is_some(),
                PaginatorType::PageNumber,
            ),
            (
                "offset_param",
                table.offset_param.is_some(),
                PaginatorType::Offset,
            ),
            ("overlap", table.overlap.is_some(), PaginatorType::Offset),
            (
                "cursor_param",
                table.cursor_param.is_some(),
                PaginatorType::Cursor,
            ),
        ];
        for (key, said, of) in of_style {
            if said && of != style {
                let path = path.key(key);
                let what = format!("`{path}` doesn't belong to the type of paginator that is said");
                self.complain(
                    &path,
                    what,
                    format!("write type = \"{}\", or leave it out", of.word()),
                );
            }
        }
        match style {
            PaginatorType::PageNumber => {
                if table.page_param.is_none() {
                    let why = "it takes the page's number";
                    self.lacks(&path.key("page_param"), why, "name the parameter");
                }
                Some(PagingStyle::PageNumber {
                    page_param: table.page_param.clone().unwrap_or_default(),
                    first_page: table.first_page.unwrap_or(1).into(),
                })
            }
            PaginatorType::Offset => {
                if table.offset_param.is_none() {
                    let why = "it takes the number of records to leave out";
                    self.lacks(&path.key("offset_param"), why, "name the parameter");
                }
                Some(PagingStyle::Offset {
                    offset_param: table.offset_param.clone().unwrap_or_default(),
                    overlap: table.overlap.unwrap_or(0).into(),
                })
            }
            PaginatorType::Cursor => {
                if table.cursor_param.is_none() {
                    let why = "it takes what the page before says";
                    self.lacks(&path.key("cursor_param"), why, "name the parameter");
                }
                self.next_path(path, table, "the next cursor stands there");
                Some(PagingStyle::Cursor {
                    cursor_param: table.cursor_param.clone().unwrap_or_default(),
                })
            }
            PaginatorType::NextLink => {
                self.next_path(path, table, "the next page's URL stands there");
                Some(PagingStyle::NextLink)
            }
            PaginatorType::Single => Some(PagingStyle::Single),
        }
    }

    fn next_path(&mut self, path: &KeyPath, table: &PaginatorTable, why: &str) {
        if table.next_path.is_none() {
            self.lacks(&path.key("next_path"), why, "write next_path = \"/…\"");
        }
    }

    /// Builds the proof of completeness; rejects one that the paginator's keys can't provide.
    pub fn completeness(&mut self, path: &KeyPath, table: &DatasetTable) -> Completeness {
        let require = table.completeness.require.unwrap_or(Require::TwoWalks);
        let paginator = table.paginator.as_ref();
        let has_total = paginator.is_none_or(|table| table.total_records_path.is_some());
        let needs_total = matches!(require, Require::UniqueTotal | Require::RowTotal);
        let parent = path.parent().unwrap_or_default();
        let total_path = parent.key("paginator").key("total_records_path");
        if needs_total && !has_total && !self.places.is_refused(&total_path) {
            let path = path.key("require");
            self.complain(
                &path,
                format!("`{path}` needs a total, but the paginator has no `total_records_path`"),
                "say where the API states the total, or write require = \"two_walks\"",
            );
        }
        let says_more = paginator
            .is_none_or(|table| table.has_more_path.is_some() || table.next_path.is_some());
        let more_path = parent.key("paginator").key("has_more_path");
        if require == Require::HasMore && !says_more && !self.places.is_refused(&more_path) {
            let path = path.key("require");
            self.complain(
                &path,
                format!("`{path}` needs a paginator with `has_more_path` or `next_path`"),
                "say where the API states whether more follow, or write require = \"two_walks\"",
            );
        }
        Completeness {
            require,
            rewalks: table.completeness.rewalks.unwrap_or(2).into(),
        }
    }
}
