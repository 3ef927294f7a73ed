//! Paging arithmetic: the parameters of page k, and the number of pages.
//!
//! Pages are counted from 0 here, whatever the API counts from. Stated totals are never trusted beyond
//! `max_pages`: a wrong total is an error, not an endless walk.

use crate::declaration::{Paginator, PagingStyle};

/// Reason why a page can't be requested.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PagingError {
    /// The API states, or the caller requests, more than `max_pages` pages.
    #[error(
        "{pages} pages in one slice, more than the {max} that `max_pages` allows: raise it if the \
         total is true, or cut the day into more slices"
    )]
    TooManyPages {
        /// Number of pages stated or requested.
        pages: u64,
        /// Number of pages allowed.
        max: u64,
    },
    /// The number or the offset of the page doesn't fit in 64 bits.
    #[error("page {0} lies beyond what 64 bits can count")]
    Overflow(u64),
}

impl Paginator {
    /// Returns the number of pages of a slice, from the totals on one of its pages: for numbered pages
    /// the stated number, else the number of records divided into full pages. At least 1, because the
    /// page that states a total is one itself. `None` if nothing usable is stated, and for paging by
    /// cursor or link.
    ///
    /// # Errors
    /// [`PagingError::TooManyPages`] if the number is greater than `max_pages`.
    pub fn pages(
        &self,
        total: Option<u64>,
        total_pages: Option<u64>,
    ) -> Result<Option<u64>, PagingError> {
        let stated = match self.style {
            PagingStyle::Single => Some(1),
            // A total doesn't help here: only the previous page leads to the next.
            PagingStyle::Cursor { .. } | PagingStyle::NextLink => None,
            PagingStyle::PageNumber { .. } => {
                total_pages.or_else(|| total.map(|rows| rows.div_ceil(self.step())))
            }
            // Pages overlap: the last one ends with the last row.
            PagingStyle::Offset { overlap, .. } => {
                total.map(|rows| rows.saturating_sub(overlap).div_ceil(self.step()))
            }
        };
        let pages = stated.map(|pages| pages.max(1));
        match pages {
            Some(pages) if pages > self.max_pages => Err(PagingError::TooManyPages {
                pages,
                max: self.max_pages,
            }),
            _ => Ok(pages),
        }
    }

    /// Returns `true` if pages are requested by number or offset.
    pub fn counts(&self) -> bool {
        matches!(
            self.style,
            PagingStyle::PageNumber { .. } | PagingStyle::Offset { .. }
        )
    }

    /// Returns `true` if pages are requested by offset.
    pub fn is_by_offset(&self) -> bool {
        matches!(self.style, PagingStyle::Offset { .. })
    }

    /// Returns the paginator with another page size. `None` if the size isn't greater than the overlap,
    /// because a walk wouldn't advance.
    #[must_use]
    pub fn with_size(&self, page_size: u64) -> Option<Self> {
        let sized = Self {
            page_size,
            ..self.clone()
        };
        (sized.page_size > sized.overlap()).then_some(sized)
    }

    /// Number of records that a page shares with the next one.
    pub fn overlap(&self) -> u64 {
        match self.style {
            PagingStyle::Offset { overlap, .. } => overlap,
            _ => 0,
        }
    }

    /// Number of records by which a walk advances from page to page.
    pub fn step(&self) -> u64 {
        self.page_size.saturating_sub(self.overlap()).max(1)
    }

    /// Returns the query parameters of page `page`, counted from 0.
    ///
    /// # Errors
    /// If the page lies beyond `max_pages`, or its position beyond 64 bits.
    pub fn params(&self, page: u64) -> Result<Vec<(String, String)>, PagingError> {
        if page >= self.max_pages {
            return Err(PagingError::TooManyPages {
                pages: page.saturating_add(1),
                max: self.max_pages,
            });
        }
        let (param, position) = match &self.style {
            PagingStyle::PageNumber {
                page_param,
                first_page,
            } => (Some(page_param), page.checked_add(*first_page)),
            PagingStyle::Offset { offset_param, .. } => {
                (Some(offset_param), page.checked_mul(self.step()))
            }
            PagingStyle::Cursor { .. } | PagingStyle::NextLink | PagingStyle::Single => {
                (None, Some(page))
            }
        };
        let position = position.ok_or(PagingError::Overflow(page))?;
        let size = self.page_size_param.as_ref();
        Ok(param
            .map(|name| (name.clone(), position.to_string()))
            .into_iter()
            .chain(size.map(|name| (name.clone(), self.page_size.to_string())))
            .collect())
    }
}

#[cfg(test)]
mod tests;
