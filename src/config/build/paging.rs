//! How a day and its pages are asked for, and what proves that all of them were read.

use std::time::Duration;

use super::Build;
use crate::bronze::schema::Schema;
use crate::config::place::KeyPath;
use crate::config::raw::dataset::{DatasetTable, PaginatorTable, PaginatorType, WindowTable};
use crate::source::declaration::{
    Completeness, Paginator, PagingStyle, Require, Window, WindowEnd,
};

impl Build<'_> {
    /// How a day becomes parameters.
    pub fn window(
        &mut self,
        path: &KeyPath,
        table: Option<&WindowTable>,
        schema: Option<&Schema>,
    ) -> Option<Window> {
        let table = table?;
        let format = table.format.clone().unwrap_or_default();
        if table.format.is_some() {
            self.day_format(&path.key("format"), &format);
        }
        let day_format = table.day_format.as_deref().unwrap_or("%Y-%m-%d");
        self.day_format(&path.key("day_format"), day_format);
        match (&table.end_param, table.end) {
            (Some(_), None) => self.lacks(
                &path.key("end"),
                "APIs differ in whether the end belongs to the window",
                "write end = \"inclusive\" or end = \"exclusive\"",
            ),
            (None, Some(_)) if !self.places.is_refused(&path.key("end_param")) => {
                let path = path.key("end");
                let what = format!("`{path}` is said, but no `end_param` sends it");
                self.complain(&path, what, "name the parameter, or leave `end` out");
            }
            _ => {}
        }
        let earliest = table.earliest.as_deref();
        let day_field = table.day_field.as_deref();
        let settle = table.settle.as_deref();
        Some(Window {
            start_param: table.start_param.clone().unwrap_or_default(),
            end_param: table.end_param.clone(),
            format,
            end: table.end.unwrap_or(WindowEnd::Inclusive),
            earliest: earliest.and_then(|text| self.day(&path.key("earliest"), text)),
            day_field: day_field
                .map(|field| self.declared_field(&path.key("day_field"), field, schema)),
            day_format: day_format.to_owned(),
            settle: self.duration(&path.key("settle"), settle, Duration::ZERO),
        })
    }

    /// How a slice is cut into pages.
    pub fn paginator(
        &mut self,
        path: &KeyPath,
        table: Option<&PaginatorTable>,
    ) -> Option<Paginator> {
        let table = table?;
        let style = self.paging_style(path, table)?;
        if style != PagingStyle::Single && table.page_size.is_none() {
            let why = "the walk goes by it";
            self.lacks(
                &path.key("page_size"),
                why,
                "write page_size = 50, or what the API allows",
            );
        }
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
            has_more_path: pointer("has_more_path", &table.has_more_path),
            max_pages: table.max_pages.unwrap_or(10_000).into(),
        })
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
                })
            }
            PaginatorType::Single => Some(PagingStyle::Single),
        }
    }

    /// What proves that a day was read in full.
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
        Completeness {
            require,
            rewalks: table.completeness.rewalks.unwrap_or(2).into(),
        }
    }
}
