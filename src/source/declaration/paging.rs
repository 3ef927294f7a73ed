//! How a slice is cut into pages, and what proves that all of them were read.

/// How a slice is cut into pages.
#[derive(Debug, Clone)]
pub struct Paginator {
    /// How pages are asked for.
    pub style: PagingStyle,
    /// Records on a full page.
    pub page_size: u64,
    /// The parameter that takes the page size.
    pub page_size_param: Option<String>,
    /// JSON pointer to the number of records in all.
    pub total_records_path: Option<String>,
    /// JSON pointer to the number of pages in all.
    pub total_pages_path: Option<String>,
    /// Only the first page states totals; later ones may lack them.
    pub totals_on_first_page_only: bool,
    /// JSON pointer to a boolean that says whether more follow.
    pub has_more_path: Option<String>,
    /// JSON pointer to what leads to the next page: nothing there (absent, null, an empty text)
    /// says that no more follow.
    pub next_path: Option<String>,
    /// Where nothing else says whether more follow, a page that isn't full is the last.
    pub stop_on_short_page: bool,
    /// A slice that claims more pages than this is a failure.
    pub max_pages: u64,
}

/// How pages are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PagingStyle {
    /// `page_param` takes a number, counted from `first_page`.
    PageNumber {
        /// The parameter's name.
        page_param: String,
        /// The first page's number, 0 or 1.
        first_page: u64,
    },
    /// `offset_param` takes the number of records to leave out.
    Offset {
        /// The parameter's name.
        offset_param: String,
        /// How many records of a page are asked for again with the next one; less than the page.
        overlap: u64,
    },
    /// `cursor_param` takes what stands at `next_path` of the page before.
    Cursor {
        /// The parameter's name.
        cursor_param: String,
    },
    /// The next page is at the URL that stands at `next_path`, on the same scheme, host and port.
    NextLink,
    /// One answer is everything.
    Single,
}

/// What proves that a day was read in full (promise P4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completeness {
    /// The proof.
    pub require: Require,
    /// How often a slice without its proof is read again within one run.
    pub rewalks: u32,
}

/// See [`Completeness`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Require {
    /// As many different ids as the API states records, stated alike on the first and last page.
    UniqueTotal,
    /// As many rows as the API states records, repeats included.
    RowTotal,
    /// The last page says that no more follow, at `has_more_path` or `next_path`.
    HasMore,
    /// Two walks in a row that find the same ids.
    TwoWalks,
    /// Every page read is enough.
    None,
}
