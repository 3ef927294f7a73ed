"""Writes a day as the earlier pipeline left it: pandas, pyarrow, naive times, and its faults.

    legacy_lake.py FOLDER PREFIX DAY KEY RECORDS [again]

RECORDS is a JSON file with at least ten records of the day. Of those, in their order, the last two
are unknown to this lake, the two before have lost their rows (the pipeline wrote its state before
its data), the next two have rows without an id, and all others have rows, the first one twice.
Prints which are which.

With `again` the folder has a state already: the pipeline stores the records that it doesn't know, and overwrites the state.
"""

import datetime
import json
import pathlib
import sys

import pandas


def main():
    folder, prefix, day, key, records, *again = sys.argv[1:]
    with open(records, encoding="utf-8") as file:
        records = json.load(file)
    date = datetime.date.fromisoformat(day)
    legacy = LegacyDay(pathlib.Path(folder), prefix, date, key)
    print(json.dumps(legacy.write_again(records) if again else legacy.write(records)))


class LegacyDay:
    def __init__(self, folder, prefix, date, key):
        self.folder, self.prefix, self.date, self.key = folder, prefix, date, key
        self.partition = f"year={date.year}/month={date.month:02d}/day={date.day:02d}"

    def write(self, records):
        stored, nameless = records[:-6], [self.without_id(one) for one in records[-6:-4]]
        lost, unknown = records[-4:-2], records[-2:]
        half = len(stored) // 2
        files = [
            self.write_file("080003", [stored[0], *stored[:half]]),
            # A later version of the pipeline added columns of its own.
            self.write_file("120004", self.with_own_columns(stored[half:] + nameless)),
        ]
        ids = [one[self.key] for one in stored + lost]
        state = self.write_state(ids, half, len(ids) - half)
        return {
            "files": files,
            "state": state,
            "rows": len(stored) + 1 + len(nameless),
            "stored": sorted(one[self.key] for one in stored),
            "nameless": nameless,
            "lost": sorted(one[self.key] for one in lost),
            "unknown": sorted(one[self.key] for one in unknown),
        }

    def write_again(self, records):
        path = self.folder / self.prefix / "_state" / self.partition / f"state_{self.date:%Y%m%d}.json"
        known = set(json.loads(path.read_text(encoding="utf-8"))["processed_ids"])
        new = [one for one in records if one[self.key] not in known]
        self.write_file("200005", new)
        self.write_state(sorted(known | {one[self.key] for one in new}), len(known), len(new))
        return {"new": len(new)}

    def without_id(self, record):
        return {name: value for name, value in record.items() if name != self.key}

    def with_own_columns(self, records):
        moment = f"{self.date}T12:00:01.734512"
        own = {
            "ingestion_timestamp": moment,
            "meta_execution_date": f"{self.date}T12:00:00+00:00",
            "meta_modalidades": json.dumps(["Leilão - Eletrônico", "Pregão - Eletrônico"]),
            "meta_record_count": len(records),
        }
        return [record | own for record in records]

    def write_file(self, time, records):
        name = f"{self.prefix}_{self.date:%Y%m%d}_{time}.parquet"
        path = self.folder / self.prefix / self.partition / name
        path.parent.mkdir(parents=True, exist_ok=True)
        frame = pandas.DataFrame(records)
        frame.to_parquet(path, engine="pyarrow", compression="snappy", index=False)
        return path.relative_to(self.folder).as_posix()

    def write_state(self, ids, first, second):
        name = f"state_{self.date:%Y%m%d}.json"
        path = self.folder / self.prefix / "_state" / self.partition / name
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "date": self.date.isoformat(),
            "processed_ids": sorted(ids),
            "last_execution": f"{self.date}T16:00:02.118034",
            "total_processed": len(ids),
            "executions": [
                {
                    "timestamp": f"{self.date}T08:00:03.482113",
                    "new_records": first,
                    "duplicates_filtered": 0,
                    "filter_rate": 0.0,
                },
                {
                    "timestamp": f"{self.date}T12:00:04.007241",
                    "new_records": second,
                    "duplicates_filtered": first,
                    "filter_rate": round(100 * first / (first + second), 2),
                    "validation": {
                        "total_records": second,
                        "valid_records": second,
                        "invalid_records": 0,
                        "validation_errors": [],
                        "validation_timestamp": f"{self.date}T12:00:03.911870",
                    },
                },
                {
                    "timestamp": f"{self.date}T16:00:02.118029",
                    "new_records": 0,
                    "duplicates_filtered": first + second,
                    "filter_rate": 100.0,
                    "backfill": {"days_back": 90, "reason": "recovery"},
                },
            ],
            "created_at": f"{self.date}T08:00:02.113406",
        }
        path.write_text(json.dumps(state, ensure_ascii=False, indent=2), encoding="utf-8")
        return path.relative_to(self.folder).as_posix()


if __name__ == "__main__":
    main()
