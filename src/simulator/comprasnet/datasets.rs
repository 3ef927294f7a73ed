//! The datasets of Compras.gov.br, and what their records are known by.

use crate::simulator::dataset::Dataset;

macro_rules! datasets {
    ($($(#[$doc:meta])* $constant:ident = $name:literal by [$($key:literal),+];)+) => {
        $($(#[$doc])* pub static $constant: Dataset = Dataset {
            name: concat!("comprasnet.", $name),
            key: &[$($key),+],
        };)+

        /// All of them.
        pub static ALL: &[&Dataset] = &[$(&$constant),+];
    };
}

datasets! {
    /// Contratações under Lei 14.133.
    CONTRATACOES = "contratacoes" by ["/numeroControlePNCP"];
    /// Their items; each revised for months.
    ITENS = "itens" by ["/numeroControlePNCPCompra", "/numeroItemPncp"];
    /// What came of their items.
    RESULTADOS = "resultados" by
        ["/numeroControlePNCPCompra", "/idCompraItem", "/sequencialResultado"];
    /// Price registers (atas).
    ARP = "arp" by ["/idCompra", "/numeroAtaRegistroPreco"];
    /// Their items.
    ARP_ITENS = "arp_itens" by
        ["/idCompra", "/numeroAtaRegistroPreco", "/numeroItem", "/classificacaoFornecedor", "/itemExcluido"];
    /// Contracts, by organ.
    CONTRATOS = "contratos" by
        ["/codigoOrgao", "/codigoUnidadeGestora", "/numeroContrato", "/idCompra", "/contratoExcluido"];
    /// Their items, by organ.
    CONTRATOS_ITENS = "contratos_itens" by
        ["/codigoOrgao", "/codigoUnidadeGestora", "/numeroContrato", "/idCompra", "/numeroItem", "/contratoItemExcluido"];
    /// The closed archive: tenders.
    LEGADO_LICITACOES = "legado_licitacoes" by ["/id_compra"];
    /// Their items, without any date.
    LEGADO_ITENS_LICITACAO = "legado_itens_licitacao" by ["/id_compra_item"];
    /// Electronic auctions.
    LEGADO_PREGOES = "legado_pregoes" by ["/id_compra"];
    /// Their items.
    LEGADO_ITENS_PREGOES = "legado_itens_pregoes" by ["/id_compra_item"];
    /// Purchases without a tender.
    LEGADO_COMPRAS_SEM_LICITACAO = "legado_compras_sem_licitacao" by ["/id_compra"];
    /// Their items, each listed about three times.
    LEGADO_ITENS_SEM_LICITACAO = "legado_itens_sem_licitacao" by ["/id_compra_item"];
    /// Purchasing units.
    UASG = "uasg" by ["/codigoUasg"];
    /// Organs.
    ORGAOS = "orgaos" by ["/codigoOrgao"];
    /// Suppliers.
    FORNECEDORES = "fornecedores" by ["/cnpj"];
    /// The catalogue of materials.
    MATERIAIS = "materiais" by ["/codigoItem"];
    /// The catalogue of services.
    SERVICOS = "servicos" by ["/codigoServico"];
}
