//! Target: paging arithmetic. Whatever the totals, a walk ends and skips no record.

use super::Input;
use bronzed_model::declaration::{Paginator, PagingStyle};

/// Number of pages checked at either end of a long walk.
const LOOKED_AT: u64 = 64;

/// Input, one number per line: style, page size, overlap, first page, `max_pages`, total records, total
/// pages, a page.
pub fn paging(input: &[u8]) {
    let mut input = Input::new(input);
    let (style, page_size) = (input.number(), input.number().max(1));
    let (overlap, first_page) = (input.number() % page_size, input.number() % 2);
    let paginator = Paginator {
        style: match style % 5 {
            0 => PagingStyle::PageNumber {
                page_param: "page".to_owned(),
                first_page,
            },
            1 => PagingStyle::Offset {
                offset_param: "page".to_owned(),
                overlap,
            },
            2 => PagingStyle::Cursor {
                cursor_param: "after".to_owned(),
            },
            3 => PagingStyle::NextLink,
            _ => PagingStyle::Single,
        },
        page_size,
        page_size_param: Some("size".to_owned()),
        total_records_path: None,
        total_pages_path: None,
        totals_on_first_page_only: false,
        has_more_path: None,
        next_path: None,
        stop_on_short_page: false,
        max_pages: input.number().max(1),
    };
    let stated = |number: u64| number.checked_sub(1);
    let (total, total_pages) = (stated(input.number()), stated(input.number()));
    hold_params(&paginator, input.number());
    match paginator.pages(total, total_pages) {
        Err(error) => {
            let most = (1..=3).contains(&paginator.max_pages);
            assert!(!error.to_string().is_empty() || most);
        }
        Ok(None) => assert!(matches!(style % 5, 2 | 3) || total.is_none()),
        Ok(Some(pages)) => {
            assert!((1..=paginator.max_pages).contains(&pages));
            for page in (0..pages.min(LOOKED_AT)).chain(pages.saturating_sub(LOOKED_AT)..pages) {
                hold_params(&paginator, page);
            }
            if let (Some(total), None) = (total, total_pages) {
                hold_all_rows(&paginator, pages, total);
            }
        }
    }
}

/// Asserts that a page begins where the previous one says, and that only pages past the limit are refused.
fn hold_params(paginator: &Paginator, page: u64) {
    let params = match paginator.params(page) {
        Ok(params) => params,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            let fits = page.checked_mul(paginator.step()).is_some();
            let fits = fits && page.checked_add(1).is_some();
            assert!(
                page >= paginator.max_pages || !fits,
                "page {page} is refused"
            );
            return;
        }
    };
    assert!(page < paginator.max_pages);
    let Some((_, position)) = params.iter().find(|(name, _)| name == "page") else {
        return;
    };
    let position: u64 = position.parse().unwrap();
    match paginator.style {
        PagingStyle::PageNumber { first_page, .. } => assert_eq!(position - first_page, page),
        PagingStyle::Offset { overlap, .. } => {
            let step = paginator.page_size - overlap;
            assert_eq!(u128::from(position), u128::from(page) * u128::from(step));
        }
        PagingStyle::Cursor { .. } | PagingStyle::NextLink | PagingStyle::Single => {
            unreachable!("no position is asked for")
        }
    }
}

/// Asserts that `pages` is the smallest number of pages that holds all rows.
fn hold_all_rows(paginator: &Paginator, pages: u64, total: u64) {
    let (size, step) = (
        u128::from(paginator.page_size),
        u128::from(paginator.step()),
    );
    let reach = |pages: u64| u128::from(pages - 1) * step + size;
    if let PagingStyle::PageNumber { .. } | PagingStyle::Offset { .. } = paginator.style {
        assert!(reach(pages) >= u128::from(total), "rows are left out");
        assert!(
            pages == 1 || reach(pages - 1) < u128::from(total),
            "a page too many"
        );
    }
}
