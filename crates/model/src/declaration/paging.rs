//! Paging of a slice, and the proof that all pages were read.

/// Paging of a slice.
#[derive(Debug, Clone)]
pub struct Paginator {
    /// Paging style.
    pub style: PagingStyle,
    /// Number of records on a full page.
    pub page_size: u64,
    /// Name of the query parameter that takes the page size.
    pub page_size_param: Option<String>,
    /// JSON pointer to the total number of records.
    pub total_records_path: Option<String>,
    /// JSON pointer to the total number of pages.
    pub total_pages_path: Option<String>,
    /// `true` if later pages than the first may lack the totals.
    pub totals_on_first_page_only: bool,
    /// JSON pointer to a boolean: `true` if more pages follow.
    pub has_more_path: Option<String>,
    /// JSON pointer to the cursor or URL of the next page; absent, null or an empty string if no more
    /// follow.
    pub next_path: Option<String>,
    /// `true` if a page that isn't full is the last, unless something else tells whether more follow.
    pub stop_on_short_page: bool,
    /// Maximum number of pages of a slice; one that states more is a failure.
    pub max_pages: u64,
}

/// Paging style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PagingStyle {
    /// `page_param` takes a number, counted from `first_page`.
    PageNumber {
        /// The parameter's name.
        page_param: String,
        /// The first page's number, 0 or 1.
        first_page: u64,
    },
    /// `offset_param` takes the number of records to skip.
    Offset {
        /// The parameter's name.
        offset_param: String,
        /// Number of records that a page shares with the next one; less than the page size.
        overlap: u64,
    },
    /// `cursor_param` takes the value at `next_path` of the previous page.
    Cursor {
        /// The parameter's name.
        cursor_param: String,
    },
    /// The next page is at the URL at `next_path`, with the same scheme, host and port.
    NextLink,
    /// One response has all records.
    Single,
}

/// Proof that a day was read in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Completeness {
    /// Required proof. Default: `two_walks`.
    pub require: Require,
    /// Number of times that a slice without proof is read again within one run. Default: 2.
    #[schemars(range(max = u8::MAX))]
    pub rewalks: u32,
}

impl Default for Completeness {
    fn default() -> Self {
        Self {
            require: Require::TwoWalks,
            rewalks: 2,
        }
    }
}

/// Proof that a slice was read in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Require {
    /// As many distinct ids as the total that the API states, the same on the first and the last page.
    UniqueTotal,
    /// As many rows as the total that the API states, repeats included.
    RowTotal,
    /// The last page states that no more follow, at `has_more_path` or `next_path`.
    HasMore,
    /// Two consecutive walks find the same ids.
    TwoWalks,
    /// No proof beyond having read every page.
    None,
}
