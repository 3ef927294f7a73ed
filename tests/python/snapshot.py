"""Asks a snapshot's files what was in force on each day, by the query that the docs give.

    snapshot.py docs/use/snapshots.md LAKE PREFIX '[{"day": "2025-10-22", "records": "FILE"}, ...]'

Each file has the records that the API had in force, as a JSON array.
"""

import json
import re
import sys

import duckdb

import canonical
import lake


def main():
    docs, folder, prefix, expected = sys.argv[1:]
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
    print(json.dumps({"days": len(days)}))


if __name__ == "__main__":
    main()
