//! Declarations of sources like PNCP, under other names, for tests of the daemon.

use std::fs;
use std::path::Path;

use bronzed_model::day::Day;

/// Modalities of the slices; the first has no records.
pub const SLICES: [u32; 4] = [2, 6, 8, 9];
/// Number of records on a full page.
pub const PAGE: usize = 10;

/// Jobs of every source, as shipped.
pub const JOBS: &str = r#"
[job.hourly]
cron = "0 * * * *"
days = "today"
mode = "new"
priority = "hourly"

[job.daily]
cron = "0 3 * * *"
days = "yesterday"
mode = "full"
priority = "daily"

[job.backfill]
cron = "30 4 * * *"
days = "incomplete"
mode = "full"
priority = "backfill"
"#;

/// Writes the files that all sources of a configuration folder share.
pub fn write_shared(folder: &Path) {
    let shipped = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config"));
    let columns = "sources/pncp/contratacoes.toml";
    fs::create_dir_all(folder.join("sources/pncp")).expect("a new folder");
    for file in ["bronzed.toml", columns] {
        fs::copy(shipped.join(file), folder.join(file)).expect("a shipped file");
    }
}

/// Writes a source like PNCP under this name, with short waits.
pub fn write_source(folder: &Path, name: &str, jobs: &str, from: Day) {
    let text = SOURCE
        .replace("NAME", name)
        .replace("COVERED", &from.to_string())
        .replace("PAGE", &PAGE.to_string())
        .replace("SLICES", &format!("{SLICES:?}"))
        .replace("JOBS", jobs);
    fs::write(folder.join(format!("sources/{name}.toml")), text).expect("a new file");
}

/// PNCP's contratações with small pages, short waits, and four modalities, of which one is empty.
const SOURCE: &str = r#"
name = "NAME"
base_url = "http://127.0.0.1"
timezone = "America/Sao_Paulo"

[limits]
runs = 2
concurrency = 3
timeout = "20s"

[retry]
max_attempts = 6
max_elapsed = "15m"
initial = "1ms"
max = "4ms"

[[response]]
status = 204
action = "empty"

[[response]]
status = 200
body_empty = true
action = "empty"

[dataset.contratacoes]
prefix = "NAME"
path = "/consulta/v1/contratacoes/publicacao"
data_selector = "/data"
primary_key = ["numeroControlePNCP"]
schema = "pncp/contratacoes.toml"

[dataset.contratacoes.params]
codigoModalidadeContratacao = "{modalidade}"

[dataset.contratacoes.slices]
modalidade = SLICES

[dataset.contratacoes.window]
start_param = "dataInicial"
end_param = "dataFinal"
end = "inclusive"
format = "%Y%m%d"
day_field = "dataPublicacaoPncp"
day_format = "%Y-%m-%d"
settle = "2h"

[dataset.contratacoes.coverage]
from = COVERED

[dataset.contratacoes.paginator]
type = "page_number"
page_param = "pagina"
first_page = 1
page_size_param = "tamanhoPagina"
page_size = PAGE
total_records_path = "/totalRegistros"
total_pages_path = "/totalPaginas"

[dataset.contratacoes.completeness]
require = "unique_total"
JOBS
"#;
