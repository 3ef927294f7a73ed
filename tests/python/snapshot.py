"""Asks a snapshot's files what was in force on each day, by the query that the docs give.

    snapshot.py docs/use/snapshots.md LAKE PREFIX '[{"day": "2025-10-22", "records": "FILE"}, ...]' VIEWS

Each file has the records that the API had in force, as a JSON array. VIEWS is what `bronzed views` prints: its view has those of the
last day.
"""

import json
import re
import sys

import duckdb

import canonical
import lake


def main():
    docs, folder, prefix, expected, views = sys.argv[1:]
    with open(docs, encoding="utf-8") as page:
        query = re.search(r"```sql\n(.*?)```", page.read(), re.DOTALL).group(1)
    days = json.loads(expected)
    for day in days:
        asked = query.replace("data/tcu_inidoneos", f"{folder}/{prefix}")
        asked = asked.replace("2025-10-22", day["day"])
        found = duckdb.sql(asked).to_arrow_table().to_pylist()
        partition = ("year", "month", "day", "filename", "file_row_number")
        rows = [{k: v for k, v in row.items() if k not in partition} for row in found]
        in_force = sorted(canonical.canonical(lake.record_of(row)) for row in rows)
        with open(day["records"], encoding="utf-8") as file:
            records = lake.parse(file.read())
        served = sorted(canonical.canonical(record) for record in records)
        if in_force != served:
            missing = sorted(set(served) - set(in_force))[:3]
            surplus = sorted(set(in_force) - set(served))[:3]
            sys.exit(f"{day['day']}: {len(in_force)} rows are in force by the files, {len(served)} by "
                     f"the API; missing: {missing}; surplus: {surplus}")
    judge_view(views, prefix, max(days, key=lambda day: day["day"]))
    print(json.dumps({"days": len(days)}))


def judge_view(views, prefix, last):
    key = ("cpf_cnpj", "processo", "deliberacao", "nome")
    with open(views, encoding="utf-8") as file:
        duckdb.sql(file.read())
    found = sorted(duckdb.sql(f"SELECT {', '.join(key)} FROM {prefix}").fetchall())
    with open(last["records"], encoding="utf-8") as file:
        served = sorted(tuple(record[name] for name in key) for record in json.load(file))
    if found != served:
        sys.exit(f"the view has {len(found)} rows, and the API {len(served)} on {last['day']}")


if __name__ == "__main__":
    main()
