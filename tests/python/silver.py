"""Judges silver tables: what engines see of each is what SQL over the Parquet files of bronze says.

    silver.py LAKE WITHDRAWN.json TABLE KIND      {"version": 2, "rows": 957, "violations": []}

KIND is `flag` or `omit` of the table of records, `current` or `history` of that of the snapshot. WITHDRAWN.json lists day and id
of each note that stands: [["2025-01-20", "7@2025-01-20T00:00:00"], …].
"""

import json
import pathlib
import sys

from delta import database, rows_by_delta_rs
from deltalake import DeltaTable

# A row of bronze, as SQL folds it.
FIELDS = """_key AS key, _id AS id, _op AS op,
       make_date(year::INT, month::INT, day::INT) AS day,
       regexp_extract(filename, '_c(\\d+)\\.parquet$', 1)::INT AS file,
       file_row_number AS number,
       try_cast(atualizado AS TIMESTAMP) AS updated,
       substr(publicado, 1, 7) AS month_published,
       _extra->'novo'->>'valor' AS value,
       epoch_us(_ingested_at) AS ingested"""

ROWS = """
SELECT dataset, {fields}
FROM (
  SELECT 0 AS dataset, * FROM read_parquet('{lake}/pncp_publicacao/year=*/**/*.parquet', filename=true, file_row_number=true,
                                           hive_partitioning=true, hive_types_autocast=false)
  UNION ALL BY NAME
  SELECT 1 AS dataset, * FROM read_parquet('{lake}/pncp_atualizacao/year=*/**/*.parquet', filename=true, file_row_number=true,
                                           hive_partitioning=true, hive_types_autocast=false)
  UNION ALL BY NAME
  SELECT 2 AS dataset, * FROM read_parquet('{lake}/pncp_lista/year=*/**/*.parquet', filename=true, file_row_number=true,
                                           hive_partitioning=true, hive_types_autocast=false)
)
""".replace("{fields}", FIELDS)

ORDER = "coalesce(epoch_us(updated), -1), dataset, day, file, number"

RECORDS = f"""
WITH mine AS (SELECT * FROM bronze WHERE dataset < 2),
latest AS (SELECT * FROM mine QUALIFY row_number() OVER (PARTITION BY key ORDER BY ({ORDER}) DESC) = 1),
told AS (SELECT * FROM mine WHERE dataset = 0 QUALIFY row_number() OVER (PARTITION BY key ORDER BY ({ORDER}) DESC) = 1),
gone AS (SELECT told.key FROM told JOIN withdrawn USING (day, id))
SELECT key, value, month_published, CASE WHEN key IN (SELECT key FROM gone) THEN 'withdrawn' END AS deleted, day, NULL AS valid_to,
       ingested
FROM latest
"""

HISTORY = """
SELECT key, value, NULL AS month, CASE WHEN next_op = 'vanished' THEN 'vanished' END AS deleted, day, valid_to, ingested
FROM (
  SELECT *, lead(day) OVER history AS valid_to, lead(op) OVER history AS next_op
  FROM bronze WHERE dataset = 2 WINDOW history AS (PARTITION BY key ORDER BY day, file, number)
) WHERE op IS DISTINCT FROM 'vanished'
"""

CURRENT = f"""
SELECT key, value, month, deleted, day, NULL AS valid_to, ingested FROM ({HISTORY})
QUALIFY row_number() OVER (PARTITION BY key ORDER BY day DESC, ingested DESC) = 1
"""

EXPECTED = {
    "flag": RECORDS,
    "omit": f"SELECT * FROM ({RECORDS}) WHERE deleted IS NULL",
    "current": CURRENT,
    "history": HISTORY,
}


def seen_by_duckdb(table, columns):
    return database().execute(f"SELECT {', '.join(columns)} FROM delta_scan('{table}')").fetchall()


def seen_by_delta_rs(table, columns):
    rows = rows_by_delta_rs(table, "*").to_pylist()
    return [tuple(row[name] for name in columns if name != "NULL") for row in rows]


def plain(rows):
    return sorted(tuple(None if value is None else str(value) for value in row) for row in rows)


def compared(made, table, kind):
    """Returns the rows that the table is to have, by the tables `bronze` and `withdrawn`, and how engines see others."""
    expected = made.execute(EXPECTED[kind]).fetchall()
    columns = ["_id", "valor", "_deleted", "_day"]
    picked = [0, 1, 3, 4]
    if kind in ("flag", "omit"):
        columns.append("month")
        picked.append(2)
    if kind == "history":
        columns += ["valid_to", "valid_from"]
        picked += [5, 4]
    wanted = plain([[row[place] for place in picked] for row in expected])
    violations = []
    for engine, seen in (("duckdb", seen_by_duckdb), ("delta-rs", seen_by_delta_rs)):
        rows = plain(seen(table, columns))
        if rows != wanted:
            extra = [row for row in rows if row not in wanted][:3]
            missing = [row for row in wanted if row not in rows][:3]
            violations.append(f"{engine}: {len(rows)} rows, of {len(wanted)}; extra {extra}, missing {missing}")
    return wanted, violations


def judge(lake, withdrawn, table, kind):
    made = database()
    made.execute("SET TimeZone = 'UTC'")
    made.execute("CREATE TABLE withdrawn (day DATE, id VARCHAR)")
    for day, name in json.loads(pathlib.Path(withdrawn).read_text(encoding="utf-8")):
        made.execute("INSERT INTO withdrawn VALUES (?, ?)", [day, name])
    made.execute("CREATE TABLE bronze AS " + ROWS.replace("{lake}", lake))
    wanted, violations = compared(made, table, kind)
    # Skipping by statistics and partitions finds what a full read finds.
    for row in wanted[:: max(1, len(wanted) // 5)]:
        query = f"SELECT count(*) FROM delta_scan('{table}') WHERE _id = '{row[0]}'"
        if kind != "history" and database().execute(query).fetchone() != (1,):
            violations.append(f"duckdb doesn't find {row[0]}")
    return {"version": DeltaTable(table).version(), "rows": len(wanted), "violations": violations}


if __name__ == "__main__":
    print(json.dumps(judge(*sys.argv[1:])))
