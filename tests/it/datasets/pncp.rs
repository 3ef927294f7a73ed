//! PNCP: recorded records of all but one dataset.

use bronzed_model::json;

use super::api::{Envelope, Reply, json, other};
use super::case::{Case, Records, Sample, Trouble, documented, recorded, text};

/// "No data" of all endpoints of the query API but one.
const NOTHING: Reply = other(204, "text/plain", "");
/// The firewall's page for too many concurrent requests.
const WALL: Reply = other(
    429,
    "text/html",
    "<html><body>Limite de Requisições Excedido. Support ID: 1</body></html>",
);
/// Response that correct requests sometimes get.
const SPURIOUS: Reply = json(
    422,
    r#"{"message":"Período inicial e final maior que 365 dias.","error":"422 UNPROCESSABLE_ENTITY"}"#,
);
/// An error page under load.
const ERROR_PAGE: Reply = other(200, "text/html", "<html><body>Erro</body></html>");

pub fn cases() -> Vec<Case> {
    vec![
        contratacoes(),
        contratacoes_atualizacao(),
        contratos(),
        contratos_atualizacao(),
        atas(),
        pca(),
        instrumentos_cobranca(),
        itens(),
        arquivos(),
        resultados(),
    ]
}

fn listing(dataset: &'static str, samples: Vec<Sample>, asked: &'static str) -> Case {
    Case {
        dataset,
        samples,
        day_field: Some("dataAtualizacaoGlobal"),
        envelope: Envelope::Pncp,
        page: 500,
        slice: &[],
        asked,
        vary: "numeroControlePNCP",
        empty: NOTHING,
        trouble: Trouble::Passes(WALL),
        before: None,
    }
}

/// Sets each id from the key, with the stamp as version.
fn stamped(records: Records, key: &str, stamp: &str) -> Vec<Sample> {
    records.with_ids(|record| format!("{}@{}", text(record, key), text(record, stamp)))
}

fn contratacoes() -> Case {
    let samples = [
        recorded("pncp/contratacoes_20251022.records.json", "").that_have("modalidadeId", "4"),
        recorded("pncp/contratacoes_modalidade4_sc.envelope.json", "/data"),
    ];
    let samples = samples
        .into_iter()
        .flat_map(|records| records.known_by(&["numeroControlePNCP"]));
    Case {
        day_field: Some("dataPublicacaoPncp"),
        page: 50,
        slice: &[("codigoModalidadeContratacao", "4")],
        trouble: Trouble::Passes(SPURIOUS),
        ..listing(
            "pncp.contratacoes",
            samples.collect(),
            "/api/consulta/v1/contratacoes/publicacao?codigoModalidadeContratacao=4\
             &dataInicial=20251022&dataFinal=20251022&pagina=1&tamanhoPagina=50",
        )
    }
}

fn contratacoes_atualizacao() -> Case {
    let records = recorded("pncp/contratacoes_atualizacao.envelope.json", "/data");
    Case {
        page: 50,
        slice: &[("codigoModalidadeContratacao", "6")],
        ..listing(
            "pncp.contratacoes_atualizacao",
            stamped(records, "numeroControlePNCP", "dataAtualizacaoGlobal"),
            "/api/consulta/v1/contratacoes/atualizacao?codigoModalidadeContratacao=6\
             &dataInicial=20260701&dataFinal=20260701&pagina=1&tamanhoPagina=50",
        )
    }
}

fn contratos() -> Case {
    let samples = [
        recorded("pncp/contratos_p1of2579.first_25.records.json", ""),
        recorded("pncp/contratos_publicacao_2025.records.json", ""),
    ];
    let samples = samples
        .into_iter()
        .flat_map(|records| records.known_by(&["numeroControlePNCP"]));
    Case {
        day_field: Some("dataPublicacaoPncp"),
        trouble: Trouble::Fails(
            json(
                400,
                r#"{"status":400,"message":"Tamanho de página inválido"}"#,
            ),
            "Tamanho de página inválido",
        ),
        ..listing(
            "pncp.contratos",
            samples.collect(),
            "/api/consulta/v1/contratos?dataInicial=20240312&dataFinal=20240312\
             &pagina=1&tamanhoPagina=500",
        )
    }
}

fn contratos_atualizacao() -> Case {
    let records = recorded("pncp/contratos_atualizacao.envelope.json", "/data");
    Case {
        trouble: Trouble::Passes(ERROR_PAGE),
        ..listing(
            "pncp.contratos_atualizacao",
            stamped(records, "numeroControlePNCP", "dataAtualizacaoGlobal"),
            "/api/consulta/v1/contratos/atualizacao?dataInicial=20260701&dataFinal=20260701\
             &pagina=1&tamanhoPagina=500",
        )
    }
}

fn atas() -> Case {
    let samples = [
        recorded("pncp/atas.envelope.json", "/data"),
        recorded("pncp/ata_prorrogada.consulta.envelope.json", "/data"),
    ];
    let samples = samples
        .into_iter()
        .flat_map(|records| records.known_by(&["numeroControlePNCPAta"]));
    Case {
        vary: "numeroControlePNCPAta",
        trouble: Trouble::Passes(json(
            500,
            r#"{"message":"Erro na comunicação com o banco de dados"}"#,
        )),
        ..listing(
            "pncp.atas",
            samples.collect(),
            "/api/consulta/v1/atas/atualizacao?dataInicial=20260707&dataFinal=20260707\
             &pagina=1&tamanhoPagina=500",
        )
    }
}

/// Returns the recorded plan once for each of its items, as it is stored.
fn plan_items() -> Records {
    let plan = recorded("pncp/pca_atualizacao.envelope.json", "/data").one();
    let items = json::pointer(&plan, "/itens").unwrap().unwrap();
    let rows = json::elements(items).unwrap();
    let rows: Vec<_> = rows.iter().map(|item| plan.replace(items, item)).collect();
    documented(&rows.iter().map(String::as_str).collect::<Vec<_>>())
}

fn pca() -> Case {
    let id = |record: &str| {
        let plan = text(record, "idPcaPncp");
        let item = text(record, "itens/numeroItem");
        format!("{plan}|{item}@{}", text(record, "itens/dataAtualizacao"))
    };
    Case {
        day_field: Some("dataAtualizacaoGlobalPCA"),
        envelope: Envelope::Pca,
        vary: "itens/numeroItem",
        // Status 200 with an empty body.
        empty: other(200, "application/json", ""),
        trouble: Trouble::Passes(json(
            500,
            r#"{"message":"Failed to obtain JDBC Connection"}"#,
        )),
        ..listing(
            "pncp.pca",
            plan_items().with_ids(id),
            "/api/consulta/v1/pca/atualizacao?dataInicio=20260818&dataFim=20260819\
             &pagina=1&tamanhoPagina=500",
        )
    }
}

fn instrumentos_cobranca() -> Case {
    // No page was ever recorded: these are its schema and third-party measurements.
    let records = documented(&[
        r#"{"cnpj":"43052497000102","ano":2026,"sequencialContrato":68,
        "sequencialInstrumentoCobranca":1,"numeroInstrumentoCobranca":"123","observacao":null,
        "tipoInstrumentoCobranca":{"id":1,"nome":"Nota Fiscal Eletrônica","descricao":null,
        "dataInclusao":"2024-12-01T10:00:00","dataAtualizacao":"2024-12-01T10:00:00","statusAtivo":true},
        "dataEmissaoDocumento":"2026-08-01","chaveNFe":"35260800000000000000550010000000011000000010",
        "fonteNFe":1,"dataConsultaNFe":"2026-08-03T09:00:00","statusResponseNFe":"200",
        "jsonResponseNFe":"{\"a\":1}","dataInclusao":"2026-08-03T09:00:00",
        "dataAtualizacao":"2026-08-03T09:00:00",
        "notaFiscalEletronica":{"instrumentoCobrancaId":1,"nfTransparenciaID":2,"numero":1,"serie":1,
        "dataEmissao":"01/08/2026","valorNotaFiscal":"4.920,00","itens":[{"numeroItem":"1",
        "quantidade":"2","valorTotal":"4.920,00"}],"eventos":[]},
        "recuperarContratoDTO":{"numeroControlePNCP":"43052497000102-2-000068/2026","anoContrato":2026,
        "valorGlobal":374350.0}}"#,
    ]);
    let key = [
        "cnpj",
        "ano",
        "sequencialContrato",
        "sequencialInstrumentoCobranca",
    ];
    Case {
        day_field: Some("dataInclusao"),
        page: 100,
        vary: "sequencialInstrumentoCobranca",
        empty: json(
            404,
            r#"{"message":"Nenhum instrumento de Cobrança encontrado."}"#,
        ),
        trouble: Trouble::Fails(
            json(
                404,
                r#"{"status":"404","message":"Recurso não encontrado."}"#,
            ),
            "Recurso não encontrado",
        ),
        ..listing(
            "pncp.instrumentos_cobranca",
            records.known_by(&key),
            "/api/consulta/v1/instrumentoscobranca/inclusao?dataInicial=20260803&dataFinal=20260803\
             &pagina=1&tamanhoPagina=100",
        )
    }
}

/// Parent of the child samples: the first of the recorded procurements by update.
const PARENT: &str = "43052497000102-1-000308/2026";

fn child(dataset: &'static str, samples: Vec<Sample>, asked: &'static str) -> Case {
    let mut parent = contratacoes_atualizacao();
    parent.samples.truncate(1);
    Case {
        day_field: None,
        envelope: Envelope::Bare,
        empty: NOTHING,
        trouble: Trouble::Fails(
            json(
                404,
                r#"{"status":404,"error":"Not Found","path":"/api/pncp/v1"}"#,
            ),
            "Not Found",
        ),
        before: Some(Box::new(parent)),
        ..listing(dataset, samples, asked)
    }
}

fn itens() -> Case {
    let id = |record: &str| {
        let item = text(record, "numeroItem");
        format!("{PARENT}|{item}@{}", text(record, "dataAtualizacao"))
    };
    Case {
        envelope: Envelope::BareByPage,
        page: 20,
        vary: "numeroItem",
        empty: json(200, "[]"),
        ..child(
            "pncp.itens",
            recorded("pncp/compra_itens_b.json", "").with_ids(id),
            "/api/pncp/v1/orgaos/43052497000102/compras/2026/308/itens?pagina=1&tamanhoPagina=20",
        )
    }
}

fn arquivos() -> Case {
    let records = recorded(
        "pncp/compra_arquivos_20251022.by_compra.json",
        "/1/arquivos",
    );
    let id = |record: &str| format!("{PARENT}|{}", text(record, "sequencialDocumento"));
    Case {
        page: 60,
        vary: "sequencialDocumento",
        ..child(
            "pncp.arquivos",
            records.with_ids(id),
            "/api/pncp/v1/orgaos/43052497000102/compras/2026/308/arquivos?pagina=1&tamanhoPagina=500",
        )
    }
}

fn resultados() -> Case {
    let records = recorded("pncp/item_resultados.json", "");
    let id = |record: &str| {
        let key = [
            "numeroControlePNCPCompra",
            "numeroItem",
            "sequencialResultado",
        ];
        let key: Vec<_> = key.iter().map(|name| text(record, name)).collect();
        format!("{}@{}", key.join("|"), text(record, "dataAtualizacao"))
    };
    Case {
        page: 5,
        vary: "sequencialResultado",
        before: Some(Box::new(itens())),
        ..child(
            "pncp.resultados",
            records.with_ids(id),
            "/api/pncp/v1/orgaos/43052497000102/compras/2026/308/itens/1/resultados\
             ?pagina=1&tamanhoPagina=500",
        )
    }
}
