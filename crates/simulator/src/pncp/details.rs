//! The details of one procurement: its items, results and documents.
//!
//! Lists are bare arrays without totals, with ten records per page by default, and items and documents
//! don't name their procurement. No results and no documents are 204; a page past the end is an empty
//! array; a procurement that isn't listed is 404 with a message.
//!
//! The five recorded procurements have their recorded items and documents. Generated procurements have
//! generated ones, which depend on the version: an updated procurement has results.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono::NaiveDateTime;

use super::datasets::{ARQUIVOS, CONTRATACOES, ITENS, RESULTADOS};
use super::generated::{cnpj, recorded_text};
use super::query::{bad_request, number};
use crate::SimConfig;
use crate::answer::Answer;
use crate::call::{Call, Right};
use crate::chance::Chance;
use crate::dataset::Dataset;
use crate::faults::{Fault, PageKey};
use crate::parameters::Parameters;
use crate::row::Row;
use crate::tree::Tree;

/// Number of items and documents of each procurement that isn't a recorded one.
#[derive(Debug, Clone, Copy)]
pub struct Details {
    /// Average number of items; each procurement has at least one.
    pub items: u32,
    /// Average number of documents; some procurements have none.
    pub documents: u32,
}

impl Default for Details {
    fn default() -> Self {
        Self {
            items: 3,
            documents: 2,
        }
    }
}

const DEFAULT_SIZE: u64 = 10;

/// Requested detail of a procurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Itself,
    Items,
    ItemCount,
    Item(u64),
    Results(u64),
    Documents,
}

/// Parses a request; see [`Provider::route`](crate::provider::Provider::route).
pub(super) fn route(path: &str, parameters: &Parameters) -> Result<Box<dyn Call>, Option<Answer>> {
    let (service, rest) = path
        .strip_prefix('/')
        .and_then(|path| path.split_once('/'))
        .ok_or(None)?;
    let rest = rest.strip_prefix("v1/orgaos/").ok_or(None)?;
    let parts: Vec<_> = rest.split('/').collect();
    let [organ, "compras", year, sequence, about @ ..] = parts.as_slice() else {
        return Err(None);
    };
    let what = match (service, about) {
        ("consulta" | "pncp", []) => What::Itself,
        ("pncp", ["itens"]) => What::Items,
        ("pncp", ["itens", "quantidade"]) => What::ItemCount,
        ("pncp", ["itens", item]) => What::Item(item.parse().map_err(|_| None)?),
        ("pncp", ["itens", item, "resultados"]) => What::Results(item.parse().map_err(|_| None)?),
        ("pncp", ["arquivos"]) => What::Documents,
        _ => return Err(None),
    };
    let sequence: u64 = sequence.parse().map_err(|_| None)?;
    let page = |name, default| match parameters.get(name) {
        None => Ok(default),
        Some(_) => number(parameters, name).map_err(Some),
    };
    let (page, size) = (page("pagina", 1)?, page("tamanhoPagina", DEFAULT_SIZE)?);
    if page < 1 || size < 1 {
        return Err(Some(bad_request("must be greater than or equal to 1")));
    }
    Ok(Box::new(DetailCall {
        parent: format!("{organ}-1-{sequence:06}/{year}"),
        what,
        page,
        size,
    }))
}

struct DetailCall {
    parent: String,
    what: What,
    page: u64,
    size: u64,
}

impl Call for DetailCall {
    fn key(&self) -> PageKey {
        let (dataset, slice) = match self.what {
            What::Itself => ("pncp.contratacao", self.parent.clone()),
            What::Items | What::ItemCount | What::Item(_) => (ITENS.name, self.parent.clone()),
            What::Results(item) => (RESULTADOS.name, format!("{}|{item}", self.parent)),
            What::Documents => (ARQUIVOS.name, self.parent.clone()),
        };
        PageKey {
            dataset,
            days: String::new(),
            slice,
            page: self.page,
            offset: self.start(),
            size: self.size,
        }
    }

    fn disturb(&self, fault: &Fault, _: &SimConfig, _: NaiveDateTime) -> bool {
        // Details never move between pages.
        !matches!(fault, Fault::Shift | Fault::Withdraw)
    }

    fn answer(&self, config: &SimConfig, now: NaiveDateTime, _: Chance, call: Chance) -> Right {
        let Some(parent) = config.catalog.table().find(&self.parent, now) else {
            let body = r#"{"status":"404","error":"404 NOT_FOUND","message":"Contratação não cadastrada."}"#;
            return right(Answer::json(404, body), 0, 0);
        };
        let family = Family::of(config, &self.parent, &parent);
        let order = Some(call.of("key order"));
        let one = |record: &Tree| {
            let mut text = String::new();
            record.write(order, &mut text);
            Answer::json(200, text)
        };
        match self.what {
            What::Itself => right(one(&parent.tree()), 1, 1),
            What::ItemCount => {
                let items = family.items().len();
                right(Answer::json(200, items.to_string()), 0, items)
            }
            What::Item(wanted) => match family.item(wanted) {
                Some(item) => right(one(&item), 1, 1),
                None => right(Answer::empty(404), 0, 0),
            },
            What::Items => self.list(&family.items(), order, false),
            What::Results(item) => self.list(&family.results(item), order, true),
            What::Documents => self.list(&family.documents(), order, true),
        }
    }
}

fn right(answer: Answer, rows: usize, total: usize) -> Right {
    Right {
        answer,
        hollow: Answer::json(200, "[]"),
        rows,
        total: total as u64,
    }
}

impl DetailCall {
    fn start(&self) -> u64 {
        (self.page - 1).saturating_mul(self.size)
    }

    /// Returns a page of a list; a list without records is 204 if `none_is_204`.
    fn list(&self, records: &[Tree], order: Option<Chance>, none_is_204: bool) -> Right {
        if records.is_empty() && none_is_204 {
            return right(Answer::empty(204), 0, 0);
        }
        let (start, size) = (self.start() as usize, self.size as usize);
        let page: Vec<_> = records.iter().skip(start).take(size).cloned().collect();
        let rows = page.len();
        let mut text = String::new();
        Tree::Array(page).write(order, &mut text);
        right(Answer::json(200, text), rows, records.len())
    }
}

/// All details of one version of one procurement.
pub(crate) struct Family {
    id: String,
    details: Details,
    chance: Chance,
    /// Time at which this version was written.
    written: NaiveDateTime,
    updated: bool,
}

impl Family {
    pub(crate) fn of(config: &SimConfig, id: &str, parent: &Row) -> Self {
        Self {
            id: id.to_owned(),
            details: config.details,
            chance: Chance::new(config.seed).of("details").of(id),
            written: parent.updated,
            updated: parent.version() > 0,
        }
    }

    /// Returns the children of one dataset.
    pub(crate) fn children(&self, dataset: &Dataset) -> Vec<Tree> {
        if *dataset == ITENS {
            self.items()
        } else if *dataset == ARQUIVOS {
            self.documents()
        } else {
            let count = self.items().len() as u64;
            (1..=count).flat_map(|item| self.results(item)).collect()
        }
    }

    fn items(&self) -> Vec<Tree> {
        if let Some(recorded) = RECORDED.items.get(&self.id) {
            return recorded.clone();
        }
        let most = u64::from(2 * self.details.items.max(1) - 1);
        let count = 1 + self.chance.of("items").below(most);
        (1..=count).filter_map(|number| self.item(number)).collect()
    }

    fn item(&self, number: u64) -> Option<Tree> {
        if let Some(recorded) = RECORDED.items.get(&self.id) {
            return recorded.get(number.checked_sub(1)? as usize).cloned();
        }
        let most = u64::from(2 * self.details.items.max(1) - 1);
        if !(1..=1 + self.chance.of("items").below(most)).contains(&number) {
            return None;
        }
        let chance = self.chance.of("item").at(number);
        let mut item = RECORDED.item.clone();
        let cents = 100 + chance.of("cents").below(9_000_000);
        let has_result = self.has_result(number);
        let text = recorded_text(chance.of("text").below(20_000) as usize, 120);
        let (state, name) = match has_result {
            true => (2, "Homologado"),
            false => (1, "Em andamento"),
        };
        item.set_all([
            ("numeroItem", Tree::literal(&number.to_string())),
            ("descricao", Tree::string(&text)),
            ("valorUnitarioEstimado", Tree::literal(&amount(cents))),
            ("valorTotal", Tree::literal(&amount(cents * 10))),
            ("quantidade", Tree::literal("10.0")),
            ("situacaoCompraItem", Tree::number(state)),
            ("situacaoCompraItemNome", Tree::string(name)),
            (
                "temResultado",
                Tree::literal(if has_result { "true" } else { "false" }),
            ),
            ("dataAtualizacao", self.written()),
        ]);
        Some(item)
    }

    fn has_result(&self, item: u64) -> bool {
        let chance = self.chance.of("result").at(item);
        self.updated || chance.happens(0.2)
    }

    fn results(&self, item: u64) -> Vec<Tree> {
        let known = RECORDED.items.contains_key(&self.id);
        if known || self.item(item).is_none() || !self.has_result(item) {
            return Vec::new();
        }
        let chance = self.chance.of("result").at(item);
        let cents = 100 + chance.of("cents").below(9_000_000);
        let mut result = RECORDED.result.clone();
        result.set_all([
            ("numeroItem", Tree::literal(&item.to_string())),
            ("sequencialResultado", Tree::number(1)),
            ("numeroControlePNCPCompra", Tree::string(&self.id)),
            (
                "niFornecedor",
                Tree::string(&cnpj(chance.of("supplier").below(90_000_000))),
            ),
            (
                "nomeRazaoSocialFornecedor",
                Tree::string("FORNECEDOR SIMULADO LTDA"),
            ),
            ("valorUnitarioHomologado", Tree::literal(&amount(cents))),
            ("valorTotalHomologado", Tree::literal(&amount(cents * 10))),
            ("quantidadeHomologada", Tree::literal("10.0")),
            (
                "dataResultado",
                Tree::string(&self.written.date().to_string()),
            ),
            ("dataInclusao", self.written()),
            ("dataAtualizacao", self.written()),
        ]);
        vec![result]
    }

    fn documents(&self) -> Vec<Tree> {
        if let Some(recorded) = RECORDED.documents.get(&self.id) {
            return recorded.clone();
        }
        let count = self
            .chance
            .of("documents")
            .below(u64::from(2 * self.details.documents + 1));
        let (organ, rest) = self.id.split_once("-1-").unwrap_or_default();
        let (sequence, year) = rest.split_once('/').unwrap_or_default();
        let sequence = sequence.trim_start_matches('0');
        let root = format!(
            "https://pncp.gov.br/pncp-api/v1/orgaos/{organ}/compras/{year}/{sequence}/arquivos"
        );
        let document = |number: u64| {
            let url = Tree::string(&format!("{root}/{number}"));
            let mut document = RECORDED.document.clone();
            document.set_all([
                ("uri", url.clone()),
                ("url", url),
                ("sequencialDocumento", Tree::literal(&number.to_string())),
                ("titulo", Tree::string(&format!("EDITAL {number}.pdf"))),
                ("dataPublicacaoPncp", self.written()),
                ("cnpj", Tree::string(organ)),
                ("anoCompra", Tree::literal(year)),
                ("sequencialCompra", Tree::literal(sequence)),
            ]);
            document
        };
        (1..=count).map(document).collect()
    }

    fn written(&self) -> Tree {
        let format = crate::table::TIME_FORMAT;
        Tree::string(&self.written.format(format).to_string())
    }
}

/// Datasets of details.
pub(crate) static DATASETS: [&Dataset; 3] = [&ITENS, &RESULTADOS, &ARQUIVOS];

/// Returns the dataset of details of this name.
pub(crate) fn named(name: &str) -> Option<&'static Dataset> {
    DATASETS.into_iter().find(|dataset| dataset.name == name)
}

/// Parent dataset of all details.
pub(crate) static PARENTS: &Dataset = &CONTRATACOES;

fn amount(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// Recorded details, and a template of each kind.
struct Recorded {
    items: HashMap<String, Vec<Tree>>,
    documents: HashMap<String, Vec<Tree>>,
    item: Tree,
    result: Tree,
    document: Tree,
}

static RECORDED: LazyLock<Recorded> = LazyLock::new(|| {
    let items = by_parent(
        include_str!("../../../../tests/fixtures/pncp/compra_itens_20251022.by_compra.json"),
        "itens",
    );
    let documents =
        include_str!("../../../../tests/fixtures/pncp/compra_arquivos_20251022.by_compra.json");
    let documents = by_parent(documents, "arquivos");
    let first = |map: &HashMap<String, Vec<Tree>>| {
        let found = map.values().flatten().next().cloned();
        found.unwrap_or(Tree::null())
    };
    let only = |file: &str| match Tree::parse(file) {
        Ok(Tree::Array(mut records)) if !records.is_empty() => records.swap_remove(0),
        _ => Tree::null(),
    };
    Recorded {
        item: only(include_str!(
            "../../../../tests/fixtures/pncp/compra_itens_b.json"
        )),
        result: only(include_str!(
            "../../../../tests/fixtures/pncp/item_resultados.json"
        )),
        document: first(&documents),
        items,
        documents,
    }
});

fn by_parent(file: &str, member: &str) -> HashMap<String, Vec<Tree>> {
    let Ok(Tree::Array(parents)) = Tree::parse(file) else {
        return HashMap::new(); // The files are part of the program, and a test reads them.
    };
    let families = parents.into_iter().filter_map(|parent| {
        let id = parent.get("numeroControlePNCP")?.as_text()?;
        match parent.get(member)? {
            Tree::Array(children) => Some((id, children.clone())),
            _ => None,
        }
    });
    families.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_details_are_there() {
        let counts = |map: &HashMap<String, Vec<Tree>>| {
            let mut counts: Vec<_> = map.values().map(Vec::len).collect();
            counts.sort_unstable();
            counts
        };
        assert_eq!(counts(&RECORDED.items), [1, 1, 1, 2, 10]);
        assert_eq!(counts(&RECORDED.documents), [1, 1, 1, 2, 51]);
        for template in [&RECORDED.item, &RECORDED.result, &RECORDED.document] {
            assert!(matches!(template, Tree::Object(_)));
        }
    }
}
