//! Recorded records, the templates for shapes and texts: public data, with the field names of 2025.
//!
//! Between 2025 and 2026 fields were renamed, codes changed from number to text, and fields were added:
//! [`Vintage`] selects the served one. For materials, services and purchases without a tender, the
//! templates are the examples of the official manual.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::datasets as of;
use crate::dataset::Dataset;
use crate::tree::Tree;

/// Vintage of the served field names and types.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Vintage {
    /// As recorded in 2025.
    Recorded,
    /// As measured in 2026.
    #[default]
    Current,
}

const FILES: [(&Dataset, &str); 18] = [
    (
        &of::CONTRATACOES,
        include_str!("../../../../tests/fixtures/comprasnet/contratacoes_14133.records.json"),
    ),
    (
        &of::ITENS,
        include_str!(
            "../../../../tests/fixtures/comprasnet/contratacoes_itens_14133.envelope.json"
        ),
    ),
    (
        &of::RESULTADOS,
        include_str!(
            "../../../../tests/fixtures/comprasnet/contratacoes_resultados_14133.records.json"
        ),
    ),
    (
        &of::ARP,
        include_str!("../../../../tests/fixtures/comprasnet/arp.envelope.json"),
    ),
    (
        &of::ARP_ITENS,
        include_str!("../../../../tests/fixtures/comprasnet/arp_itens.records.json"),
    ),
    (
        &of::CONTRATOS,
        include_str!("../../../../tests/fixtures/comprasnet/contratos.records.json"),
    ),
    (
        &of::CONTRATOS_ITENS,
        include_str!("../../../../tests/fixtures/comprasnet/contratos_itens.envelope.json"),
    ),
    (
        &of::LEGADO_LICITACOES,
        include_str!("../../../../tests/fixtures/comprasnet/legado_licitacao.envelope.json"),
    ),
    (
        &of::LEGADO_ITENS_LICITACAO,
        include_str!("../recorded/comprasnet/legado_itens_licitacao.json"),
    ),
    (
        &of::LEGADO_PREGOES,
        include_str!("../../../../tests/fixtures/comprasnet/legado_pregoes.records.json"),
    ),
    (
        &of::LEGADO_ITENS_PREGOES,
        include_str!("../../../../tests/fixtures/comprasnet/legado_itens_pregoes.records.json"),
    ),
    (
        &of::LEGADO_COMPRAS_SEM_LICITACAO,
        include_str!("../recorded/comprasnet/legado_compras_sem_licitacao.json"),
    ),
    (
        &of::LEGADO_ITENS_SEM_LICITACAO,
        include_str!("../recorded/comprasnet/legado_itens_sem_licitacao.json"),
    ),
    (
        &of::UASG,
        include_str!("../../../../tests/fixtures/comprasnet/uasg.envelope.json"),
    ),
    (
        &of::ORGAOS,
        include_str!("../../../../tests/fixtures/comprasnet/orgao.envelope.json"),
    ),
    (
        &of::FORNECEDORES,
        include_str!("../../../../tests/fixtures/comprasnet/fornecedor.envelope.json"),
    ),
    (
        &of::MATERIAIS,
        include_str!("../recorded/comprasnet/materiais.json"),
    ),
    (
        &of::SERVICOS,
        include_str!("../recorded/comprasnet/servicos.json"),
    ),
];

static TEMPLATES: LazyLock<HashMap<&'static str, Tree>> = LazyLock::new(|| {
    let templates = FILES.into_iter().filter_map(|(dataset, file)| {
        let records = match Tree::parse(file).ok()? {
            Tree::Array(records) => records,
            envelope => match envelope.get("resultado")? {
                Tree::Array(records) => records.clone(),
                _ => return None,
            },
        };
        Some((dataset.name, records.into_iter().next()?))
    });
    templates.collect()
});

/// Returns a recorded record of a dataset.
pub(super) fn template(dataset: &Dataset) -> Tree {
    let found = TEMPLATES.get(dataset.name).cloned();
    found.unwrap_or(Tree::Object(Vec::new())) // The files are part of the program: see the test.
}

impl Vintage {
    /// Converts a record of 2025 to the names and types of this vintage.
    pub(super) fn apply(self, dataset: &Dataset, record: &mut Tree) {
        if self == Self::Recorded {
            return;
        }
        for (name, old, new) in RENAMED {
            if *name == dataset.name {
                record.rename(old, new);
            }
        }
        for (name, field) in TEXTS {
            if *name == dataset.name
                && let Some(text) = record.get(field).and_then(Tree::as_scalar_text)
            {
                record.set(field, Tree::string(&text));
            }
        }
        for (name, field) in DATES {
            let date = record.get(field).and_then(Tree::as_text);
            if *name == dataset.name
                && let Some(date) = date.as_deref().and_then(|text| text.get(..10))
            {
                record.set(field, Tree::string(date));
            }
        }
        add(dataset, record);
    }
}

/// Renamed fields: dataset, name of 2025, name of 2026.
const RENAMED: &[(&str, &str, &str)] = &[
    (
        "comprasnet.contratacoes",
        "dataAualizacaoPncp",
        "dataAtualizacaoPncp",
    ),
    (
        "comprasnet.contratacoes",
        "unidade_subrogada_municipio_nome",
        "unidadeSubrogadaMunicipioNome",
    ),
    (
        "comprasnet.legado_itens_licitacao",
        "cpfVencedor",
        "cpf_vencedor",
    ),
    (
        "comprasnet.legado_pregoes",
        "valorEstimadoTotal",
        "valor_estimado_total",
    ),
    (
        "comprasnet.legado_pregoes",
        "valorHomologadoTotal",
        "valor_homologado_total",
    ),
    (
        "comprasnet.legado_itens_pregoes",
        "valorHomologadoItem",
        "valor_homologado_item",
    ),
    (
        "comprasnet.legado_compras_sem_licitacao",
        "idCompra",
        "id_compra",
    ),
    (
        "comprasnet.legado_compras_sem_licitacao",
        "dtDeclaracaoDispensa",
        "dt_declaracao_dispensa",
    ),
    (
        "comprasnet.legado_compras_sem_licitacao",
        "dtRatificacao",
        "dt_ratificacao",
    ),
    (
        "comprasnet.legado_compras_sem_licitacao",
        "dtPublicacao",
        "dt_publicacao",
    ),
    (
        "comprasnet.legado_itens_sem_licitacao",
        "idCompra",
        "id_compra",
    ),
    (
        "comprasnet.legado_itens_sem_licitacao",
        "idCompraItem",
        "id_compra_item",
    ),
];

/// Fields that are numbers in 2025 and text in 2026.
const TEXTS: &[(&str, &str)] = &[
    ("comprasnet.itens", "unidadeOrgaoCodigoUnidade"),
    ("comprasnet.arp", "codigoUnidadeGerenciadora"),
    ("comprasnet.arp_itens", "codigoUnidadeGerenciadora"),
    ("comprasnet.contratos", "codigoOrgao"),
    ("comprasnet.contratos", "codigoUnidadeGestora"),
    ("comprasnet.contratos", "codigoUnidadeGestoraOrigemContrato"),
    ("comprasnet.contratos", "codigoUnidadeRealizadoraCompra"),
    ("comprasnet.contratos", "codigoTipo"),
    ("comprasnet.contratos", "codigoCategoria"),
    ("comprasnet.contratos_itens", "codigoOrgao"),
    ("comprasnet.contratos_itens", "codigoUnidadeGestora"),
    (
        "comprasnet.contratos_itens",
        "codigoUnidadeGestoraOrigemContrato",
    ),
    (
        "comprasnet.contratos_itens",
        "codigoUnidadeRealizadoraCompra",
    ),
];

/// Fields that are times in 2025 and dates in 2026.
const DATES: &[(&str, &str)] = &[
    ("comprasnet.arp", "dataAssinatura"),
    ("comprasnet.arp", "dataVigenciaInicial"),
    ("comprasnet.arp", "dataVigenciaFinal"),
    ("comprasnet.arp_itens", "dataVigenciaInicial"),
    ("comprasnet.arp_itens", "dataVigenciaFinal"),
];

/// Adds the fields that are new in 2026.
fn add(dataset: &Dataset, record: &mut Tree) {
    let control = record.get("idContratacaoPNCP").cloned();
    match (dataset.name, control) {
        ("comprasnet.itens", Some(control)) => {
            record.set("numeroControlePNCPCompra", control);
            record.set("codigoPdm", Tree::string("12345"));
            record.set("nomePdm", Tree::string("MATERIAL SIMULADO"));
        }
        ("comprasnet.resultados", Some(control)) => {
            let cnpj = control.as_text().unwrap_or_default();
            let cnpj = cnpj.split('-').next().unwrap_or_default();
            record.set("orgaoEntidadeCnpj", Tree::string(cnpj));
            record.set("numeroControlePNCPCompra", control);
            record.set("unidadeOrgaoUfSigla", Tree::string("MG"));
        }
        ("comprasnet.contratos", _) => {
            record.remove("codigoUnidadeRequisitante");
            record.remove("nomeUnidadeRequisitante");
            record.set("unidadesRequisitantes", Tree::null());
            record.set("numeroControlePncpCompra", Tree::null());
        }
        ("comprasnet.arp" | "comprasnet.arp_itens" | "comprasnet.contratos_itens", _) => {}
        ("comprasnet.legado_pregoes", _) => {
            record.set("co_uasg", Tree::null());
            record.set("numero", Tree::null());
        }
        _ => {}
    }
    let modality = record.get("codigoModalidadeCompra").and_then(Tree::as_text);
    if let Some(short) = modality.filter(|code| code.len() == 1) {
        record.set("codigoModalidadeCompra", Tree::string(&format!("0{short}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dataset_has_a_template_with_its_key() {
        for dataset in of::ALL {
            let mut record = template(dataset);
            Vintage::Current.apply(dataset, &mut record);
            let id = dataset.id(&record);
            assert!(
                !id.starts_with("sha256:"),
                "{}: {}",
                dataset.name,
                record.to_json()
            );
        }
    }

    #[test]
    fn digits_stay_as_they_were_recorded() {
        let text = template(&of::CONTRATOS).to_json();
        assert!(text.contains("\"valorGlobal\":16315,"), "{text}");
    }
}
