"""One day of contratações by dlt's declarative REST source into Parquet files in a folder. Pages of a resource are read one
after the other; a resource for each modality, at most five in flight, which is dlt's default. Members of records stay as JSON
in one table, as bronzed keeps them. dlt knows no ids that are already stored: a second run appends all rows again.

    dlt_rest_api.py BASE_URL DAY FOLDER

Needs `pip install "dlt[filesystem,parquet]"` (1.31).
"""

import os
import sys
from pathlib import Path

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"

import dlt  # noqa: E402
from dlt.sources.rest_api import rest_api_source  # noqa: E402

MODALITIES = range(1, 14)


def resource(day, modality):
    compact = day.replace("-", "")
    return {
        "name": f"modalidade_{modality}",
        "table_name": "contratacoes",
        "write_disposition": "append",
        "endpoint": {
            "path": "v1/contratacoes/publicacao",
            "params": {
                "dataInicial": compact,
                "dataFinal": compact,
                "codigoModalidadeContratacao": modality,
                "tamanhoPagina": 50,
            },
            "data_selector": "data",
            "paginator": {"type": "page_number", "base_page": 1, "page_param": "pagina", "total_path": "totalPaginas"},
            "response_actions": [{"status_code": 204, "action": "ignore"}],
        },
    }


def main():
    base, day, folder = sys.argv[1:]
    folder = Path(folder).resolve()
    source = rest_api_source(
        {"client": {"base_url": base}, "resources": [resource(day, modality) for modality in MODALITIES]},
        max_table_nesting=0,
    )
    pipeline = dlt.pipeline(
        "contratacoes",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.filesystem(bucket_url=str(folder / "lake")),
        dataset_name="bronze",
    )
    pipeline.run(source, loader_file_format="parquet")
    counts = pipeline.last_trace.last_normalize_info.row_counts
    print(counts.get("contratacoes", 0))


if __name__ == "__main__":
    main()
