//! PNCP's datasets, and the keys of their records.

use crate::dataset::Dataset;

/// Procurements.
pub static CONTRATACOES: Dataset = Dataset {
    name: "pncp.contratacoes",
    key: &["/numeroControlePNCP"],
};

/// Contracts, and commitments (empenhos).
pub static CONTRATOS: Dataset = Dataset {
    name: "pncp.contratos",
    key: &["/numeroControlePNCP"],
};

/// Price registers.
pub static ATAS: Dataset = Dataset {
    name: "pncp.atas",
    key: &["/numeroControlePNCPAta"],
};

/// Yearly plans. A row is a plan with one of its items, in the field where the API serves an array of
/// items.
pub static PCA: Dataset = Dataset {
    name: "pncp.pca",
    key: &["/idPcaPncp", "/itens/numeroItem"],
};

/// Invoices and the like.
pub static INSTRUMENTOS: Dataset = Dataset {
    name: "pncp.instrumentos_cobranca",
    key: &[
        "/cnpj",
        "/ano",
        "/sequencialContrato",
        "/sequencialInstrumentoCobranca",
    ],
};

/// Items of a procurement, without a reference to it.
pub static ITENS: Dataset = Dataset {
    name: "pncp.itens",
    key: &["/numeroItem"],
};

/// Results of an item.
pub static RESULTADOS: Dataset = Dataset {
    name: "pncp.resultados",
    key: &[
        "/numeroControlePNCPCompra",
        "/numeroItem",
        "/sequencialResultado",
    ],
};

/// Documents of a procurement.
pub static ARQUIVOS: Dataset = Dataset {
    name: "pncp.arquivos",
    key: &["/sequencialDocumento"],
};
