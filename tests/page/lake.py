"""Makes a lake of 400 days of every shipped dataset, with all that a page has to show: days that failed, that
are partial, accepted or were never read, an outage of a week, and one day that nothing proves.

    lake.py FOLDER [LAST_DAY]

Written from the description of the formats alone; fates are the same whatever the last day.
"""

import datetime
import hashlib
import json
import pathlib
import random
import sys
import tomllib
import uuid
import zoneinfo

ROOT = pathlib.Path(__file__).resolve().parents[2]
ZONE = zoneinfo.ZoneInfo("America/Sao_Paulo")
DAYS = 400

REASONS = (
    "gave up after 6 tries: https://pncp.gov.br/api/consulta/v1 answered status 503",
    "gave up after 6 tries: HTML instead of JSON",
    "the first page states 812 records, the last page 815",
    "page 7 is empty, and the API states 431 records",
    "gave up after 6 tries: no answer in 60 s",
)


def datasets():
    """Source, name, prefix, kind, and labels of the slices of every shipped dataset."""
    for path in sorted((ROOT / "config/sources").glob("*.toml")):
        declared = tomllib.loads(path.read_text())
        for name, table in declared["dataset"].items():
            prefix = table.get("prefix", f"{path.stem}_{name}")
            labels = ["all"]
            for variable, values in table.get("slices", {}).items():
                if isinstance(values, list):
                    labels = [f"{variable}={value}" for value in values]
            yield path.stem, name, prefix, table.get("kind", "dated"), labels


class Maker:
    """The lake under a folder."""

    def __init__(self, folder, last):
        self.folder = pathlib.Path(folder)
        self.last = last
        # The same fates whatever the day, so that a check's outcome is no matter of the calendar.
        self.chance = random.Random("page")

    def put(self, key, data=b""):
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def run(self, begun, status, new=0, requests=40, **more):
        """An entry of the audit."""
        ended = begun + datetime.timedelta(seconds=20 + requests * 2)
        failures = more.pop("failures", {})
        retries = len(failures) * 5 + self.chance.randint(0, 3)
        return {
            "timestamp": ended.isoformat(), "new_records": new, "duplicates_filtered": new // 9, "filter_rate": 10.0,
            "fetched": new + new // 9, "unidentified": 0, "off_day": 0, "requests": requests + retries,
            "retries": retries, "drift": 0, "run_id": str(uuid.UUID(int=self.chance.getrandbits(128), version=4)),
            "job": "daily", "status": status, "failed_slices": list(failures), "failures": failures, "files": [],
            "started_at": begun.isoformat(), "version": "0.1.0", **more,
        }

    def state(self, prefix, day, runs, slices, complete, accepted=None, count=0):
        """A state document, sealed with its digest; and its files and marker."""
        partition = f"year={day:%Y}/month={day:%m}/day={day:%d}"
        ids = [f"{number:014}-1-{day:%Y%m%d}" for number in range(count)]
        last = None
        for number, run in enumerate((run for run in runs if run["new_records"]), 1):
            run["files"] = [f"{prefix}/{partition}/{prefix.rsplit('/', 1)[-1]}_{day:%Y%m%d}_c{number:06}.parquet"]
            self.put(run["files"][0], b"PAR1" * (200 + run["new_records"] * 12))
            last = number
        document = {
            "date": str(day), "processed_ids": ids, "last_execution": runs[-1]["timestamp"],
            "total_processed": count, "executions": runs, "created_at": runs[0]["timestamp"], "slices": slices,
            "complete": complete,
        }
        if accepted:
            document["accepted"] = {"at": runs[-1]["timestamp"], "reason": accepted}
        document |= {"commits": last or 0, "revision": len(runs) * 2, "format": 1}
        text = json.dumps(document, indent=2, ensure_ascii=False)[:-2]
        digest = hashlib.sha256(text.encode()).hexdigest()
        key = f"{prefix}/_state/{partition}/state_{day:%Y%m%d}.json"
        self.put(key, f'{text},\n  "digest": "sha256:{digest}"\n}}\n'.encode())
        if complete:
            self.put(f"{prefix}/_state/complete/{day:%Y%m%d}")
        elif accepted:
            self.put(f"{prefix}/_state/accepted/{day:%Y%m%d}")

    def slices(self, labels, count, failed=(), proven=True):
        """Progress of the slices, which share the records of the day."""
        shares = [self.chance.random() + 0.05 for _ in labels]
        progress = {}
        for label, share in zip(labels, shares):
            total = round(count * share / sum(shares))
            seen = total if label not in failed else total * 2 // 3
            progress[label] = {"total": total, "seen": seen, "proven": proven and label not in failed}
        return progress

    def day(self, prefix, day, kind, labels, fate):
        """A day, and what became of it."""
        weekday = day.weekday()
        usual = 9 if weekday >= 5 else 60 + 6 * weekday
        count = max(1, round(usual * self.chance.uniform(0.8, 1.25)))
        if fate == "proven" and self.chance.random() < 0.02:
            count = count // 4
        begun = datetime.datetime.combine(day + datetime.timedelta(days=1), datetime.time(3), ZONE)
        begun += datetime.timedelta(seconds=self.chance.randint(0, 1200))
        if kind in ("snapshot", "feed"):
            # Unchanged since the day before: no file without new records.
            count = 0
        if fate == "proven":
            runs = [self.run(begun, "ok", count)]
            return self.state(prefix, day, runs, self.slices(labels, count), True, count=count)
        if fate == "settling":
            runs = [self.run(begun, "ok", count)]
            return self.state(prefix, day, runs, self.slices(labels, count, proven=False), False, count=count)
        if fate == "accepted":
            failed = {labels[0]: "the API states 1 record more than it lists"}
            runs = [self.run(begun, "partial", count, failures=failed),
                    self.run(begun + datetime.timedelta(days=4), "ok", job="accept", reason="seen by Ana: the API counts one twice")]
            del runs[1]["status"]
            return self.state(prefix, day, runs, self.slices(labels, count, failed), False, "the API counts one record twice", count)
        if fate == "failed":
            runs = [self.run(begun + datetime.timedelta(minutes=20 * number), "failed", requests=3, stop="source_down",
                             error="20 failures in a row at the host (the last: status 503)") for number in range(3)]
            return self.state(prefix, day, runs, {}, False)
        tries = 9 if fate == "stuck" else self.chance.randint(1, 3)
        failed = {label: self.chance.choice(REASONS) for label in labels[: self.chance.randint(1, 4)]}
        apart = datetime.timedelta(days=9) if fate == "stuck" else datetime.timedelta(hours=6)
        runs = [self.run(begun + apart * number, "partial", count if number == 0 else 0, failures=failed)
                for number in range(tries)]
        return self.state(prefix, day, runs, self.slices(labels, count, failed), False, count=count)

    def fate(self, source, name, number, age):
        """What becomes of a day of the dataset of this name and number, so many days ago."""
        if (source, name, age) == ("comprasnet", "contratos", 20):
            # The day that the check opens to find its reason.
            return "partial"
        if source == "comprasnet" and 30 <= age < 37:
            return "failed"
        if number % 7 == 3 and 60 <= age < 66:
            return None
        if (source, number) == ("pncp", 17) and age == 100:
            return "stuck"
        if age < 2:
            return "settling"
        chance = self.chance.random()
        if chance < 0.004:
            return "failed"
        if chance < 0.012:
            return "partial"
        return "accepted" if chance < 0.016 else "proven"

    def make(self):
        first = self.last - datetime.timedelta(days=DAYS - 1)
        for number, (source, name, prefix, kind, labels) in enumerate(datasets()):
            for age in range(DAYS):
                day = self.last - datetime.timedelta(days=age)
                fate = self.fate(source, name, number, age)
                if kind in ("snapshot", "feed") and fate != "proven":
                    fate = "proven" if age > 1 else None
                if fate:
                    self.day(prefix, day, kind, labels, fate)
            if kind not in ("snapshot", "feed"):
                named = {"format": 1, "from": str(first), "noted_at": f"{first}T12:00:00Z"}
                self.put(f"_bronzed/named/{prefix}.json", json.dumps(named).encode())


def make(folder, last=None):
    """Makes the lake in a folder that isn't there; yesterday is its last day unless one is given."""
    if not pathlib.Path(folder).exists():
        yesterday = datetime.datetime.now(ZONE).date() - datetime.timedelta(days=1)
        Maker(folder, last or yesterday).make()


if __name__ == "__main__":
    make(sys.argv[1], *map(datetime.date.fromisoformat, sys.argv[2:3]))
