//! The datasets of Compras.gov.br, and the keys of their records.

use crate::dataset::Dataset;

macro_rules! datasets {
    ($($(#[$doc:meta])* $constant:ident = $name:literal by [$($key:literal),+];)+) => {
        $($(#[$doc])* pub static $constant: Dataset = Dataset {
            name: concat!("comprasnet.", $name),
            key: &[$($key),+],
        };)+

        /// All datasets.
        pub static ALL: &[&Dataset] = &[$(&$constant),+];
    };
}

datasets! {
    /// Contratações under Lei 14.133.
    CONTRATACOES = "contratacoes" by ["/numeroControlePNCP"];
    /// Items of contratações, each revised for months.
    ITENS = "itens" by ["/numeroControlePNCPCompra", "/numeroItemPncp"];
    /// Results of the items of contratações.
    RESULTADOS = "resultados" by
        ["/numeroControlePNCPCompra", "/idCompraItem", "/sequencialResultado"];
    /// Price registers (atas).
    ARP = "arp" by ["/idCompra", "/numeroAtaRegistroPreco"];
    /// Items of price registers.
    ARP_ITENS = "arp_itens" by
        ["/idCompra", "/numeroAtaRegistroPreco", "/numeroItem", "/classificacaoFornecedor", "/itemExcluido"];
    /// Contracts, by organ.
    CONTRATOS = "contratos" by
        ["/codigoOrgao", "/codigoUnidadeGestora", "/numeroContrato", "/idCompra", "/contratoExcluido"];
    /// Items of contracts, by organ.
    CONTRATOS_ITENS = "contratos_itens" by
        ["/codigoOrgao", "/codigoUnidadeGestora", "/numeroContrato", "/idCompra", "/numeroItem", "/contratoItemExcluido"];
    /// Tenders of the closed archive.
    LEGADO_LICITACOES = "legado_licitacoes" by ["/id_compra"];
    /// Items of tenders, without any date.
    LEGADO_ITENS_LICITACAO = "legado_itens_licitacao" by ["/id_compra_item"];
    /// Electronic auctions.
    LEGADO_PREGOES = "legado_pregoes" by ["/id_compra"];
    /// Items of electronic auctions.
    LEGADO_ITENS_PREGOES = "legado_itens_pregoes" by ["/id_compra_item"];
    /// Purchases without a tender.
    LEGADO_COMPRAS_SEM_LICITACAO = "legado_compras_sem_licitacao" by ["/id_compra"];
    /// Items of purchases without a tender, each listed about three times.
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
