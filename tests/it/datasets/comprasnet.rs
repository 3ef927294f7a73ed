//! Compras.gov.br: records from the manual of 2025, most of which the API has changed since.

use super::api::{Envelope, Reply, json, other};
use super::case::{Case, Records, Sample, Trouble, documented, recorded, text, with_extra};

const NOTHING: Reply = json(
    200,
    r#"{"resultado":[],"totalRegistros":0,"totalPaginas":0,"paginasRestantes":0}"#,
);
/// Too many requests; the wait is in the message.
const SLOWER: Reply = json(
    429,
    r#"{"statusCode":429,"message":"Rate limit is exceeded. Try again in 0 seconds."}"#,
);
/// Exhausted database connection pool.
const DRY: Reply = other(
    400,
    "text/plain",
    "HikariPool-1 - Connection is not available, request timed out after 30000ms.",
);
/// Response to a missing parameter.
const MISSING: Trouble = Trouble::Fails(other(404, "text/plain", "Not Found"), "404");
/// Response to an invalid date range.
const TOO_LONG: Trouble = Trouble::Fails(
    other(
        400,
        "text/plain",
        "Período inicial e final maior que 365 dias.",
    ),
    "maior que 365 dias",
);

pub fn cases() -> Vec<Case> {
    vec![
        contratacoes(),
        itens(),
        resultados(),
        arp(),
        arp_itens(),
        contratos(),
        contratos_itens(),
        legado_licitacoes(),
        legado_pregoes(),
        legado_itens_pregoes(),
        uasg(),
        orgaos(),
        fornecedores(),
        materiais(),
        servicos(),
    ]
}

fn of(dataset: &'static str, samples: Vec<Sample>, asked: &'static str) -> Case {
    Case {
        dataset,
        samples,
        day_field: None,
        envelope: Envelope::Comprasnet,
        page: 500,
        slice: &[],
        asked,
        vary: "",
        empty: NOTHING,
        trouble: Trouble::Passes(SLOWER),
        before: None,
    }
}

/// Sets each id from these members, with the stamp as version.
fn stamped(records: Records, key: &[&str], stamp: &str) -> Vec<Sample> {
    records.with_ids(|record| {
        let key: Vec<_> = key.iter().map(|name| text(record, name)).collect();
        format!("{}@{}", key.join("|"), text(record, stamp))
    })
}

fn contratacoes() -> Case {
    let file = "comprasnet/contratacoes_14133.records.json";
    let today = recorded(file, "").brought_up_to_date(&[
        ("\"dataAualizacaoPncp\"", "\"dataAtualizacaoPncp\""),
        (
            "\"unidade_subrogada_municipio_nome\"",
            "\"unidadeSubrogadaMunicipioNome\"",
        ),
    ]);
    let today = stamped(today, &["numeroControlePNCP"], "dataAtualizacaoPncp");
    // Records without the current stamp are versioned by content.
    let of_2025 = recorded(file, "").without_stamp("numeroControlePNCP");
    let of_2025 = with_extra(of_2025, &["dataAualizacaoPncp"]);
    Case {
        day_field: Some("dataPublicacaoPncp"),
        slice: &[("codigoModalidade", "5")],
        vary: "numeroControlePNCP",
        trouble: MISSING,
        ..of(
            "comprasnet.contratacoes",
            [today, of_2025].concat(),
            "/modulo-contratacoes/1_consultarContratacoes_PNCP_14133?codigoModalidade=5\
             &dataPublicacaoPncpInicial=2024-01-15&dataPublicacaoPncpFinal=2024-01-16\
             &pagina=1&tamanhoPagina=500",
        )
    }
}

fn itens() -> Case {
    let file = "comprasnet/contratacoes_itens_14133.envelope.json";
    let today = recorded(file, "/resultado").brought_up_to_date(&[
        (
            "\"idContratacaoPNCP\":",
            "\"numeroControlePNCPCompra\": \"00394494000136-1-000602/2023\", \"codigoPdm\": \"279\",\
             \"nomePdm\": \"ALGODÃO\", \"idContratacaoPNCP\":",
        ),
        ("\"unidadeOrgaoCodigoUnidade\": 200350", "\"unidadeOrgaoCodigoUnidade\": \"200350\""),
        ("\"quantidade\": 5", "\"quantidade\": 0E-8"),
        ("\"dataResultado\": null", "\"dataResultado\": \"2025-06-01 00:00:00.0000000\""),
    ]);
    let key = ["numeroControlePNCPCompra", "numeroItemPncp"];
    let today = stamped(today, &key, "dataAtualizacaoPncp");
    let of_2025 = recorded(file, "/resultado").unidentified();
    Case {
        day_field: Some("dataInclusaoPncp"),
        vary: "numeroItemPncp",
        ..of(
            "comprasnet.itens",
            [today, with_extra(of_2025, &["unidadeOrgaoCodigoUnidade"])].concat(),
            "/modulo-contratacoes/2_consultarItensContratacoes_PNCP_14133\
             ?dataInclusaoPncpInicial=2023-10-01&dataInclusaoPncpFinal=2023-10-02\
             &pagina=1&tamanhoPagina=500",
        )
    }
}

fn resultados() -> Case {
    let file = "comprasnet/contratacoes_resultados_14133.records.json";
    let today = recorded(file, "").brought_up_to_date(&[(
        "\"idContratacaoPNCP\":",
        "\"numeroControlePNCPCompra\": \"15126437000143-1-002766/2024\",\
             \"orgaoEntidadeCnpj\": \"15126437000143\", \"unidadeOrgaoUfSigla\": \"SC\",\
             \"idContratacaoPNCP\":",
    )]);
    let key = [
        "numeroControlePNCPCompra",
        "idCompraItem",
        "sequencialResultado",
    ];
    let today = stamped(today, &key, "dataAtualizacaoPncp");
    Case {
        day_field: Some("dataResultadoPncp"),
        vary: "sequencialResultado",
        trouble: Trouble::Passes(DRY),
        ..of(
            "comprasnet.resultados",
            [today, recorded(file, "").unidentified()].concat(),
            "/modulo-contratacoes/3_consultarResultadoItensContratacoes_PNCP_14133\
             ?dataResultadoPncpInicial=2024-11-01&dataResultadoPncpFinal=2024-11-02\
             &pagina=1&tamanhoPagina=500",
        )
    }
}

const ARP_KEY: [&str; 2] = ["idCompra", "numeroAtaRegistroPreco"];

fn arp() -> Case {
    let today = recorded("comprasnet/arp_fim_vigencia.envelope.json", "/resultado");
    // A 64-bit integer, which a float would round; the id is the same for a number and a text.
    let today = today.brought_up_to_date(&[("\"19400805000022023\"", "98776905900162026")]);
    let today = with_extra(
        stamped(today, &ARP_KEY, "dataHoraAtualizacao"),
        &["idCompra"],
    );
    let of_2025 = recorded("comprasnet/arp.envelope.json", "/resultado");
    let of_2025 = with_extra(
        stamped(of_2025, &ARP_KEY, "dataHoraAtualizacao"),
        &[
            "codigoUnidadeGerenciadora",
            "dataVigenciaFinal",
            "dataVigenciaInicial",
        ],
    );
    Case {
        day_field: Some("dataVigenciaInicial"),
        vary: "numeroAtaRegistroPreco",
        trouble: TOO_LONG,
        ..of(
            "comprasnet.arp",
            [today, of_2025].concat(),
            "/modulo-arp/1_consultarARP?dataVigenciaInicialMin=2024-01-24\
             &dataVigenciaInicialMax=2024-01-25&pagina=1&tamanhoPagina=500",
        )
    }
}

fn arp_itens() -> Case {
    let file = "comprasnet/arp_itens.records.json";
    let today = recorded(file, "").brought_up_to_date(&[
        (
            "\"codigoUnidadeGerenciadora\": 160426",
            "\"codigoUnidadeGerenciadora\": \"160426\"",
        ),
        ("\"2024-01-04T00:00:00\"", "\"2024-01-04\""),
        ("\"2024-01-05T00:00:00\"", "\"2024-01-05\""),
        (
            "\"quantidadeEmpenhada\": 0",
            "\"quantidadeEmpenhada\": 0E-8",
        ),
    ]);
    let key = [
        "idCompra",
        "numeroAtaRegistroPreco",
        "numeroItem",
        "classificacaoFornecedor",
        "itemExcluido",
    ];
    let today = stamped(today, &key, "dataHoraAtualizacao");
    // The row of a deleted item, with the same stamp: a different id.
    let deleted = documented(&[&today[0].json]);
    let deleted =
        deleted.brought_up_to_date(&[("\"itemExcluido\": false", "\"itemExcluido\": true")]);
    let deleted = stamped(deleted, &key, "dataHoraAtualizacao");
    Case {
        day_field: Some("dataVigenciaInicial"),
        vary: "numeroItem",
        trouble: Trouble::Passes(DRY),
        ..of(
            "comprasnet.arp_itens",
            [today, deleted].concat(),
            "/modulo-arp/2_consultarARPItem?dataVigenciaInicialMin=2024-01-04\
             &dataVigenciaInicialMax=2024-01-05&pagina=1&tamanhoPagina=500",
        )
    }
}

/// Contracts are requested per organ; here, the recorded one.
fn by_organ(case: Case) -> Case {
    Case {
        day_field: Some("dataVigenciaInicial"),
        slice: &[("codigoOrgao", "26000")],
        vary: "numeroContrato",
        trouble: MISSING,
        before: Some(Box::new(orgaos())),
        ..case
    }
}

fn contratos() -> Case {
    let key = [
        "codigoOrgao",
        "codigoUnidadeGestora",
        "numeroContrato",
        "idCompra",
        "contratoExcluido",
    ];
    let today = recorded(
        "comprasnet/contratos_fim_vigencia.envelope.json",
        "/resultado",
    );
    let of_2025 = with_extra(
        recorded("comprasnet/contratos.records.json", "").known_by(&key),
        &[
            "codigoCategoria",
            "codigoOrgao",
            "codigoTipo",
            "codigoUnidadeGestora",
            "codigoUnidadeGestoraOrigemContrato",
            "codigoUnidadeRealizadoraCompra",
            "codigoUnidadeRequisitante",
            "nomeUnidadeRequisitante",
        ],
    );
    by_organ(of(
        "comprasnet.contratos",
        [today.known_by(&key), of_2025].concat(),
        "/modulo-contratos/1_consultarContratos?codigoOrgao=26000\
         &dataVigenciaInicialMin=2025-01-28&dataVigenciaInicialMax=2025-01-29\
         &pagina=1&tamanhoPagina=500",
    ))
}

fn contratos_itens() -> Case {
    let key = [
        "codigoOrgao",
        "codigoUnidadeGestora",
        "numeroContrato",
        "idCompra",
        "numeroItem",
        "contratoItemExcluido",
    ];
    let today = recorded("comprasnet/contratos_itens.envelope.json", "/resultado");
    let today = today.brought_up_to_date(&[
        ("\"codigoOrgao\": 22000", "\"codigoOrgao\": \"22000\""),
        (
            "\"codigoUnidadeGestora\": 110161",
            "\"codigoUnidadeGestora\": \"110161\"",
        ),
        (
            "\"codigoUnidadeGestoraOrigemContrato\": 130016",
            "\"codigoUnidadeGestoraOrigemContrato\": \"130016\"",
        ),
        (
            "\"codigoUnidadeRealizadoraCompra\": 130016",
            "\"codigoUnidadeRealizadoraCompra\": \"130016\"",
        ),
    ]);
    by_organ(of(
        "comprasnet.contratos_itens",
        today.known_by(&key),
        "/modulo-contratos/2_consultarContratosItem?codigoOrgao=26000\
         &dataVigenciaInicialMin=2021-10-27&dataVigenciaInicialMax=2021-10-28\
         &pagina=1&tamanhoPagina=500",
    ))
}

fn legado_licitacoes() -> Case {
    let file = "comprasnet/legado_licitacao.envelope.json";
    let today = recorded(file, "/resultado").brought_up_to_date(&[(
        "\"pertence14133\"",
        "\"valor_homologado_total\": 13523.66, \"dt_alteracao\": \"2016-05-10T16:52:57\",\
         \"pertence14133\"",
    )]);
    let today = stamped(today, &["id_compra"], "dt_alteracao");
    Case {
        day_field: Some("data_publicacao"),
        vary: "id_compra",
        ..of(
            "comprasnet.legado_licitacoes",
            // Abridged in the publication: it lacks the stamp.
            [
                today,
                recorded(file, "/resultado").without_stamp("id_compra"),
            ]
            .concat(),
            "/modulo-legado/1_consultarLicitacao?data_publicacao_inicial=2023-12-11\
             &data_publicacao_final=2023-12-11&pagina=1&tamanhoPagina=500",
        )
    }
}

fn legado_pregoes() -> Case {
    let file = "comprasnet/legado_pregoes.records.json";
    let today = recorded(file, "").brought_up_to_date(&[
        ("\"valorEstimadoTotal\"", "\"valor_estimado_total\""),
        ("\"valorHomologadoTotal\"", "\"valor_homologado_total\""),
        ("\"2019-01-07\"", "\"2019-01-07T00:00:00\""),
        ("\"2025-03-13T14:44:00\"", "\"2020-03-26T15:55:48.5\""),
        ("\"co_uasg\": 10001", "\"co_uasg\": null"),
        ("\"numero\": 12019", "\"numero\": null"),
    ]);
    let of_2025 = stamped(recorded(file, ""), &["id_compra"], "dt_alteracao");
    Case {
        day_field: Some("dt_data_edital"),
        vary: "id_compra",
        ..of(
            "comprasnet.legado_pregoes",
            [
                stamped(today, &["id_compra"], "dt_alteracao"),
                with_extra(of_2025, &["valorEstimadoTotal", "valorHomologadoTotal"]),
            ]
            .concat(),
            "/modulo-legado/3_consultarPregoes?dt_data_edital_inicial=2019-01-07\
             &dt_data_edital_final=2019-01-07&pagina=1&tamanhoPagina=500",
        )
    }
}

fn legado_itens_pregoes() -> Case {
    let file = "comprasnet/legado_itens_pregoes.records.json";
    let today = recorded(file, "")
        .brought_up_to_date(&[("\"valorHomologadoItem\"", "\"valor_homologado_item\"")]);
    Case {
        day_field: Some("dt_hom"),
        vary: "id_compra_item",
        ..of(
            "comprasnet.legado_itens_pregoes",
            stamped(today, &["id_compra_item"], "dt_alteracao"),
            "/modulo-legado/4_consultarItensPregoes?dt_hom_inicial=2023-01-09\
             &dt_hom_final=2023-01-10&pagina=1&tamanhoPagina=500",
        )
    }
}

fn uasg() -> Case {
    let records = recorded("comprasnet/uasg.envelope.json", "/resultado");
    Case {
        slice: &[("statusUasg", "true")],
        vary: "codigoUasg",
        trouble: MISSING,
        ..of(
            "comprasnet.uasg",
            records.known_by(&["codigoUasg"]),
            "/modulo-uasg/1_consultarUasg?statusUasg=true&pagina=1",
        )
    }
}

fn orgaos() -> Case {
    let records = recorded("comprasnet/orgao.envelope.json", "/resultado");
    Case {
        slice: &[("statusOrgao", "true")],
        vary: "codigoOrgao",
        trouble: MISSING,
        ..of(
            "comprasnet.orgaos",
            records.known_by(&["codigoOrgao"]),
            "/modulo-uasg/2_consultarOrgao?statusOrgao=true&pagina=1",
        )
    }
}

fn fornecedores() -> Case {
    let records = recorded("comprasnet/fornecedor.envelope.json", "/resultado");
    Case {
        slice: &[("ativo", "true")],
        vary: "cnpj",
        ..of(
            "comprasnet.fornecedores",
            records.known_by(&["cnpj"]),
            "/modulo-fornecedor/1_consultarFornecedor?ativo=true&pagina=1&tamanhoPagina=500",
        )
    }
}

fn materiais() -> Case {
    // Names from the manual, invented values.
    let records = documented(&[
        r#"{"codigoGrupo":71,"nomeGrupo":"MOBILIÁRIOS","codigoClasse":7110,
        "nomeClasse":"MOBILIÁRIO PARA ESCRITÓRIO","codigoPdm":313,"nomePdm":"CADEIRA ESCRITÓRIO",
        "codigoItem":206504,"descricaoItem":"CADEIRA ESCRITÓRIO","statusItem":true,
        "itemSustentavel":false,"codigo_ncm":"94013090","descricao_ncm":null,
        "aplica_margem_preferencia":false,"dataHoraAtualizacao":"2021-10-16T09:43:08.030221"}"#,
    ]);
    Case {
        vary: "codigoItem",
        ..of(
            "comprasnet.materiais",
            records.known_by(&["codigoItem"]),
            "/modulo-material/4_consultarItemMaterial?pagina=1&tamanhoPagina=500",
        )
    }
}

fn servicos() -> Case {
    // Names from a harvest, invented values.
    let records = documented(&[r#"{"codigoSecao":9,"nomeSecao":"SERVIÇOS DA COMUNIDADE",
        "codigoDivisao":93,"nomeDivisao":"SERVIÇO SOCIAL E DE SAÚDE","codigoGrupo":931,
        "nomeGrupo":"SERVIÇOS DE SAÚDE HUMANA","codigoClasse":9311,"nomeClasse":"SERVIÇOS HOSPITALARES",
        "codigoSubclasse":null,"nomeSubclasse":null,"codigoServico":7250,
        "nomeServico":"ENDOSCOPIA DIGESTIVA","codigoCpc":9311,"exclusivoCentralCompras":false,
        "statusServico":true,"dataHoraAtualizacao":"2021-10-16T09:09:59.689615"}"#]);
    Case {
        vary: "codigoServico",
        ..of(
            "comprasnet.servicos",
            records.known_by(&["codigoServico"]),
            "/modulo-servico/6_consultarItemServico?pagina=1&tamanhoPagina=500",
        )
    }
}
