//! Arithmetic of pages by the declarations of datasets.

use crate::declaration::{Paginator, PagingStyle};
use crate::paginator::*;
use crate::testing;

fn by_number() -> Paginator {
    testing::dataset().paginator
}

fn by_offset() -> Paginator {
    Paginator {
        style: PagingStyle::Offset {
            offset_param: "offset".to_owned(),
            overlap: 0,
        },
        page_size_param: Some("limit".to_owned()),
        ..by_number()
    }
}

fn shown(params: &[(String, String)]) -> String {
    let pairs: Vec<_> = params.iter().map(|(k, v)| format!("{k}={v}")).collect();
    pairs.join("&")
}

#[test]
fn page_numbers_count_from_the_first_page() {
    let params = by_number().params(0).unwrap();
    assert_eq!(shown(&params), "pagina=1&tamanhoPagina=50");
    let params = by_number().params(16).unwrap();
    assert_eq!(shown(&params), "pagina=17&tamanhoPagina=50");
}

#[test]
fn offsets_count_records() {
    let params = by_offset().params(3).unwrap();
    assert_eq!(shown(&params), "offset=150&limit=50");
}

#[test]
fn a_single_answer_has_no_position() {
    let single = Paginator {
        style: PagingStyle::Single,
        page_size_param: None,
        ..by_number()
    };
    assert_eq!(single.params(0), Ok(vec![]));
    assert_eq!(single.pages(Some(812), Some(17)), Ok(Some(1)));
}

#[test]
fn a_stated_number_of_pages_goes_before_the_arithmetic() {
    assert_eq!(by_number().pages(Some(812), Some(18)), Ok(Some(18)));
    assert_eq!(by_number().pages(Some(812), None), Ok(Some(17)));
    assert_eq!(by_number().pages(Some(850), None), Ok(Some(17)));
    assert_eq!(by_number().pages(None, None), Ok(None));
}

#[test]
fn the_page_that_states_none_is_one_itself() {
    assert_eq!(by_number().pages(Some(0), None), Ok(Some(1)));
    // Recorded at Compras.gov.br: one row, `totalPaginas` 0.
    assert_eq!(by_number().pages(Some(1), Some(0)), Ok(Some(1)));
}

#[test]
fn totals_that_lie_are_refused_by_name() {
    let error = by_number().pages(Some(u64::MAX), None).unwrap_err();
    assert!(error.to_string().contains("`max_pages`"), "{error}");
    assert!(by_number().pages(Some(1), Some(u64::MAX)).is_err());
    let most = by_number().max_pages;
    assert_eq!(by_number().pages(None, Some(most)), Ok(Some(most)));
    assert!(by_number().pages(None, Some(most + 1)).is_err());
    assert!(by_number().params(u64::MAX).is_err());
}

#[test]
fn positions_beyond_64_bits_are_refused() {
    let paginator = Paginator {
        max_pages: u64::MAX,
        ..by_offset()
    };
    let page = u64::MAX / 2;
    assert_eq!(paginator.params(page), Err(PagingError::Overflow(page)));
}
