//! The endpoints as the notes on each API describe them: request parameters, envelope, key, day and version
//! of the records.

/// Format of a response around its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// `data`, `totalRegistros`, `totalPaginas` …; if empty 204, for `instrumentos_cobranca` 404.
    Pncp,
    /// `resultado`, `totalRegistros`, …; if empty an empty list.
    Compras,
    /// `items`, `hasMore`, …, without a total.
    Ords,
    /// A bare array.
    Array,
}

/// Request parameters that select records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// First and last day, as two parameters; `half_open`: the second one is exclusive.
    Days {
        from: &'static str,
        to: &'static str,
        format: &'static str,
        half_open: bool,
    },
    /// None: a snapshot, served as a whole.
    Whole,
    /// None: a feed, newest first.
    NewestFirst,
}

/// Day that a record is listed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// A day that never changes: that of the publication, inclusion, result or session.
    Own,
    /// The day of the last update: each update moves the record.
    Update,
    /// The first day on which the record is in force; it may lie in the future.
    Validity,
    /// None: a snapshot.
    Nowhere,
}

/// Part of the key of a record.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    /// Text, followed by the row number in six digits.
    Named(&'static str),
    /// The row number.
    Number,
    /// Text that is the same in all rows.
    Text(&'static str),
    Fixed(i64),
    False,
}

/// Sign that a record was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// A field with the time of the update; the text of `mark` changes, too.
    Field(&'static str),
    /// Only the text of `mark`.
    None,
}

/// Rows that the reader has to store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Every record of a day, once.
    Records,
    /// Every version, identified by its stamp.
    Stamps,
    /// Every version, identified by the text of `mark`.
    Marks,
}

/// Endpoint of a provider.
#[derive(Debug)]
pub struct Table {
    pub source: &'static str,
    pub dataset: &'static str,
    pub prefix: &'static str,
    pub path: &'static str,
    pub envelope: Envelope,
    pub asked: Asked,
    pub home: Home,
    /// Request parameter that selects a slice.
    pub slice: Option<&'static str>,
    pub slices: &'static [&'static str],
    pub key: &'static [(&'static str, Part)],
    /// Field with the day of the record, and its date format.
    pub day: Option<(&'static str, &'static str)>,
    pub stamp: Stamp,
    pub kept: Kept,
    /// Text field that differs between the versions of a record.
    pub mark: &'static str,
    /// Settle time in hours.
    pub settle_hours: i64,
    /// Number of days for which a job of the source compares a complete day again. 0 if none does.
    pub compared: i64,
    /// Number of records in 1000 that are listed twice.
    pub twice: i64,
    /// Page size that the reader requests, or that the API fixes.
    pub page_size: usize,
}

const STAMP: &str = "%Y-%m-%dT%H:%M:%S";
const DATE: &str = "%Y-%m-%d";
const MODALITIES: &[&str] = &[
    "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15",
];
/// Slice that is added to the declaration in June.
pub const NEW_SLICE: &str = "15";

const PNCP_DAYS: Asked = Asked::Days {
    from: "dataInicial",
    to: "dataFinal",
    format: "%Y%m%d",
    half_open: false,
};

const fn compras_days(from: &'static str, to: &'static str) -> Asked {
    Asked::Days {
        from,
        to,
        format: DATE,
        half_open: true,
    }
}

const PNCP: Table = Table {
    source: "pncp",
    dataset: "",
    prefix: "",
    path: "",
    envelope: Envelope::Pncp,
    asked: PNCP_DAYS,
    home: Home::Own,
    slice: None,
    slices: &[""],
    key: &[("numeroControlePNCP", Part::Named("07954480000179-1-"))],
    day: Some(("dataPublicacaoPncp", STAMP)),
    stamp: Stamp::Field("dataAtualizacaoGlobal"),
    kept: Kept::Records,
    mark: "objetoContrato",
    settle_hours: 2,
    compared: 90,
    twice: 0,
    page_size: 500,
};

const COMPRAS: Table = Table {
    source: "comprasnet",
    envelope: Envelope::Compras,
    stamp: Stamp::Field("dataAtualizacaoPncp"),
    kept: Kept::Stamps,
    settle_hours: 45 * 24,
    compared: 180,
    ..PNCP
};

const SNAPSHOT: Table = Table {
    envelope: Envelope::Compras,
    asked: Asked::Whole,
    home: Home::Nowhere,
    day: None,
    stamp: Stamp::None,
    kept: Kept::Marks,
    settle_hours: 0,
    ..COMPRAS
};

const TCU: Table = Table {
    source: "tcu",
    envelope: Envelope::Ords,
    mark: "nome",
    ..SNAPSHOT
};

const ARP: Table = Table {
    home: Home::Validity,
    asked: compras_days("dataVigenciaInicialMin", "dataVigenciaInicialMax"),
    day: Some(("dataVigenciaInicial", DATE)),
    stamp: Stamp::Field("dataHoraAtualizacao"),
    settle_hours: 90 * 24,
    ..COMPRAS
};

/// The datasets that the shipped configuration reads by its jobs alone (`legado_*`: only by a backfill).
pub static TABLES: &[Table] = &[
    Table {
        dataset: "contratacoes",
        prefix: "pncp",
        page_size: 50,
        path: "/api/consulta/v1/contratacoes/publicacao",
        slice: Some("codigoModalidadeContratacao"),
        slices: MODALITIES,
        mark: "objetoCompra",
        ..PNCP
    },
    Table {
        dataset: "contratacoes_atualizacao",
        prefix: "pncp_contratacoes_atualizacao",
        page_size: 50,
        path: "/api/consulta/v1/contratacoes/atualizacao",
        slice: Some("codigoModalidadeContratacao"),
        slices: MODALITIES,
        mark: "objetoCompra",
        home: Home::Update,
        day: Some(("dataAtualizacaoGlobal", STAMP)),
        kept: Kept::Stamps,
        compared: 0,
        ..PNCP
    },
    Table {
        dataset: "contratos",
        prefix: "pncp_contratos",
        path: "/api/consulta/v1/contratos",
        key: &[("numeroControlePNCP", Part::Named("07954480000179-2-"))],
        ..PNCP
    },
    Table {
        dataset: "contratos_atualizacao",
        prefix: "pncp_contratos_atualizacao",
        path: "/api/consulta/v1/contratos/atualizacao",
        key: &[("numeroControlePNCP", Part::Named("07954480000179-2-"))],
        home: Home::Update,
        day: Some(("dataAtualizacaoGlobal", STAMP)),
        kept: Kept::Stamps,
        compared: 0,
        ..PNCP
    },
    Table {
        dataset: "atas",
        prefix: "pncp_atas",
        path: "/api/consulta/v1/atas/atualizacao",
        key: &[(
            "numeroControlePNCPAta",
            Part::Named("07954480000179-1-000001/2025-"),
        )],
        home: Home::Update,
        day: Some(("dataAtualizacaoGlobal", DATE)),
        stamp: Stamp::None,
        kept: Kept::Marks,
        mark: "objetoContratacao",
        compared: 0,
        ..PNCP
    },
    Table {
        dataset: "instrumentos_cobranca",
        page_size: 100,
        prefix: "pncp_instrumentos_cobranca",
        path: "/api/consulta/v1/instrumentoscobranca/inclusao",
        key: &[
            ("cnpj", Part::Text("07954480000179")),
            ("ano", Part::Fixed(2025)),
            ("sequencialContrato", Part::Number),
            ("sequencialInstrumentoCobranca", Part::Fixed(1)),
        ],
        day: Some(("dataInclusao", STAMP)),
        stamp: Stamp::Field("dataAtualizacao"),
        mark: "observacao",
        twice: 167,
        ..PNCP
    },
    Table {
        dataset: "contratacoes",
        prefix: "comprasnet_contratacoes",
        path: "/modulo-contratacoes/1_consultarContratacoes_PNCP_14133",
        asked: compras_days("dataPublicacaoPncpInicial", "dataPublicacaoPncpFinal"),
        slice: Some("codigoModalidade"),
        slices: &["3", "5", "6", "7"],
        mark: "objetoCompra",
        twice: 12,
        ..COMPRAS
    },
    Table {
        dataset: "itens",
        prefix: "comprasnet_itens",
        path: "/modulo-contratacoes/2_consultarItensContratacoes_PNCP_14133",
        asked: compras_days("dataInclusaoPncpInicial", "dataInclusaoPncpFinal"),
        key: &[
            ("numeroControlePNCPCompra", Part::Named("07954480000179-1-")),
            ("numeroItemPncp", Part::Fixed(1)),
        ],
        day: Some(("dataInclusaoPncp", STAMP)),
        mark: "descricaoResumida",
        settle_hours: 120 * 24,
        ..COMPRAS
    },
    Table {
        dataset: "resultados",
        prefix: "comprasnet_resultados",
        path: "/modulo-contratacoes/3_consultarResultadoItensContratacoes_PNCP_14133",
        asked: compras_days("dataResultadoPncpInicial", "dataResultadoPncpFinal"),
        key: &[
            ("numeroControlePNCPCompra", Part::Named("07954480000179-1-")),
            ("idCompraItem", Part::Named("926015059000")),
            ("sequencialResultado", Part::Fixed(1)),
        ],
        day: Some(("dataResultadoPncp", STAMP)),
        mark: "nomeRazaoSocialFornecedor",
        ..COMPRAS
    },
    Table {
        dataset: "arp",
        prefix: "comprasnet_arp",
        path: "/modulo-arp/1_consultarARP",
        key: &[
            ("idCompra", Part::Named("9260150590")),
            ("numeroAtaRegistroPreco", Part::Text("00047")),
        ],
        mark: "objeto",
        ..ARP
    },
    Table {
        dataset: "arp_itens",
        prefix: "comprasnet_arp_itens",
        path: "/modulo-arp/2_consultarARPItem",
        key: &[
            ("idCompra", Part::Named("9260150590")),
            ("numeroAtaRegistroPreco", Part::Text("00047")),
            ("numeroItem", Part::Text("00001")),
            ("classificacaoFornecedor", Part::Text("001")),
            ("itemExcluido", Part::False),
        ],
        mark: "descricaoItem",
        twice: 220,
        ..ARP
    },
    Table {
        dataset: "uasg",
        prefix: "comprasnet_uasg",
        path: "/modulo-uasg/1_consultarUasg",
        slice: Some("statusUasg"),
        slices: &["true", "false"],
        key: &[("codigoUasg", Part::Named("9"))],
        mark: "nomeUasg",
        ..SNAPSHOT
    },
    Table {
        dataset: "orgaos",
        prefix: "comprasnet_orgaos",
        path: "/modulo-uasg/2_consultarOrgao",
        slice: Some("statusOrgao"),
        slices: &["true", "false"],
        key: &[("codigoOrgao", Part::Number)],
        mark: "nomeOrgao",
        ..SNAPSHOT
    },
    Table {
        dataset: "materiais",
        prefix: "comprasnet_materiais",
        path: "/modulo-material/4_consultarItemMaterial",
        key: &[("codigoItem", Part::Number)],
        mark: "descricaoItem",
        ..SNAPSHOT
    },
    Table {
        dataset: "servicos",
        prefix: "comprasnet_servicos",
        path: "/modulo-servico/6_consultarItemServico",
        key: &[("codigoServico", Part::Number)],
        mark: "nomeServico",
        ..SNAPSHOT
    },
    Table {
        dataset: "acordaos",
        prefix: "tcu_acordaos",
        path: "/api/acordao/recupera-acordaos",
        envelope: Envelope::Array,
        asked: Asked::NewestFirst,
        home: Home::Own,
        key: &[("key", Part::Named("ACORDAO-COMPLETO-"))],
        day: Some(("dataSessao", "%d/%m/%Y")),
        mark: "sumario",
        settle_hours: 45 * 24,
        ..TCU
    },
    Table {
        dataset: "inidoneos",
        prefix: "tcu_inidoneos",
        path: "/ords/condenacao/consulta/inidoneos",
        key: &[
            ("cpf_cnpj", Part::Named("30.139.983/0001-")),
            ("processo", Part::Text("011.773/2022-7")),
            ("deliberacao", Part::Text("AC-002180/2023-PL")),
        ],
        ..TCU
    },
    Table {
        dataset: "inabilitados",
        prefix: "tcu_inabilitados",
        path: "/ords/condenacao/consulta/inabilitados",
        key: &[
            ("cpf", Part::Named("301.399.830-")),
            ("processo", Part::Text("011.773/2022-7")),
            ("deliberacao", Part::Text("AC-002180/2023-PL")),
        ],
        ..TCU
    },
    Table {
        dataset: "termos_contratuais",
        prefix: "tcu_termos_contratuais",
        path: "/contrata2RS/api/publico/termos-contratuais",
        envelope: Envelope::Array,
        key: &[("codigo", Part::Number)],
        mark: "objeto",
        ..TCU
    },
];

impl Table {
    /// Returns the name of the dataset, such as `comprasnet.itens`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.source, self.dataset)
    }

    /// Returns the key of a row, joined as the reader joins it.
    pub fn key_of(&self, row: u32) -> String {
        let parts = self.key.iter().map(|(_, part)| match part {
            Part::Named(text) => format!("{text}{row:06}"),
            Part::Number => row.to_string(),
            Part::Text(text) => (*text).to_owned(),
            Part::Fixed(number) => number.to_string(),
            Part::False => "false".to_owned(),
        });
        parts.collect::<Vec<_>>().join("|")
    }
}
