//! Shared test support: a source declared by hand, modelled on PNCP's contratações, and a scripted HTTP
//! server on loopback.

mod server;

pub(crate) use super::classify::Reply;
pub(crate) use super::exchange::{Broken, Exchange};
pub(crate) use server::{Server, Step, answer, json};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::America::Sao_Paulo;
use url::Url;

use crate::source::client::SourceClient;
use crate::source::request::PageRequest;
use bronzed_model::clock::SystemClock;
use bronzed_model::declaration::{
    Action, Auth, Completeness, Dataset, Days, Kind, Limits, Paginator, PagingStyle, Priority,
    RequestLimits, Require, ResponseRule, Retry, Slice, SliceValues, SliceVariable, Source,
    Version, Window, WindowEnd,
};
use bronzed_model::entropy::Entropy;
use bronzed_model::schema::{Column, ColumnType, Schema};
use bronzed_model::template::Template;

/// A source at `base_url` with one dataset, and limits that don't bind.
pub(crate) fn source(base_url: &Url) -> Source {
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
    }
}

/// PNCP's contratações by day of publication, with four attempts and next to no waits.
pub(crate) fn dataset() -> Dataset {
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
    let text = |name: &str| Column {
        name: name.to_owned(),
        kind: ColumnType::String,
    };
    Dataset {
        source: "pncp".to_owned(),
        name: "contratacoes".to_owned(),
        prefix: "pncp".to_owned(),
        enabled: true,
        base_url: None,
        path: Template::parse("/consulta/v1/contratacoes/publicacao").unwrap(),
        params: vec![(
            "codigoModalidadeContratacao".to_owned(),
            Template::parse("{modalidade}").unwrap(),
        )],
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
        schema: Arc::new(Schema {
            columns: vec![text("numeroControlePNCP"), text("dataPublicacaoPncp")],
        }),
    }
}

/// Request for a page of modalidade 6 on 2025-10-22.
pub(crate) fn request(dataset: Dataset, page: u64) -> PageRequest {
    PageRequest {
        dataset: Arc::new(dataset),
        day: "2025-10-22".parse().unwrap(),
        slice: Slice {
            label: "modalidade=6".into(),
            values: vec![("modalidade".to_owned(), "6".to_owned())],
            parent: None,
        },
        page,
        next: None,
        priority: Priority::Hourly,
    }
}

/// A client with the real clock and a seeded jitter.
pub(crate) fn client(source: &Source) -> SourceClient {
    let entropy = Arc::new(Entropy::seeded(7));
    SourceClient::new(source, Arc::new(SystemClock), entropy).unwrap()
}

/// A page of PNCP with records of these ids.
pub(crate) fn envelope(ids: &[&str], total: u64) -> String {
    let record = |id: &&str| {
        format!(r#"{{"numeroControlePNCP":"{id}","dataPublicacaoPncp":"2025-10-22T08:41:33"}}"#)
    };
    let records: Vec<_> = ids.iter().map(record).collect();
    format!(
        r#"{{"data":[{}],"totalRegistros":{total},"totalPaginas":{},"empty":false}}"#,
        records.join(","),
        total.div_ceil(50)
    )
}
