"""One day of contratações as a plain Python task reads it: `requests` page after page, ids held against a state file,
`pandas` and `pyarrow` to write what is new. What bronzed's users had before, without its scheduler.

    requests_pandas.py BASE_URL DAY FOLDER
"""

import json
import sys
from pathlib import Path

import pandas
import requests

MODALITIES = range(1, 14)


def pages(base, day):
    compact = day.replace("-", "")
    with requests.Session() as session:
        for modality in MODALITIES:
            number = 1
            while True:
                answer = session.get(
                    f"{base}/v1/contratacoes/publicacao",
                    params={
                        "dataInicial": compact,
                        "dataFinal": compact,
                        "codigoModalidadeContratacao": modality,
                        "pagina": number,
                        "tamanhoPagina": 50,
                    },
                    timeout=60,
                )
                if answer.status_code == 204:
                    break
                answer.raise_for_status()
                page = answer.json()
                yield page["data"]
                if page["paginasRestantes"] == 0:
                    break
                number += 1


def main():
    base, day, folder = sys.argv[1:]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state_file = folder / f"state_{day}.json"
    state = set(json.loads(state_file.read_text())) if state_file.exists() else set()
    rows = []
    for data in pages(base, day):
        for record in data:
            if record["numeroControlePNCP"] not in state:
                state.add(record["numeroControlePNCP"])
                rows.append(record)
    if rows:
        pandas.DataFrame(rows).to_parquet(folder / f"{day}.parquet", compression="zstd")
    state_file.write_text(json.dumps(sorted(state)))
    print(len(rows))


if __name__ == "__main__":
    main()
