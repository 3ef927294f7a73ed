//! A source declared by hand, modelled on PNCP's contratações.

#![allow(clippy::unwrap_used, reason = "only tests use it")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::America::Sao_Paulo;
use url::Url;

use crate::declaration::{
    Action, Auth, Completeness, Dataset, Days, Kind, Limits, Paginator, PagingStyle, Period,
    RequestLimits, Require, ResponseRule, Retry, SliceValues, SliceVariable, Source, Version,
    Window, WindowEnd,
};
use crate::schema::{Column, ColumnType, Schema};
use crate::template::Template;

/// A source at `base_url` with one dataset, and limits that don't bind.
pub fn source(base_url: &Url) -> Source {
    let dataset = Arc::new(dataset());
    Source {
        name: dataset.source.clone(),
        enabled: true,
        base_url: base_url.clone(),
        timezone: Sao_Paulo,
        user_agent: "bronzed/test".to_owned(),
        headers: Vec::new(),
        auth: Auth::None,
        ca_file: None::<PathBuf>,
        limits: Limits {
            runs: 2,
            concurrency: 8,
            together: 8,
            requests_per_second: None,
            burst: 1,
            latency: Duration::from_secs(1),
            timeout: Duration::from_secs(30),
            max_body_bytes: 1024 * 1024,
            max_requests_per_run: None,
        },
        pools: BTreeMap::new(),
        blackout: Vec::new(),
        datasets: BTreeMap::from([(dataset.name.clone(), dataset)]),
        jobs: BTreeMap::new(),
        silver: BTreeMap::new(),
    }
}

/// PNCP's contratações by day of publication, with four attempts and next to no waits.
pub fn dataset() -> Dataset {
    let rule = |status, body_empty, action| ResponseRule {
        status: Some(status),
        content_type: None,
        body_contains: None,
        body_empty,
        body_equals: None,
        action,
        max_attempts: None,
        wait: None,
    };
    let text = |name: &str| Column::new(name, ColumnType::String);
    Dataset {
        source: "pncp".to_owned(),
        name: "contratacoes".to_owned(),
        prefix: "pncp".to_owned(),
        enabled: true,
        delta: true,
        base_url: None,
        path: Template::parse("/consulta/v1/contratacoes/publicacao").unwrap(),
        params: vec![(
            "codigoModalidadeContratacao".to_owned(),
            Template::parse("{modalidade}").unwrap(),
        )],
        body: None,
        csv: None,
        data_selector: "/data".to_owned(),
        explode: None,
        primary_key: vec!["/numeroControlePNCP".to_owned()],
        version: Version::None,
        kind: Kind::Dated(Window {
            start_param: Some("dataInicial".to_owned()),
            end_param: Some("dataFinal".to_owned()),
            format: "%Y%m%d".to_owned(),
            end: WindowEnd::Inclusive,
            zone: Sao_Paulo,
        }),
        days: Days {
            period: Period::Day,
            coverage_from: None,
            earliest: None,
            day_field: Some("/dataPublicacaoPncp".to_owned()),
            day_format: "%Y-%m-%d".to_owned(),
            settle: Duration::from_secs(3 * 3600),
            zone: Sao_Paulo,
        },
        slices: vec![SliceVariable {
            name: "modalidade".to_owned(),
            values: SliceValues::Listed(vec!["6".to_owned(), "8".to_owned()]),
        }],
        paginator: Paginator {
            style: PagingStyle::PageNumber {
                page_param: "pagina".to_owned(),
                first_page: 1,
            },
            page_size: 50,
            page_size_param: Some("tamanhoPagina".to_owned()),
            total_records_path: Some("/totalRegistros".to_owned()),
            total_pages_path: Some("/totalPaginas".to_owned()),
            totals_on_first_page_only: false,
            has_more_path: None,
            next_path: None,
            stop_on_short_page: false,
            max_pages: 10_000,
        },
        completeness: Completeness {
            require: Require::UniqueTotal,
            rewalks: 2,
        },
        verify: true,
        rows_leave: false,
        responses: vec![
            rule(204, None, Action::Empty),
            rule(200, Some(true), Action::Empty),
            ResponseRule {
                max_attempts: Some(2),
                ..rule(422, None, Action::Retry)
            },
        ],
        retry: Retry {
            max_attempts: 4,
            max_elapsed: Duration::from_secs(30),
            initial: Duration::from_millis(2),
            max: Duration::from_millis(10),
        },
        limits: RequestLimits {
            timeout: Duration::from_secs(30),
            max_body_bytes: 1024 * 1024,
            max_requests_per_run: None,
        },
        pool: None,
        cost: None,
        protection: None,
        expectations: Arc::default(),
        schema: Arc::new(Schema {
            columns: vec![text("numeroControlePNCP"), text("dataPublicacaoPncp")],
            ..Schema::default()
        }),
    }
}
