"""Judges the tables of a lake after kills, again and again: a line of JSON comes in, and one goes out.

    {"lake": "/tmp/…", "bronze": ["pncp_publicacao"], "silver": [["silver/pncp_registros", "flag"]], "notes": [["2025-01-20", ["7@…"]]],
     "whole": false}                                       {"shown": 12, "rows": 957, "violations": []}

What a Delta log of bronze shows is of each day a prefix of its commits, each file once. A silver table is the fold of the commits that
its log says went in. If `whole`, both have all that bronze has. KIND is as in `silver.py`; or `keys`: the table has the key of each row
that bronze has, once. `notes` has all ids that were ever noted of a day, an entry for each time.
"""

import hashlib
import json
import pathlib
import re
import sys

import delta
import duckdb
import silver
from delta import database, rows_by_delta_rs
from deltalake import DeltaTable
from silver import FIELDS, compared

DATASETS = {"publicacao": 0, "atualizacao": 1, "lista": 2}
NUMBERED = re.compile(r"year=(\d{4})/month=(\d\d)/day=(\d\d)/[^/]*_\d{8}_c(\d{6,})\.parquet$")
COMPACTED = re.compile(r"_compacted/year=(\d{4})/month=(\d\d)/day=(\d\d)/[^/]*_\d{8}_c(\d{6,})-c(\d{6,})_[0-9a-f]+\.parquet$")

NEW_ROWS = """
SELECT {dataset} AS dataset, {fields}
FROM read_parquet({files}, filename=true, file_row_number=true, union_by_name=true, hive_partitioning=true, hive_types_autocast=false)
""".replace("{fields}", FIELDS)


class Lake:
    """A lake with what is known of it: files of bronze are never changed."""

    def __init__(self):
        self.made = duckdb.connect()
        self.made.execute("SET TimeZone = 'UTC'")
        self.made.execute(
            "CREATE TABLE stored (dataset INT, key VARCHAR, id VARCHAR, op VARCHAR, day DATE, file INT, number BIGINT, updated TIMESTAMP,"
            " month_published VARCHAR, value VARCHAR, ingested BIGINT)"
        )
        self.made.execute("CREATE TABLE ids (prefix VARCHAR, path VARCHAR, id VARCHAR, key VARCHAR)")
        self.read = set()
        self.judged = {}

    def learn(self, lake, prefixes):
        datasets = {f"pncp_{name}": number for name, number in DATASETS.items()}
        for prefix in prefixes:
            files = {str(file) for file in pathlib.Path(lake, prefix).glob("year=*/**/*.parquet")} - self.read
            if not files:
                continue
            self.made.execute(
                f"INSERT INTO ids SELECT '{prefix}', filename[{len(f'{lake}/{prefix}/') + 1}:], _id, _key"
                f" FROM read_parquet({sorted(files)}, filename=true, union_by_name=true, hive_partitioning=false)"
            )
            if prefix in datasets:
                made = NEW_ROWS.replace("{dataset}", str(datasets[prefix])).replace("{files}", str(sorted(files)))
                self.made.execute("INSERT INTO stored " + made)
            self.read |= files

    def is_as_judged(self, table):
        """Returns `True` if the table's log is as it was when it was found right, and its files are there."""
        log = sorted(path.name for path in pathlib.Path(table, "_delta_log").glob("*"))
        known = self.judged.get(table)
        return known is not None and known[0] == log and all(pathlib.Path(path).exists() for path in known[1])

    def keep(self, table):
        log = sorted(path.name for path in pathlib.Path(table, "_delta_log").glob("*"))
        self.judged[table] = (log, DeltaTable(table).file_uris())


def commits_of(paths, pattern):
    found = [pattern.search(path) for path in paths]
    return [(tuple(match.groups()[:3]), [int(number) for number in match.groups()[3:]]) for match in found if match]


def shown(table):
    """Returns the numbers of the commits that the log shows, by day, and an error for each file that isn't there."""
    whole = DeltaTable(table)
    paths = [path.removeprefix(f"{table}/") for path in whole.file_uris()]
    violations = [f"{path} is in the log, and gone" for path in paths if not pathlib.Path(table, path).exists()]
    days = {}
    for day, (number,) in commits_of(paths, NUMBERED):
        days.setdefault(day, []).append(number)
    for day, (first, last) in commits_of(paths, COMPACTED):
        days.setdefault(day, []).extend(range(first, last + 1))
    unknown = [path for path in paths if not NUMBERED.search(path) and not COMPACTED.search(path)]
    violations += [f"{path} is in the log, and of no commit" for path in unknown]
    return days, violations


def judge_bronze(known, lake, prefix, whole):
    table = f"{lake}/{prefix}"
    if not whole and known.is_as_judged(table):
        return 0, []
    there = {}
    for day, (number,) in commits_of([str(file) for file in pathlib.Path(table).glob("year=*/**/*.parquet")], NUMBERED):
        there.setdefault(day, []).append(number)
    if not pathlib.Path(table, "_delta_log", f"{0:020}.json").exists():
        return 0, [f"{prefix} has no log"] if whole and there else []
    days, violations = shown(table)
    for day, numbers in days.items():
        if sorted(numbers) != list(range(1, len(numbers) + 1)) or max(numbers) > len(there[day]):
            violations.append(f"of {prefix} {day}, the log shows the commits {sorted(numbers)}, of {len(there[day])}")
    if whole:
        missing = [day for day, numbers in there.items() if len(days.get(day, [])) != len(numbers)]
        violations += [f"of {prefix} {day}, the log shows {len(days.get(day, []))} of {len(there[day])} commits" for day in missing]
    if not violations:
        stored = known.made.execute("SELECT path, id FROM ids WHERE prefix = ?", [prefix]).fetchall()
        is_shown = {path: any(number <= len(days.get(day, [])) for day, (number,) in commits_of([path], NUMBERED)) for path, _ in stored}
        wanted = sorted(name for path, name in stored if is_shown[path])
        seen = [row[0] for row in database().execute(f"SELECT _id FROM delta_scan('{table}')").fetchall()]
        if sorted(seen) != wanted:
            violations.append(f"duckdb sees {len(seen)} rows of {prefix}, of {len(wanted)}")
        if whole and sorted(rows_by_delta_rs(table, '"_id"').column("_id").to_pylist()) != wanted:
            violations.append(f"delta-rs doesn't see the {len(wanted)} rows of {prefix}")
    if not violations:
        known.keep(table)
    return sum(len(numbers) for numbers in days.values()), violations


def progress_of(table):
    """Replays the log's versions: of each dataset and day the last commit that went in, and the digest of the notes."""
    domains = {}
    versions = sorted(pathlib.Path(table, "_delta_log").glob("*.json"))
    if [int(version.stem) for version in versions] != list(range(len(versions))):
        raise ValueError(f"versions are missing: {[version.stem for version in versions]}")
    for version in versions:
        for line in version.read_text(encoding="utf-8").splitlines():
            domain = json.loads(line).get("domainMetadata")
            if domain and domain.get("removed"):
                domains.pop(domain["domain"], None)
            elif domain:
                domains[domain["domain"]] = domain["configuration"]
    found = []
    for domain, text in domains.items():
        match = re.fullmatch(r"bronzed\.(\w+)\.(\d{4})", domain)
        for day, (number, _, notes, _) in json.loads(text).items() if match else []:
            found.append((match[1], f"{day[:4]}-{day[4:6]}-{day[6:]}", number, notes))
    return found


def digest(ids):
    text = json.dumps("\n".join(sorted(ids)), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16] if ids else ""


def judge_keys(known, table, whole):
    stored = {row[0] for row in known.made.execute("SELECT key FROM ids WHERE prefix = 'pncp'").fetchall()}
    keys = [row[0] for row in database().execute(f"SELECT _id FROM delta_scan('{table}')").fetchall()]
    violations = [f"of {len(keys)} keys, {len(keys) - len(set(keys))} come twice"] if len(keys) != len(set(keys)) else []
    if not set(keys) <= stored or (whole and set(keys) != stored):
        violations.append(f"{len(keys)} keys, of {len(stored)} that bronze has")
    return len(keys), violations


def judge_silver(known, lake, prefix, kind, notes, whole):
    table = f"{lake}/{prefix}"
    if not pathlib.Path(table, "_delta_log", f"{0:020}.json").exists():
        return 0, [f"there is no {prefix}"] if whole else []
    if not whole and known.is_as_judged(table):
        return 0, []
    if kind == "keys":
        return judge_keys(known, table, whole)
    made, violations, withdrawn = known.made, [], []
    by_digest = {(day, digest(ids)): ids for day, ids in notes}
    last = dict(notes)
    made.execute("CREATE OR REPLACE TEMP TABLE progress (dataset INT, day DATE, taken INT)")
    for name, day, number, noted in progress_of(table):
        made.execute("INSERT INTO progress VALUES (?, ?, ?)", [DATASETS[name], day, number])
        ids = by_digest.get((day, noted)) if noted else []
        if ids is None or (whole and name == "publicacao" and sorted(ids) != sorted(last.get(day, []))):
            violations.append(f"{prefix} has notes of {day} that nobody made, or not the last")
        withdrawn += [[day, name] for name in ids or []]
    made.execute("CREATE OR REPLACE TEMP TABLE withdrawn (day DATE, id VARCHAR)")
    if withdrawn:
        made.executemany("INSERT INTO withdrawn VALUES (?, ?)", withdrawn)
    made.execute("CREATE OR REPLACE TEMP TABLE bronze AS SELECT stored.* FROM stored JOIN progress USING (dataset, day) WHERE file <= taken")
    if whole:
        inputs = {"current": "2", "history": "2"}.get(kind, "0, 1")
        lacking = f"SELECT count(*) FROM stored ANTI JOIN bronze USING (dataset, day, file) WHERE dataset IN ({inputs})"
        if made.execute(lacking).fetchone() != (0,):
            violations.append(f"{prefix} lacks commits")
    wanted, found = compared(made, table, kind)
    if not violations and not found:
        known.keep(table)
    return len(wanted), violations + [f"{prefix}: {one}" for one in found]


def judge(known, asked):
    known.learn(asked["lake"], asked["bronze"])
    violations, commits, rows = [], 0, 0
    for prefix in asked["bronze"]:
        count, found = judge_bronze(known, asked["lake"], prefix, asked["whole"])
        commits += count
        violations += found
    for prefix, kind in asked["silver"]:
        count, found = judge_silver(known, asked["lake"], prefix, kind, asked["notes"], asked["whole"])
        rows += count
        violations += found
    return {"shown": commits, "rows": rows, "violations": violations}


if __name__ == "__main__":
    lakes, shared = {}, database()
    # One database for all readings; each reads the logs anew.
    delta.database = silver.database = lambda: shared
    database = delta.database
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            if asked["lake"] not in lakes:
                lakes[asked["lake"]] = Lake()
            answer = judge(lakes[asked["lake"]], asked)
        except Exception as error:  # A reader's error is what is looked for.
            answer = {"violations": [f"{type(error).__name__}: {error}"]}
        print(json.dumps(answer), flush=True)
